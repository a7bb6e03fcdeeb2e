import Foundation
import Synchronization
import TestSupport

/// A door to a Redis that can lose replies: it passes commands on and closes the connection instead of bringing the answer.
final class LossyProxy: Sendable {
    let port: Int
    private let target: Int
    private let listener: Int32
    private let isLossy = Atomic<Bool>(false)

    init(to target: Int) throws {
        self.target = target
        port = try freePort()
        listener = try Self.socket(port) { bind($0, $1, $2) }
        guard listen(listener, 8) == 0 else { throw TestFailure("the proxy cannot listen") }
        Thread { [self] in serve() }.start()
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Whether replies are lost from now on.
    func losesReplies(_ isLossy: Bool) { self.isLossy.store(isLossy, ordering: .relaxed) }

    private func serve() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { return }
            guard let server = try? Self.socket(target, { connect($0, $1, $2) }) else { continue }
            Thread { [self] in relay(client, server) }.start()
        }
    }

    private func relay(_ client: Int32, _ server: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var ends = [
            pollfd(fd: client, events: Int16(POLLIN), revents: 0),
            pollfd(fd: server, events: Int16(POLLIN), revents: 0),
        ]
        relaying: while poll(&ends, 2, -1) > 0 {
            for index in 0..<2 where ends[index].revents != 0 {
                let count = recv(ends[index].fd, &buffer, buffer.count, 0)
                guard count > 0, index == 0 || !isLossy.load(ordering: .relaxed) else { break relaying }
                _ = send(ends[1 - index].fd, buffer, count, Int32(MSG_NOSIGNAL))
            }
        }
        close(client)
        close(server)
    }

    private static func socket(
        _ port: Int, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw TestFailure("no connection to port \(port)") }
        return descriptor
    }
}
