import NIOCore

/// Keeps reads small: some ten of them wait in memory for each body that comes in faster than the disk takes it.
final class SmallReads: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    func handlerAdded(context: ChannelHandlerContext) {
        _ = context.channel.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 2048, maximum: 32 << 10))
    }
}
