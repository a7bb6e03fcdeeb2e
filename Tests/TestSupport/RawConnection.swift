public import Foundation
import Threading

/// A TCP connection on which a test says exactly what it wants.
public final class RawConnection: Sendable {
    private let descriptor: Int32
    private let thread = BlockingThread(name: "raw")

    /// Connects to 127.0.0.1.
    public init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw TestFailure("cannot connect to \(port)") }
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Sends text.
    public func send(_ text: String) async throws { try await send(Data(text.utf8)) }

    /// Sends bytes.
    public func send(_ data: Data) async throws {
        try await thread.run { [descriptor] in
            var rest = data[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw TestFailure("the connection is gone") }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Tells the other side that nothing more is sent.
    public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Breaks the connection off with a reset.
    public func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// What has come until `mark` is there, or all until the end of the connection.
    public func receive(until mark: String? = nil) async throws -> String {
        try await thread.run { [descriptor] in
            var text = ""
            var buffer = [UInt8](repeating: 0, count: 65536)
            let deadline = ContinuousClock.now + .seconds(60)
            while mark.map({ !text.contains($0) }) ?? true {
                guard ContinuousClock.now < deadline else { throw TestFailure("no end in time; so far: \(text)") }
                let count = recv(descriptor, &buffer, buffer.count, 0)
                if count < 0, errno == ECONNRESET { break }
                guard count >= 0 else { throw TestFailure("nothing came in time; so far: \(text)") }
                guard count > 0 else { break }
                text += String(decoding: buffer[..<count], as: UTF8.self)
            }
            return text
        }
    }
}
