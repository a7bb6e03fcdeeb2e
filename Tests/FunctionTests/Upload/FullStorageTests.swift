import Foundation
import HTTPTransport
import Streams
import Synchronization
import TestSupport
import Testing

/// What clients and operators are told when the storage has no room.
@Suite struct FullStorageTests {
    @Test func aFullStorageIsSaid() async throws {
        let storage = FullStorage()
        try await withStack(transport: storage) { stack in
            #expect(try await stack.host.get("/readyz").json["status"] == "ready")
            let body = HTTPBody.bytes(UploadTests.song)
            let refused = try await stack.host.send("POST", "/upload?filename=a.mp3", body: body)
            #expect((refused.status, refused.problem) == (507, "storage-full"))
            #expect(refused.json["detail"]?.contains("storage is full") == true)
            #expect(refused.headers["Retry-After"] == "60")
            try await eventually("readiness says it") {
                let reply = try await stack.host.get("/readyz")
                return reply.status == 200 && reply.json["status"] == "degraded"
                    && reply.text.contains("\"storage\":\"full\"")
            }
            storage.isFull = false
            #expect(try await stack.host.send("POST", "/upload?filename=a.mp3", body: body).status == 202)
            try await eventually("it has room again") {
                try await stack.host.get("/readyz").json["status"] == "ready"
            }
        }
    }
}

/// The storage, while it has no room for songs.
private final class FullStorage: HTTPTransport {
    private let state = Mutex(true)

    var isFull: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard isFull, request.method == "PUT" else { return try await CurlTransport().send(request) }
        let text = "<Error><Code>XMinioStorageFull</Code><Message>Full.</Message></Error>"
        return HTTPResponse(status: 507, body: ByteStream(Data(text.utf8)))
    }
}
