import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Ends a connection in good manners.
///
/// After an answer with `Connection: close` it closes its own side and goes on reading for a moment, so that the
/// client gets to see the answer instead of a reset while it still sends its body. Requests that are no HTTP get an
/// answer that says so.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private static let lingerTime = TimeAmount.seconds(3)
    private static let lingerBytes = 64 << 20

    private var openRequests = 0
    private var closesAfterAnswer = false
    private var isClosing = false
    private var drained = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard !isClosing else {
            if case .body(let buffer) = part { drained += buffer.readableBytes }
            if drained > Self.lingerBytes { context.close(promise: nil) }
            return
        }
        if case .head = part { openRequests += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if head.status.kind != .informational { closesAfterAnswer = head.headerFields[.connection] == "close" }
        case .body: break
        case .end:
            openRequests -= 1
            if closesAfterAnswer {
                isClosing = true
                finish(context: context, data: data, promise: promise)
                return
            }
        }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isClosing, let event = event as? ChannelEvent, event == .inputClosed {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isClosing else { return }
        guard openRequests == 0, let problem = Self.problem(for: error) else { return context.fireErrorCaught(error) }
        isClosing = true
        let body = problem.json(requestID: RequestID.random())
        let head = HTTPResponse(
            status: .init(code: problem.status),
            headerFields: [
                .contentType: "application/problem+json", .contentLength: String(body.count), .connection: "close",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        finish(context: context, data: wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Sends the answer's end, closes the sending side, and everything a moment later.
    private func finish(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let sent = promise ?? context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        sent.futureResult.whenComplete { _ in
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: Self.lingerTime) { channel.close(promise: nil) }
        }
        context.writeAndFlush(data, promise: sent)
    }

    private static func problem(for error: any Error) -> Problem? {
        switch error {
        case HTTPParserError.headerOverflow: .headersTooLarge
        case HTTPParserError.invalidEOFState: nil
        case is HTTPParserError: .malformedRequest
        default: nil
        }
    }
}
