import NIOCore

/// Keeps reads small: some ten of them wait in memory for each body that comes in faster than the disk takes it.
final class SmallReads: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private static let size = 32 << 10

    func handlerAdded(context: ChannelHandlerContext) {
        _ = context.channel.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.size))
    }
}
