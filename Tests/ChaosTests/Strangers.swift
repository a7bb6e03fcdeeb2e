import Foundation
import HTTPTransport
import LocalStack
import ObjectStorage
import TestSupport

/// What strangers send.
enum Stranger: String, CaseIterable, Sendable {
    case bodiesAfterRefusal, slowUploads, silentConnections, unreadAnswers
    case nearMisses, endlessLength, lengthsThatDiffer, twoHosts, noHost, brokenChunks, badEvents, unsignedHeaders,
        endlessLifecycle
}

/// Strangers who send what they like, over plain sockets, to the functions and to the storage.
struct Strangers: Sendable {
    let address: StackAddress
    /// The API key that some of them have.
    let key: String
    let storage: S3Client

    private var ports: (functions: Int, storage: Int) {
        (URL(string: address.http)?.port ?? 0, URL(string: address.storage)?.port ?? 0)
    }

    /// Lets some of them in at once, those who are slow for so long.
    ///
    /// - Returns: answers that they must not have got. That there is none, since the other side was killed, is no complaint.
    func attack(kinds: [Stranger], for length: Duration) async -> [String] {
        await withTaskGroup(of: [String].self) { group in
            for kind in kinds { group.addTask { await attack(kind, for: length).map { "\(kind.rawValue): \($0)" } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func attack(_ kind: Stranger, for length: Duration) async -> [String] {
        let upload = "POST /upload?filename=a.mp3 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        let authorized = upload + "Authorization: Bearer \(key)\r\n"
        switch kind {
        case .bodiesAfterRefusal:
            return await trickle(
                24, to: ports.functions, upload + "Content-Length: 50000000\r\n\r\n", for: length, expecting: "401")
        case .slowUploads:
            let head = authorized + "Content-Type: audio/mpeg\r\nContent-Length: 50000000\r\n\r\nID3"
            return await trickle(24, to: ports.functions, head, for: length, expecting: nil)
        case .silentConnections:
            return await trickle(48, to: ports.storage, "GET /queue HTTP/1.1\r\n", for: length, expecting: nil)
        case .unreadAnswers:
            let head = "GET /fetch HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(key)\r\n\r\n"
            return await trickle(
                8, to: ports.functions, String(repeating: head, count: 40), for: length, expecting: nil)
        case .nearMisses:
            let form =
                "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\nID3\u{4}\0\0\0\0\0\0"
                + String(repeating: "\r\n--a\r\n-", count: 250_000)
            let head =
                authorized
                + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: \(form.utf8.count)\r\n\r\n"
            return await ask(ports.functions, head + form, expecting: ["400", "429"])
        case .endlessLength:
            let lengths = ["9223372036854775808", "18446744073709551616", "-1", "0x10", "1 1", "+5"]
            return await each(lengths.map { "Content-Length: \($0)\r\n\r\n" }) { ending in
                await ask(ports.functions, authorized + ending, expecting: ["400", "413"])
                    + ask(
                        ports.storage, "PUT /queue/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + ending,
                        expecting: ["400", "403", "413", "501"])
            }
        case .lengthsThatDiffer:
            let fields = [
                "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            ]
            return await each(fields) { await ask(ports.functions, upload + $0, expecting: ["400", "401", "501"]) }
        case .twoHosts, .noHost:
            let hosts = kind == .noHost ? "" : "Host: a\r\nHost: b\r\n"
            return await each([ports.functions, ports.storage]) { port in
                await ask(port, "GET /fetch HTTP/1.1\r\nConnection: close\r\n\(hosts)\r\n", expecting: ["400"])
            }
        case .brokenChunks:
            let head = "PUT /queue/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            return await each(["zz\r\nx\r\n", "-1\r\n\r\n", "ffffffffffffffffff\r\n", "5\nhello\n0\n\n"]) { chunks in
                await ask(ports.storage, head + chunks, expecting: ["400", "403", "411", "501"])
                    + ask(
                        ports.functions, upload + "Transfer-Encoding: chunked\r\n\r\n" + chunks,
                        expecting: ["400", "401"])
            }
        case .badEvents:
            let bodies = [
                "[", "{\"Records\": 5}", "{\"bucket\":\"queue\",\"key\":\"../../a\"}",
                String(repeating: "[", count: 5000),
            ]
            return await each(bodies) { body in
                await ask(
                    ports.functions,
                    "POST /separate HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer \(key)\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                        + body, expecting: ["400", "403", "404"])
            }
        case .unsignedHeaders: return await putUnderLargeHeaders()
        case .endlessLifecycle:
            // Refused, or else forgotten again; what is never right is a storage that ends.
            do {
                try await storage.setExpiry("queue", [ExpiryRule(id: "x", days: .max)])
                return ["it was taken"]
            } catch {
                return []
            }
        }
    }

    /// Header fields of 72 KB that a presigned address does not cover.
    private func putUnderLargeHeaders() async -> [String] {
        guard let url = try? storage.presign("PUT", "queue", "stranger.mp3", expires: .seconds(60)) else { return [] }
        let target = url.absoluteString.dropFirst(address.storage.count)
        let fields = ["Cache-Control", "Content-Disposition", "Content-Language", "Expires"]
            .map { "\($0): \(String(repeating: "x", count: 18_000))\r\n" }.joined()
        let host = address.storage.dropFirst("http://".count)
        return await ask(
            ports.storage,
            "PUT \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\(fields)Content-Length: 3\r\n\r\nID3",
            expecting: ["400", "431"])
    }

    private func each<Value: Sendable>(_ values: [Value], _ body: (Value) async -> [String]) async -> [String] {
        var complaints: [String] = []
        for value in values { complaints += await body(value) }
        return complaints
    }

    /// Sends something that asks for the end of the connection, and reads up to there. There must be one answer, of one of these statuses.
    private func ask(_ port: Int, _ text: String, expecting statuses: [String]) async -> [String] {
        guard let connection = try? RawConnection(port: port) else { return [] }
        // The other side may have had enough before all is sent.
        try? await connection.send(text)
        guard let answer = try? await connection.receive(), !answer.isEmpty else { return [] }
        let lines = answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }.filter { $0 != "100" }
        guard let status = lines.first else { return ["no HTTP: \(answer.prefix(80))"] }
        // A process that is going away says so.
        if status == "503" { return [] }
        return (statuses.contains(String(status)) ? [] : ["\(status) to \(text.prefix(160).debugDescription)"])
            + (lines.count > 1 ? ["\(lines.count) answers to \(text.prefix(160).debugDescription)"] : [])
    }

    /// Opens connections, sends a beginning, and then a byte now and then, until the time is over or it was cut off.
    private func trickle(
        _ count: Int, to port: Int, _ head: String, for length: Duration, expecting status: String?
    ) async -> [String] {
        let end = ContinuousClock.now + length
        return await withTaskGroup(of: [String].self) { group in
            for _ in 0..<count {
                group.addTask {
                    guard let connection = try? RawConnection(port: port), (try? await connection.send(head)) != nil
                    else { return [] }
                    while ContinuousClock.now < end, (try? await connection.send("x")) != nil {
                        try? await Task.sleep(for: .milliseconds(100))
                    }
                    guard let status else {
                        connection.reset()
                        return []
                    }
                    connection.finishSending()
                    let answer = (try? await connection.receive()) ?? ""
                    return answer.isEmpty || answer.hasPrefix("HTTP/1.1 \(status)") || answer.hasPrefix("HTTP/1.1 503")
                        ? [] : ["answered \(answer.prefix(40).debugDescription)"]
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }
}
