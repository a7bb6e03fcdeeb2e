import CMalloc
public import NIOCore
import NIOHTTP1
import Synchronization

/// What one connection, and all connections of one address, may take of a server.
public struct ConnectionLimits: Sendable {
    /// The fewest bytes a second with which a body may come, on average over ``rateWindow``, while the server waits for it;
    /// 0 for any.
    public var leastBodyRate = 1024
    /// Over how long the rate is averaged.
    public var rateWindow = Duration.seconds(20)
    /// The most open connections of one address (of one /64 network with IPv6); 0 for any number. Connections from this machine
    /// and those that ``ConnectionRules`` exempts are not counted.
    public var perAddress = 256
    /// How much of a refused body is read so that its connection can be used again, in bytes.
    public var drainableBytes = 64 << 10
    /// After an answer that ends a connection: for how long, and how many bytes of, what still comes is thrown away.
    public var lingerTime = Duration.seconds(3)
    /// See ``lingerTime``.
    public var lingerBytes = 64 << 20

    /// The defaults.
    public init() {}
}

/// What is wrong with a connection, when the server answers instead of its functions.
public enum ConnectionFault: Sendable, Equatable {
    /// It is not HTTP/1.1.
    case malformedRequest
    /// Its header fields are larger than the decoder takes.
    case headersTooLarge
    /// The body comes too slowly.
    case slowBody

    /// What an error of the decoder means; `nil` for one that is the connection's end.
    init?(_ error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow: self = .headersTooLarge
        case HTTPParserError.invalidEOFState: return nil
        case is HTTPParserError: self = .malformedRequest
        default: return nil
        }
    }
}

/// Thrown to whoever reads a body that came too slowly. The client was already answered.
public struct BodyTooSlow: Error {}

/// The limits of one server with what its connections share: who is connected, and how faults are answered.
public final class ConnectionRules: Sendable {
    /// An answer to a ``ConnectionFault``.
    public struct Refusal: Sendable {
        var status: Int
        var contentType: String
        var body: [UInt8]

        /// An answer with a short document.
        public init(status: Int, contentType: String, body: [UInt8]) {
            self.status = status
            self.contentType = contentType
            self.body = body
        }
    }

    /// What is counted.
    public struct Counts: Sendable, Equatable {
        /// Bodies that were cut off because they came too slowly.
        public var slowBodies = 0
        /// Connections that were closed at once because their address had enough of them.
        public var refusedConnections = 0
    }

    enum Event {
        case slowBody
        case refusedConnection
    }

    let limits: ConnectionLimits
    let refusal: @Sendable (ConnectionFault) -> Refusal
    private let isExempt: @Sendable (SocketAddress) -> Bool
    private let open = Mutex<[AddressKey: Int]>([:])
    private let counted = Mutex(Counts())

    /// Rules for one server.
    ///
    /// - Parameters:
    ///   - isExempt: addresses, such as those of trusted proxies, whose connections are not counted.
    ///   - refusal: how faults are answered.
    public init(
        _ limits: ConnectionLimits, isExempt: @escaping @Sendable (SocketAddress) -> Bool = { _ in false },
        refusal: @escaping @Sendable (ConnectionFault) -> Refusal
    ) {
        self.limits = limits
        self.isExempt = isExempt
        self.refusal = refusal
        _ = buffersAreGivenBack
    }

    /// What happened so far.
    public var counts: Counts { counted.withLock { $0 } }

    func count(_ event: Event) {
        counted.withLock { counts in
            switch event {
            case .slowBody: counts.slowBodies += 1
            case .refusedConnection: counts.refusedConnections += 1
            }
        }
    }

    /// A connection's place among those of its address, given back when the last reference is gone.
    package final class Place: Sendable {
        private let rules: ConnectionRules?
        private let key: AddressKey?

        init(_ rules: ConnectionRules?, _ key: AddressKey?) {
            self.rules = rules
            self.key = key
        }

        deinit { if let rules, let key { rules.leave(key) } }
    }

    /// A place for a new connection; `nil` when its address has enough.
    package func enter(_ address: SocketAddress?) -> Place? {
        guard limits.perAddress > 0, let address, let key = AddressKey(address), !key.isLoopback, !isExempt(address)
        else { return Place(nil, nil) }
        let isTaken = open.withLock { open in
            let count = open[key, default: 0]
            guard count < limits.perAddress else { return false }
            open[key] = count + 1
            return true
        }
        if !isTaken { count(.refusedConnection) }
        return isTaken ? Place(self, key) : nil
    }

    private func leave(_ key: AddressKey) {
        open.withLock { open in
            let left = (open[key] ?? 1) - 1
            open[key] = left > 0 ? left : nil
        }
    }
}

/// Who is at the other end: an IPv4 address, or the network of an IPv6 address, whose owner has all the others in it.
struct AddressKey: Hashable, Sendable {
    private let bytes: [UInt8]
    let isLoopback: Bool

    init?(_ address: SocketAddress) {
        switch address {
        case .v4(let address):
            bytes = withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
            isLoopback = bytes[0] == 127
        case .v6(let address):
            let all = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            if all.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] {
                bytes = Array(all.suffix(4))
                isLoopback = bytes[0] == 127
            } else {
                bytes = Array(all.prefix(8))
                isLoopback = all.dropLast().allSatisfy { $0 == 0 } && all[15] == 1
            }
        case .unixDomainSocket: return nil
        }
    }
}

/// Has the allocator give large buffers back to the system as soon as they are free, and once a process is enough.
///
/// Unless told, glibc raises the size from which it does that to that of the largest buffer that was ever freed (mallopt(3),
/// `M_MMAP_THRESHOLD`). From then on a song's pieces lie on the heap, small buffers settle between them, and what a hundred songs
/// took once is never given back. Nor does each thread need a heap of its own (`M_ARENA_MAX`): what one of them has freed lies idle
/// while another one asks the system for more.
private let buffersAreGivenBack = mallopt(M_MMAP_THRESHOLD, 128 << 10) == 1 && mallopt(M_ARENA_MAX, 2) == 1
