import Foundation

/// An address of this machine that a server binds to: loopback, one of its others, or all of them.
public struct ListeningAddress: Sendable, Equatable, CustomStringConvertible {
    /// The numeric address as a server takes it: `127.0.0.1`, `0.0.0.0`, `::1`.
    public let text: String
    private let family: Int32

    /// Only this machine.
    public static let loopback = ListeningAddress(text: "127.0.0.1", family: AF_INET)

    private init(text: String, family: Int32) {
        self.text = text
        self.family = family
    }

    /// The address that `text` names: an IPv4 or IPv6 address, with or without brackets, or a name such as `localhost`; `nil`
    /// when it names none.
    public init?(_ text: String) {
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let name = isBracketed ? String(text.dropFirst().dropLast()) : text
        guard !name.isEmpty, let found = Self.resolve(name, port: 0, passive: true) else { return nil }
        self = found.address
    }

    /// As `text`.
    public var description: String { text }
    /// Whether it is one of loopback's.
    public var isLoopback: Bool { text.hasPrefix("127.") || text == "::1" }
    /// Whether it stands for every address of this machine.
    public var isWildcard: Bool { text == "0.0.0.0" || text == "::" }

    /// As the host of a URL on this machine: all addresses are reached over loopback.
    public var host: String {
        switch text {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: family == AF_INET6 ? "[\(text)]" : text
        }
    }

    /// As the host of a URL on another machine: for every address, the first one that is not loopback.
    public var publicHost: String { isWildcard ? Self.firstOutside ?? host : host }

    /// Binds `port` (0: any) for a moment; the port, or `nil` when that is refused.
    func probe(port: Int) -> Int? {
        withSocket(port: port) { descriptor, address, length in
            var length = length
            // A port in TIME_WAIT is free for a server; one that is being listened on is not.
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            guard bind(descriptor, address, length) == 0, getsockname(descriptor, address, &length) == 0 else {
                return nil
            }
            return UnsafeRawPointer(address).withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                // The port stands at the same place in both families.
                Int(UInt16(bigEndian: $0.pointee.sin_port))
            }
        }
    }

    /// Whether a server accepts connections on `port`.
    func accepts(port: Int) -> Bool {
        withSocket(port: port) { descriptor, address, length in
            connect(descriptor, address, length) == 0 ? true : nil
        } ?? false
    }

    private func withSocket<Result>(
        port: Int, _ body: (Int32, UnsafeMutablePointer<sockaddr>, socklen_t) -> Result?
    ) -> Result? {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0, let found = Self.resolve(text, port: port, passive: true) else { return nil }
        defer { close(descriptor) }
        var storage = found.storage
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, found.length) }
        }
    }

    private static func resolve(
        _ name: String, port: Int, passive: Bool
    ) -> (address: ListeningAddress, storage: sockaddr_storage, length: socklen_t)? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        // Of a name with addresses of both families, the older one: all our servers and their clients speak it.
        hints.ai_family = name.contains(":") ? AF_INET6 : AF_INET
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, String(port), &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(first) }
        var storage = sockaddr_storage()
        guard let address = first.pointee.ai_addr,
            let text = numeric(address, first.pointee.ai_addrlen)
        else { return nil }
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(first.pointee.ai_addrlen)))
        }
        return (
            ListeningAddress(text: text, family: first.pointee.ai_family), storage, first.pointee.ai_addrlen
        )
    }

    private static func numeric(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> String? {
        var text = [CChar](repeating: 0, count: 64)
        guard getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The first IPv4 address of this machine that others may reach.
    private static var firstOutside: String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        return sequence(first: list) { $0?.pointee.ifa_next }.lazy.compactMap { entry -> String? in
            guard let entry, let address = entry.pointee.ifa_addr, Int32(address.pointee.sa_family) == AF_INET,
                let text = numeric(address, socklen_t(MemoryLayout<sockaddr_in>.size)), !text.hasPrefix("127.")
            else { return nil }
            return text
        }.first { _ in true }
    }
}

/// A TCP port that the operator asked for, or that we would like.
public enum Port: Sendable, Equatable {
    /// This one or an error.
    case fixed(Int)
    /// This one, or any free one when another program holds it.
    case preferred(Int)
    /// Any free one.
    case any

    /// A port that is free on `address` at this moment.
    ///
    /// - Throws: ``StackError/portTaken(_:)`` when a fixed port is held by another program.
    func resolve(on address: ListeningAddress) throws(StackError) -> Int {
        switch self {
        case .fixed(let port):
            if let port = address.probe(port: port) { return port }
            // Is it the port or the address that is refused?
            throw address.probe(port: 0) == nil ? .cannotBind(address.text) : .portTaken(port)
        case .preferred(let port):
            if let port = address.probe(port: port) { return port }
            return try Port.any.resolve(on: address)
        case .any:
            guard let port = address.probe(port: 0) else { throw .cannotBind(address.text) }
            return port
        }
    }
}
