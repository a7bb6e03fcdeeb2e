import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Keeps one connection within ``ConnectionRules`` and ends it in good manners. It stands between the HTTP decoder and the server.
///
/// - A body that comes slower than the least rate, while we wait for it, is answered and cut off.
/// - An answer that is given before its request's body is all there ends the connection, unless very little is missing: nobody
///   makes us read a body that we refused. After the answer our side is closed and what still comes is thrown away for a moment,
///   so that the client gets to see the answer instead of a reset.
/// - Each request has one answer: what goes wrong after it, as a body that is no HTTP, ends the connection without another.
/// - What is no HTTP before there is a request gets an answer that says so.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let rules: ConnectionRules
    private var place: ConnectionRules.Place?
    private var isRefused = false
    /// Requests whose heads came and whose answers are not written yet. Only the last of them can lack bytes of its body.
    private var openRequests = 0
    /// What is missing of the last request's body: `nil` when it is all there, `.max` when nobody knows.
    private var missing: Int?
    /// Whether the last request's client waits to be told to go on. If it is not, nobody knows whether its body comes at all.
    private var waitsForContinue = false
    private var hasAnswerBegun = false
    private var closesAfterAnswer = false
    private var isClosing = false
    private var thrownAway = 0
    private var pace: BodyPace
    private var nextLook: Scheduled<Void>?

    /// A guard for one connection.
    init(_ rules: ConnectionRules) {
        self.rules = rules
        pace = BodyPace(rate: rules.limits.leastBodyRate, window: rules.limits.rateWindow)
    }

    // MARK: - The connection

    func handlerAdded(context: ChannelHandlerContext) {
        // Small reads: some ten of them wait in memory for each body that comes in faster than it is taken.
        _ = context.channel.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 2048, maximum: 32 << 10))
        place = rules.enter(context.remoteAddress)
        isRefused = place == nil
        if isRefused, context.channel.isActive {
            let channel = context.channel
            channel.eventLoop.execute { channel.close(promise: nil) }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        if isRefused { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        place = nil
        nextLook?.cancel()
        nextLook = nil
    }

    // MARK: - What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        let part = unwrapInboundIn(data)
        guard !isClosing else { return throwAway(part, context) }
        switch part {
        case .head(let head):
            openRequests += 1
            let length = head.headerFields[.contentLength].map { Int($0) ?? .max }
            missing = length ?? (head.headerFields[.transferEncoding] == nil ? 0 : .max)
            waitsForContinue = head.headerFields[.expect]?.lowercased() == "100-continue"
            if missing != 0, !waitsForContinue { watchPace(context) }
        case .body(let buffer):
            pace.received(buffer.readableBytes)
            if let left = missing, left != .max { missing = max(0, left - buffer.readableBytes) }
        case .end:
            missing = nil
            nextLook?.cancel()
            nextLook = nil
        }
        context.fireChannelRead(data)
    }

    private func throwAway(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head: return
        case .body(let buffer):
            thrownAway += buffer.readableBytes
            if thrownAway > rules.limits.lingerBytes { context.close(promise: nil) }
        case .end: context.close(promise: nil)
        }
    }

    func read(context: ChannelHandlerContext) {
        pace.waits(now: .now())
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        pace.pauses(now: .now())
        context.fireChannelReadComplete()
        // Whoever reads behind us may have stopped asking.
        if isClosing { context.read() }
    }

    private func watchPace(_ context: ChannelHandlerContext) {
        guard rules.limits.leastBodyRate > 0, nextLook == nil else { return }
        pace.restart(now: .now())
        look(context)
    }

    private func look(_ context: ChannelHandlerContext) {
        let interval = TimeAmount.nanoseconds(rules.limits.rateWindow.nanoseconds / 8)
        nextLook = context.eventLoop.assumeIsolated().scheduleTask(in: interval) { [self] in
            nextLook = nil
            guard !isClosing, missing != nil else { return }
            guard pace.isTooSlow(now: .now()) else { return look(context) }
            cutOff(context)
        }
    }

    private func cutOff(_ context: ChannelHandlerContext) {
        rules.count(.slowBody)
        guard openRequests == 1, !hasAnswerBegun else { return context.close(promise: nil) }
        answer(.slowBody, context)
        context.fireErrorCaught(BodyTooSlow())
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isClosing, let event = event as? ChannelEvent, event == .inputClosed {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isClosing, !isRefused else { return }
        if openRequests == 0, let fault = ConnectionFault(error) {
            answer(fault, context)
        } else {
            closesAfterAnswer = true
            context.fireErrorCaught(error)
        }
    }

    // MARK: - What goes out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind == .informational:
            waitsForContinue = false
            context.write(data, promise: promise)
            if missing != nil { watchPace(context) }
        case .head(var head):
            hasAnswerBegun = true
            let isUnread = openRequests == 1 && missing.map { $0 > rules.limits.drainableBytes } ?? false
            if isUnread || openRequests == 1 && waitsForContinue { closesAfterAnswer = true }
            if head.headerFields[.connection]?.lowercased() == "close" { closesAfterAnswer = true }
            if closesAfterAnswer { head.headerFields[.connection] = "close" }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            openRequests -= 1
            hasAnswerBegun = false
            if closesAfterAnswer {
                finish(context, data, promise, isRead: missing == nil)
            } else {
                context.write(data, promise: promise)
            }
        }
    }

    private func answer(_ fault: ConnectionFault, _ context: ChannelHandlerContext) {
        let refusal = rules.refusal(fault)
        let head = HTTPResponse(
            status: .init(code: refusal.status),
            headerFields: [
                .contentType: refusal.contentType, .contentLength: String(refusal.body.count), .connection: "close",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: refusal.body))), promise: nil)
        // Behind a head that is no head there may be any amount of more: it is not known to be read.
        finish(context, wrapOutboundOut(.end(nil)), nil, isRead: false)
    }

    /// Sends the answer's end, closes the sending side, and everything a moment later: whoever is closed while it still sends
    /// may never see the answer.
    private func finish(
        _ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?, isRead: Bool
    ) {
        isClosing = true
        nextLook?.cancel()
        let sent = promise ?? context.eventLoop.makePromise(of: Void.self)
        let (channel, linger) = (context.channel, TimeAmount(rules.limits.lingerTime))
        sent.futureResult.whenComplete { _ in
            guard !isRead else { return channel.close(promise: nil) }
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
        }
        context.writeAndFlush(data, promise: sent)
        context.read()
    }
}

/// How fast a body comes, counted only while we wait for it: time in which our own reader holds it back is not the client's.
package struct BodyPace {
    let rate: Int
    let window: Duration
    private var waited = Duration.zero
    private var bytes = 0
    private var waitingSince: NIODeadline?

    package init(rate: Int, window: Duration) {
        self.rate = rate
        self.window = window
    }

    /// A body begins.
    package mutating func restart(now: NIODeadline) {
        (waited, bytes) = (.zero, 0)
        if waitingSince != nil { waitingSince = now }
    }

    package mutating func waits(now: NIODeadline) { if waitingSince == nil { waitingSince = now } }

    package mutating func pauses(now: NIODeadline) {
        if let since = waitingSince { waited += .nanoseconds((now - since).nanoseconds) }
        waitingSince = nil
    }

    package mutating func received(_ count: Int) { bytes += count }

    /// Whether a whole window of waiting went by with too few bytes. The next window begins then.
    package mutating func isTooSlow(now: NIODeadline) -> Bool {
        if waitingSince != nil {
            pauses(now: now)
            waitingSince = now
        }
        guard waited >= window else { return false }
        let wanted = Double(rate) * (window / .seconds(1))
        defer { (waited, bytes) = (.zero, 0) }
        return Double(bytes) < wanted
    }
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
