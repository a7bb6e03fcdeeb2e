import Foundation
import TestSupport

/// A server that reads one command from each connection and answers with the next of its replies, whatever it was asked;
/// then it closes the connection, or says nothing more.
final class FakeRedis: Sendable {
    enum Reply: Sendable {
        /// These bytes, and the end.
        case cut(String)
        /// Nothing, for ever.
        case silence
    }

    let port: Int
    private let listener: Int32

    init(_ replies: [Reply]) throws {
        port = try freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(listener, 8) == 0 else { throw TestFailure("the fake server cannot listen") }
        Thread { [listener] in Self.serve(listener, replies) }.start()
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func serve(_ listener: Int32, _ replies: [Reply]) {
        for reply in replies {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            var buffer = [UInt8](repeating: 0, count: 65536)
            _ = recv(connection, &buffer, buffer.count, 0)
            switch reply {
            case .cut(let text):
                _ = send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL))
                close(connection)
            case .silence:
                _ = recv(connection, &buffer, buffer.count, 0)
                close(connection)
            }
        }
        close(listener)
    }
}
