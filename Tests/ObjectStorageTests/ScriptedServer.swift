import Foundation
import Synchronization
import TestSupport

/// A server on a loopback port that answers as a test tells it, byte by byte: for what real servers rarely do.
final class ScriptedServer: Sendable {
    /// One accepted connection.
    struct Connection: Sendable {
        fileprivate let descriptor: Int32
        /// Counts connections from 0.
        let number: Int

        /// The next request's head, up to and with its empty line; `nil` when the client is gone.
        func readHead() -> String? {
            var bytes: [UInt8] = []
            while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
                var byte: UInt8 = 0
                guard recv(descriptor, &byte, 1, 0) == 1 else { return nil }
                bytes.append(byte)
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        /// So many bytes of a body; fewer when the client is gone.
        func read(_ count: Int) -> Data {
            var data = Data()
            var buffer = [UInt8](repeating: 0, count: 65536)
            while data.count < count {
                let got = recv(descriptor, &buffer, min(buffer.count, count - data.count), 0)
                guard got > 0 else { break }
                data.append(contentsOf: buffer[..<got])
            }
            return data
        }

        /// Sends bytes; `false` when the client is gone.
        @discardableResult
        func write(_ data: Data) -> Bool {
            data.withUnsafeBytes { bytes in
                var sent = 0
                while sent < bytes.count {
                    let count = send(
                        descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                    guard count > 0 else { return false }
                    sent += count
                }
                return true
            }
        }

        @discardableResult
        func write(_ text: String) -> Bool { write(Data(text.utf8)) }

        /// Sends what fits without waiting, and says how much.
        func writeWithoutWaiting(_ data: Data) -> Int {
            data.withUnsafeBytes {
                max(0, send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)))
            }
        }

        /// Waits until the client closes.
        func waitForClose() { while !read(65536).isEmpty {} }
    }

    let port: Int
    private let listener: Int32
    private let accepted = Counter()

    /// How many connections were made.
    var connections: Int { accepted.value }
    var url: String { "http://127.0.0.1:\(port)" }

    /// Runs `script` on a thread of its own for each connection, and closes the connection behind it.
    init(_ script: @escaping @Sendable (Connection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isReady = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isReady else { throw TestFailure("no port for the scripted server") }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread { [listener, accepted] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                let number = accepted.next()
                Thread {
                    script(Connection(descriptor: descriptor, number: number))
                    shutdown(descriptor, Int32(SHUT_RDWR))
                    close(descriptor)
                }.start()
            }
            close(listener)
        }.start()
    }

    /// The thread closes the listener, for whom it is still open: its number may at once be another server's.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        func next() -> Int {
            count.withLock { count in
                defer { count += 1 }
                return count
            }
        }
    }
}
