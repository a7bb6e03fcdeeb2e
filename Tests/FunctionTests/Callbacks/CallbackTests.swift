import CallbacksFunction
import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import Jobs
import Logging
import ServiceContract
import Synchronization
import TestSupport
import Testing

/// The end of a job is told to its callback: signed, again and again until it is taken, and never where it must not go.
@Suite struct CallbackTests {
    /// A receiver that answers by a list of statuses, the last of which goes on.
    private struct Receiver: Function {
        static let manifest = Array(
            "name: receiver\nroutes: [{path: /hook, methods: [POST]}, {path: /moved, methods: [GET, POST]}]".utf8)

        struct Call: Sendable {
            var headers: [String: String]
            var body: String
        }

        let statuses: [Int]
        let calls = Recorder<Call>()

        init(environment: FunctionEnvironment) { statuses = [] }
        init(_ statuses: [Int]) { self.statuses = statuses }

        func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
            let body = String(decoding: try await request.body.collect(upTo: 1 << 16), as: UTF8.self)
            let headers = Dictionary(
                request.headers.map { ($0.name.canonicalName, $0.value) }, uniquingKeysWith: { $1 })
            calls.add(Call(headers: headers, body: request.path == "/hook" ? body : "moved"))
            let status = statuses[min(calls.values.count, statuses.count) - 1]
            return FunctionResponse(status: status, headers: status == 302 ? [.location: "/moved"] : [:])
        }
    }

    private static let owner = "studio"
    private static let signer = TokenSigner(secret: Stack.signingSecret)

    private static func sender(
        _ stack: Stack, reachesPrivate: Bool = true, pauses: [Duration] = [.milliseconds(50), .milliseconds(100)],
        tls: TLSOptions = TLSOptions()
    ) -> CallbackSender {
        CallbackSender(
            queue: stack.queue, signer: signer, reachesPrivate: reachesPrivate, pauses: pauses, tls: tls,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Runs `body` beside a sender.
    private static func sending(_ sender: CallbackSender, _ body: @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sender.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    /// Queues a song with a callback and has a worker end it.
    private static func end(_ stack: Stack, _ address: String, fails: Bool = false) async throws -> JobID {
        let id = JobID.random()
        try await stack.put("\(id)/a.mp3", metadata: ["callback": address])
        _ = try await stack.separatePost(Data("{\"bucket\":\"queue\",\"key\":\"\(id)/a.mp3\"}".utf8))
        if fails {
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            _ = try await stack.queue.fail(claim, reason: "It is no song.", retry: false)
        } else {
            try await stack.separate([("drums", Data("drums".utf8))])
        }
        return id
    }

    private static func delivery(_ stack: Stack, _ id: JobID) async throws -> CallbackDelivery? {
        try await stack.host.get("/fetch/\(id)").decoded(JobStatus.self).callbacks?.last
    }

    @Test func theEndIsToldSignedAndOnce() async throws {
        try await withStack { stack in
            let receiver = Receiver([204])
            try await withHost([receiver]) { host in
                let id = try await Self.end(stack, "\(host.url)/hook")
                #expect(try await Self.delivery(stack, id)?.standing == .waiting)
                try await Self.sending(Self.sender(stack)) {
                    try await eventually("it is told") {
                        try await Self.delivery(stack, id)?.standing == .delivered
                    }
                }
                #expect(receiver.calls.values.count == 1)
                let call = try #require(receiver.calls.values.first)
                #expect(call.body.contains("\"type\":\"job.done\"") && call.body.contains("/fetch/\(id)/drums.wav"))
                #expect(call.headers["content-type"] == "application/json")
                let delivery = try #require(try await Self.delivery(stack, id))
                #expect((delivery.tries, delivery.status, delivery.event) == (1, 204, "job.done"))
                #expect(call.headers["webhook-id"] == delivery.id && delivery.nextTry == nil)

                // The reference library takes it with the secret that the service tells, and with no other.
                let script = Places.repository.appending(path: "Tests/FunctionTests/Callbacks/verify.py").path
                let headers = String(decoding: try JSONEncoder().encode(call.headers), as: UTF8.self)
                let body = try TemporaryDirectory()
                try call.body.write(toFile: body.path + "/body", atomically: true, encoding: .utf8)
                func verified(_ secret: String) async throws -> String? {
                    let result = try await Program.result([
                        "sh", "-c", "exec python3 \"$0\" \"$1\" \"$2\" < \"$3\"", script, secret, headers,
                        body.path + "/body",
                    ])
                    return result.code == 0 ? result.text.trimmingCharacters(in: .whitespacesAndNewlines) : nil
                }
                let function = CallbacksFunction(
                    queue: QueueAccess(jobs: stack.queue), signer: Self.signer, sender: Self.sender(stack))
                let secret = try await withHost([function]) { host in
                    try await host.get("/callbacks").decoded(CallbackOverview.self).secret
                }
                #expect(try await verified(secret) == "job.done")
                let other = "whsec_" + Data((0..<32).map { UInt8($0) }).base64EncodedString()
                #expect(try await verified(other) == nil)
            }
        }
    }

    @Test func everyEndIsTold() async throws {
        try await withStack { stack in
            let receiver = Receiver([200])
            try await withHost([receiver]) { host in
                let id = try await Self.end(stack, "\(host.url)/hook", fails: true)
                #expect(try await stack.host.send("POST", "/fetch/\(id)/retry").status == 202)
                try await stack.separate([("drums", Data("drums".utf8))])
                let cancelled = JobID.random()
                try await stack.put("\(cancelled)/a.mp3", metadata: ["callback": "\(host.url)/hook"])
                _ = try await stack.separatePost(Data("{\"bucket\":\"queue\",\"key\":\"\(cancelled)/a.mp3\"}".utf8))
                #expect(try await stack.host.send("DELETE", "/fetch/\(cancelled)").status == 204)
                try await Self.sending(Self.sender(stack)) {
                    try await eventually("three ends are told") { receiver.calls.values.count == 3 }
                }
                let types = receiver.calls.values.compactMap {
                    $0.body.firstMatch(of: /"type":"([a-z.]+)"/).map { String($0.1) }
                }
                #expect(Set(types) == ["job.failed", "job.done", "job.cancelled"])
                #expect(Set(receiver.calls.values.compactMap { $0.headers["webhook-id"] }).count == 3)
            }
        }
    }

    /// The same message, with the same id and the same words, until it is taken.
    @Test func whatIsNotTakenIsSentAgain() async throws {
        try await withStack { stack in
            let receiver = Receiver([500, 302, 200])
            try await withHost([receiver]) { host in
                let id = try await Self.end(stack, "\(host.url)/hook")
                try await Self.sending(Self.sender(stack)) {
                    try await eventually("it is taken") { try await Self.delivery(stack, id)?.standing == .delivered }
                }
                let calls = receiver.calls.values
                #expect(calls.count == 3 && !calls.contains { $0.body == "moved" }, "no redirection is followed")
                #expect(Set(calls.map(\.body)).count == 1 && Set(calls.map { $0.headers["webhook-id"] }).count == 1)
                #expect(try await Self.delivery(stack, id)?.tries == 3)
            }
        }
    }

    @Test func whatIsGivenUpIsKeptAndSentOnDemand() async throws {
        try await withStack { stack in
            let receiver = Receiver([500, 500, 500, 200])
            try await withHost([receiver]) { host in
                let id = try await Self.end(stack, "\(host.url)/hook")
                try await Self.sending(Self.sender(stack)) {
                    try await eventually("it is given up") { try await Self.delivery(stack, id)?.standing == .failed }
                    let delivery = try #require(try await Self.delivery(stack, id))
                    #expect((delivery.tries, delivery.status) == (3, 500))
                    #expect(delivery.reason?.contains("500") == true && delivery.nextTry == nil)
                    #expect(try await stack.queue.failedCallbacks(of: .all).map(\.job) == [id])
                    #expect(try await stack.queue.failedCallbacks(of: .owner("other")).isEmpty)
                    let again = try await stack.host.send("POST", "/fetch/\(id)/callbacks")
                    #expect(again.status == 202)
                    try await eventually("it is taken") { try await Self.delivery(stack, id)?.standing == .delivered }
                    #expect(try await stack.queue.failedCallbacks(of: .all).isEmpty)
                    // And once more, since it was asked for.
                    _ = try await stack.host.send("POST", "/fetch/\(id)/callbacks")
                    try await eventually("it is sent again") { receiver.calls.values.count == 5 }
                }
            }
            let silent = try await stack.queued()
            #expect(try await stack.host.send("POST", "/fetch/\(silent)/callbacks").problem == "conflict")
        }
    }

    @Test func goneIsTheEnd() async throws {
        try await withStack { stack in
            let receiver = Receiver([410])
            try await withHost([receiver]) { host in
                let id = try await Self.end(stack, "\(host.url)/hook")
                try await Self.sending(Self.sender(stack)) {
                    try await eventually("it is given up") { try await Self.delivery(stack, id)?.standing == .failed }
                }
                #expect(receiver.calls.values.count == 1)
            }
        }
    }

    /// Whatever name or spelling leads there: nothing is sent to this machine or its network.
    @Test func privateAddressesAreNotReached() async throws {
        let authority = try await Authority(name: "DNS:localhost,IP:127.0.0.1")
        try await withStack { stack in
            let receiver = Receiver([200])
            try await withHost(
                [receiver], configure: { $0.certificate = (authority.certificate, authority.key) }
            ) { host in
                let addresses = [
                    "https://localhost:\(host.port)/hook", "https://127.0.0.1:\(host.port)/hook",
                    "https://127.1:\(host.port)/hook", "https://2130706433:\(host.port)/hook",
                    "https://0x7f000001:\(host.port)/hook", "https://[::ffff:127.0.0.1]:\(host.port)/hook",
                    "https://0.0.0.0:\(host.port)/hook", "http://127.0.0.1:\(host.port)/hook",
                ]
                var ids: [JobID] = []
                for address in addresses { ids.append(try await Self.end(stack, address)) }
                let tls = TLSOptions(trust: .file(authority.certificate))
                try await Self.sending(Self.sender(stack, reachesPrivate: false, pauses: [], tls: tls)) { [ids] in
                    for id in ids {
                        try await eventually("it is given up") {
                            try await Self.delivery(stack, id)?.standing == .failed
                        }
                    }
                }
                #expect(receiver.calls.values.isEmpty)
                for (id, address) in zip(ids, addresses) {
                    let reason = try await Self.delivery(stack, id)?.reason ?? ""
                    let isPlain = address.hasPrefix("http:")
                    #expect(reason.contains(isPlain ? "https" : "private network"), "\(address): \(reason)")
                }
                // The same receiver, where it is allowed.
                _ = try await stack.host.send("POST", "/fetch/\(ids[0])/callbacks")
                try await Self.sending(Self.sender(stack, pauses: [], tls: tls)) { [ids] in
                    try await eventually("it is taken") {
                        try await Self.delivery(stack, ids[0])?.standing == .delivered
                    }
                }
            }
        }
    }

    @Test func whatCanBeNoCallbackIsRefused() async throws {
        try await withStack { stack in
            for address in [
                "x", "ftp://a/b", "https://", "https://user:word@a.example/", "https://a b/", "https://a.example/#part",
                "https://a.example/\u{e9}", "https://a.example:port/",
                "https://a.example/" + String(repeating: "x", count: 1000),
            ] {
                let query = address.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                let reply = try await stack.host.send(
                    "POST", "/upload?callback=\(query)", body: .bytes(UploadTests.song))
                #expect(reply.problem == "invalid-option", "\(address)")
            }
            let plain = try await stack.host.send(
                "POST", "/upload?callback=http%3A%2F%2Fa.example%2F", body: .bytes(UploadTests.song))
            #expect(plain.problem == "invalid-option", "plain HTTP is for private networks")
            #expect(try await stack.isEmpty("queue"))
        }
    }

    /// A sender that goes away leaves its messages to another one; two at once send each once.
    @Test func messagesOfALostSenderAreSent() async throws {
        try await withStack { stack in
            let receiver = Receiver([200])
            try await withHost([receiver]) { host in
                let id = try await Self.end(stack, "\(host.url)/hook")
                let taken = try await stack.queue.takeCallbacks(limit: 10, for: .milliseconds(300))
                #expect(taken.map(\.job) == [id])
                #expect(try await stack.queue.takeCallbacks(limit: 10, for: .seconds(60)).isEmpty)
                let sender = Self.sender(stack)
                try await Self.sending(sender) {
                    try await Self.sending(sender) {
                        try await eventually("it is told") {
                            try await Self.delivery(stack, id)?.standing == .delivered
                        }
                        var ids: [JobID] = []
                        for _ in 0..<20 { ids.append(try await Self.end(stack, "\(host.url)/hook")) }
                        for id in ids {
                            try await eventually("it is told") {
                                try await Self.delivery(stack, id)?.standing == .delivered
                            }
                        }
                    }
                }
                #expect(receiver.calls.values.count == 21)
            }
        }
    }
}
