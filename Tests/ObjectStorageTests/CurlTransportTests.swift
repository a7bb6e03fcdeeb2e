import Foundation
import NIOCore
import Streams
import HTTPTransport
import Synchronization
import TestSupport
import Testing

@Suite struct CurlTransportTests {
    private let transport = CurlTransport()

    /// IANA's special-purpose registries, and how else such addresses are written.
    @Test func privateAddressesAreKnown() throws {
        func isPublic(_ text: String) -> Bool {
            var (four, six) = (in_addr(), in6_addr())
            if inet_pton(AF_INET, text, &four) == 1 {
                return PublicAddress.contains(withUnsafeBytes(of: &four) { Array($0) })
            }
            guard inet_pton(AF_INET6, text, &six) == 1 else { return true }
            return PublicAddress.contains(withUnsafeBytes(of: &six) { Array($0) })
        }
        for text in [
            "0.0.0.0", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254", "172.16.0.1",
            "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
            "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
            "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1",
            "2001::1", "2001:1::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd12::1", "fe80::1",
            "fec0::1", "ff02::1", "5f00::1",
        ] { #expect(!isPublic(text), "\(text)") }
        for text in [
            "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.1.1.1", "128.0.0.1",
            "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.1.1", "198.17.1.1", "198.20.0.0", "223.255.255.255",
            "2001:4860:4860::8888", "2606:4700::1", "2a00::1", "2003::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
            "3ffe::1",
        ] { #expect(isPublic(text), "\(text)") }
    }

    @Test func keepsConnections() async throws {
        let server = try ScriptedServer { connection in
            while let head = connection.readHead() {
                let path = head.split(separator: " ")[1]
                connection.write(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(path.count)\r\nX-Ab: 1\r\nx-aB: 2\r\n\r\n\(path)")
            }
        }
        for number in 0..<5 {
            let response = try await transport.send(HTTPRequest(url: "\(server.url)/a/../\(number)%20"))
            #expect(response.status == 200)
            #expect(response.headers["x-ab"] == "1")
            #expect(response.headers.values("X-AB") == ["1", "2"])
            #expect(response.contentLength == 10)
            #expect(try await response.body.collect(limit: 100) == Data("/a/../\(number)%20".utf8))
        }
        #expect(server.connections == 1)
    }

    @Test func manyAtOnce() async throws {
        let server = try ScriptedServer { connection in
            while let head = connection.readHead() {
                let path = head.split(separator: " ")[1]
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(path.count)\r\n\r\n\(path)")
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let response = try await transport.send(HTTPRequest(url: "\(server.url)/\(number)"))
                    #expect(try await response.body.collect(limit: 100) == Data("/\(number)".utf8))
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func streamsUp() async throws {
        let body = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) })
        let received = Mutex(Data())
        let server = try ScriptedServer { connection in
            guard let head = connection.readHead() else { return }
            let isChunked = head.lowercased().contains("transfer-encoding: chunked")
            received.withLock { $0 = isChunked ? Self.readChunks(connection) : connection.read(body.count) }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        // Chunks larger than the transfer's buffer, and so small that many fit into it.
        for (length, size) in [(body.count, 100_000), (nil, 100_000), (body.count, 1_000), (nil, 77)] {
            let (stream, source) = AsyncStream.makeStream(of: Data.self)
            for start in stride(from: 0, to: body.count, by: size) {
                source.yield(Data(body[start..<min(start + size, body.count)]))
            }
            source.finish()
            let request = HTTPRequest(
                method: "PUT", url: server.url,
                body: .stream(ByteStream(stream.map { ByteBuffer(bytes: $0) }), length: length))
            #expect(try await transport.send(request).status == 200)
            #expect(received.withLock { $0 } == body)
        }
        let directory = try TemporaryDirectory()
        let file = directory.url.appending(path: "body")
        try body.write(to: file)
        let request = HTTPRequest(method: "PUT", url: server.url, body: .file(file))
        #expect(try await transport.send(request).status == 200)
        #expect(received.withLock { $0 } == body)
    }

    private static func readChunks(_ connection: ScriptedServer.Connection) -> Data {
        var all = Data()
        while true {
            var line = Data()
            while line.last != 10 {
                let byte = connection.read(1)
                guard !byte.isEmpty else { return all }
                line += byte
            }
            let size = Int(
                String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines), radix: 16)
            all += connection.read(size ?? 0)
            _ = connection.read(2)
            if size == 0 { return all }
        }
    }

    /// The client reads nothing: the server can send what the buffers on the way hold, and no more.
    @Test func holdsTheServerBack() async throws {
        let sent = Mutex(0)
        let (stalled, signal) = AsyncStream.makeStream(of: Void.self)
        let (go, release) = AsyncStream.makeStream(of: Void.self)
        let size = 256 << 20
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            let block = Data(repeating: 1, count: 1 << 16)
            var idle = 0
            while idle < 200 {
                let count = connection.writeWithoutWaiting(block)
                sent.withLock { $0 += count }
                idle = count == 0 ? idle + 1 : 0
                if count == 0 { usleep(5000) }
            }
            signal.yield()
            let group = DispatchSemaphore(value: 0)
            Task {
                for await _ in go { break }
                group.signal()
            }
            group.wait()
            connection.write(Data(repeating: 1, count: size - sent.withLock { $0 }))
        }
        let response = try await transport.send(HTTPRequest(url: server.url))
        for await _ in stalled { break }
        #expect(sent.withLock { $0 } < size / 4)
        release.yield()
        var count = 0
        for try await chunk in response.body { count += chunk.readableBytes }
        #expect(count == size)
    }

    @Test func cancellationClosesTheConnection() async throws {
        let (closed, signal) = AsyncStream.makeStream(of: Void.self)
        let (asked, request) = AsyncStream.makeStream(of: Void.self)
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            request.yield()
            connection.waitForClose()
            signal.yield()
        }
        let task = Task { [transport] in try await transport.send(HTTPRequest(url: server.url)) }
        for await _ in asked { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for await _ in closed { break }
    }

    @Test func lettingGoOfTheBodyClosesTheConnection() async throws {
        let (closed, signal) = AsyncStream.makeStream(of: Void.self)
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            connection.waitForClose()
            signal.yield()
        }
        var response: HTTPResponse? = try await transport.send(HTTPRequest(url: server.url))
        #expect(response?.status == 200)
        response = nil
        for await _ in closed { break }
    }

    @Test func cancellationWhileReading() async throws {
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            connection.waitForClose()
        }
        let response = try await transport.send(HTTPRequest(url: server.url))
        let (started, signal) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            for try await _ in response.body { signal.yield() }
        }
        for await _ in started { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func silentServerTimesOut() async throws {
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            connection.waitForClose()
        }
        var request = HTTPRequest(url: server.url + "/x?X-Amz-Signature=secret")
        request.timeouts.idle = .seconds(1)
        let error = await #expect(throws: HTTPError.self) { try await transport.send(request) }
        guard case .timedOut = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.isTransient == true)
        #expect(error?.description.contains("secret") == false)
    }

    @Test func errorsAreSentences() async throws {
        let port = try freePort()
        let refused = await #expect(throws: HTTPError.self) {
            try await transport.send(HTTPRequest(url: "http://user:password@127.0.0.1:\(port)/"))
        }
        #expect(
            refused?.description
                == "Cannot connect to http://127.0.0.1:\(port)/: Connection refused. "
                + "Check that the server runs and that the address is right.")
        let cut = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        }
        let response = try await transport.send(HTTPRequest(url: cut.url))
        let lost = await #expect(throws: HTTPError.self) { try await response.body.collect(limit: 1000) }
        guard case .connectionLost = lost else {
            Issue.record("\(String(describing: lost))")
            return
        }
    }

    @Test func limits() async throws {
        let server = try ScriptedServer { connection in
            guard let head = connection.readHead() else { return }
            if head.contains("/headers") {
                connection.write("HTTP/1.1 200 OK\r\n")
                for number in 0..<280 { connection.write("X-\(number): \(String(repeating: "x", count: 1000))\r\n") }
                connection.write("\r\n")
            } else {
                connection.write(
                    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\(String(repeating: "x", count: 1000))")
            }
        }
        await #expect(throws: HTTPError.headersTooLarge(limit: 256 << 10)) {
            try await transport.send(HTTPRequest(url: server.url + "/headers"))
        }
        let response = try await transport.send(HTTPRequest(url: server.url))
        await #expect(throws: HTTPError.bodyTooLarge(limit: 999)) { try await response.body.collect(limit: 999) }
    }

    @Test(arguments: ["ftp://127.0.0.1/", "file:///etc/passwd", "http://a b/", "http://127.0.0.1/é", ""])
    func refusesAddresses(url: String) async {
        await #expect(throws: HTTPError.self) { try await transport.send(HTTPRequest(url: url)) }
    }

    @Test func refusesHeadersThatBreakOut() async {
        for (name, value) in [("A", "b\r\nC: d"), ("A:", "b"), ("", "b"), ("A b", "c"), ("A", "\u{0}")] {
            let error = await #expect(throws: HTTPError.self) {
                try await transport.send(HTTPRequest(url: "http://127.0.0.1:1/", headers: HTTPHeaders([(name, value)])))
            }
            guard case .invalidRequest = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test func failingBody() async throws {
        struct Broken: Error {}
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            connection.waitForClose()
        }
        let stream = ByteStream(next: { throw Broken() })
        await #expect(throws: Broken.self) {
            try await transport.send(HTTPRequest(method: "PUT", url: server.url, body: .stream(stream, length: 10)))
        }
        await #expect(throws: HTTPError.wrongBodyLength(announced: 10, sent: 3)) {
            let short = HTTPBody.stream(ByteStream(Data("abc".utf8)), length: 10)
            return try await transport.send(HTTPRequest(method: "PUT", url: server.url, body: short))
        }
    }

    @Test func refusalBeforeTheBodyIsSent() async throws {
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            connection.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            connection.waitForClose()
        }
        let endless = ByteStream(next: {
            try await Task.sleep(for: .milliseconds(1))
            return ByteBuffer(repeating: 0, count: 1000)
        })
        let request = HTTPRequest(method: "PUT", url: server.url, body: .stream(endless, length: 1 << 40))
        let response = try await transport.send(request)
        #expect(response.status == 403)
    }

    @Test func redirections() async throws {
        let server = try ScriptedServer { connection in
            while let head = connection.readHead() {
                let isFirst = head.hasPrefix("GET /first ")
                connection.write(
                    isFirst
                        ? "HTTP/1.1 302 Found\r\nLocation: /second\r\nContent-Length: 3\r\n\r\nold"
                        : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")
            }
        }
        let plain = try await transport.send(HTTPRequest(url: server.url + "/first"))
        #expect(plain.status == 302)
        let followed = try await transport.send(HTTPRequest(url: server.url + "/first", redirects: 3))
        #expect(followed.status == 200)
        #expect(try await followed.body.collect(limit: 10) == Data("new".utf8))
    }

    @Test func methodsAndEmptyBodies() async throws {
        let heads = Mutex<[String]>([])
        let server = try ScriptedServer { connection in
            while let head = connection.readHead() {
                heads.withLock { $0.append(head.lowercased()) }
                connection.write("HTTP/1.1 204 No Content\r\n\r\n")
            }
        }
        for method in ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"] {
            #expect(try await transport.send(HTTPRequest(method: method, url: server.url)).status == 204)
        }
        let seen = heads.withLock { $0 }
        #expect(seen.map { $0.prefix { $0 != " " } } == ["get", "head", "delete", "post", "put", "patch"])
        #expect(seen.map { $0.contains("content-length: 0") } == [false, false, false, true, true, true])
    }
}
