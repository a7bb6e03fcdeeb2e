import Foundation
import HTTPTransport
import ModelStore
import Synchronization
import TestSupport
import Testing

/// Official models from a local server that fails in the ways that servers and networks fail.
@Suite struct DownloadTests {
    private let folder: TemporaryDirectory
    private let server: ServerProcess
    private let half: URL
    private let full: URL

    init() throws {
        folder = try TemporaryDirectory()
        half = try Fixtures.torch("model-fp16")
        full = try Fixtures.torch("model-fp32")
        server = try ServerProcess([
            "python3", Fixtures.folder.appending(path: "file_server.py").path, "{port}", Fixtures.folder.path,
        ])
    }

    /// A store whose `htdemucs` and `pair` are fixtures; `checksum` replaces the right one of `htdemucs`.
    private func store(_ mode: String, port: Int? = nil) -> ModelStore {
        let members = [half, full].map { file in
            let stem = file.deletingPathExtension().lastPathComponent
            return OfficialModel.Member(signature: String(stem.dropLast(9)), checksum: String(stem.suffix(8)))
        }
        return ModelStore(
            repository: nil, shipped: Fixtures.starter.deletingLastPathComponent().deletingLastPathComponent(),
            cache: folder.url.appending(path: "cache"),
            officials: [
                OfficialModel(name: "htdemucs", members: [members[0]]),
                OfficialModel(name: "pair", members: members, weights: [[1, 1, 0, 0], [0, 0, 1, 1]]),
                OfficialModel(name: "absent", members: [.init(signature: "00000000", checksum: "11111111")]),
            ],
            downloader: Downloader(
                transport: CurlTransport(), address: "http://127.0.0.1:\(port ?? server.port)/\(mode)",
                retryDelay: .milliseconds(1)))
    }

    private struct Request: Decodable, Equatable {
        var path: String
        var range: String?
    }

    private func requests() async throws -> [Request] {
        let response = try await CurlTransport().send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/requests"))
        return try JSONDecoder().decode([Request].self, from: try await response.body.collect(limit: 1 << 20))
    }

    private func isComplete(_ bag: BagFiles) throws -> Bool {
        try zip(bag.models, [half, full]).allSatisfy { try Data(contentsOf: $0) == Data(contentsOf: $1) }
    }

    private func leftovers() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "cache").path)) ?? [])
            .sorted()
    }

    private func leave(_ data: Data, as name: String) throws {
        let cache = folder.url.appending(path: "cache")
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        try data.write(to: cache.appending(path: name))
    }

    @Test func downloadsOnceAndUsesItFromThenOn() async throws {
        let store = store("ok")
        #expect(try await store.bag(named: nil).name == "starter")
        let seen = Mutex<[DownloadProgress]>([])
        let bag = try await store.bag(named: "pair") { progress in seen.withLock { $0.append(progress) } }
        #expect(try isComplete(bag))
        #expect(bag.weights == [[1, 1, 0, 0], [0, 0, 1, 1]])
        #expect(try bag.open().count == 2)
        #expect(leftovers() == [half, full].map(\.lastPathComponent).sorted())
        let size = try Data(contentsOf: full).count
        #expect(seen.withLock { $0.first?.receivedBytes } == 0)
        #expect(
            seen.withLock { $0.last }
                == DownloadProgress(
                    model: "pair", file: full.lastPathComponent, fileIndex: 1, fileCount: 2, receivedBytes: size,
                    totalBytes: size))
        #expect(try await store.bag(named: nil).name == "htdemucs")
        #expect(try await requests().count == 2)
    }

    @Test func goesOnAfterEachCut() async throws {
        let bag = try await store("cut-10000").bag(named: "htdemucs")
        #expect(try isComplete(bag))
        let requests = try await requests()
        #expect(requests.count == (try Data(contentsOf: half).count + 9999) / 10000)
        #expect(requests.prefix(3).map(\.range) == [nil, "bytes=10000-", "bytes=20000-"])
    }

    @Test func goesOnWhereAnEarlierRunStopped() async throws {
        try leave(try Data(contentsOf: half).prefix(30_000), as: half.lastPathComponent + ".part")
        let seen = Mutex<[DownloadProgress]>([])
        let bag = try await store("ok").bag(named: "htdemucs") { progress in seen.withLock { $0.append(progress) } }
        #expect(try isComplete(bag))
        #expect(seen.withLock { $0.first?.receivedBytes } == 30_000)
        #expect(try await requests().map(\.range) == ["bytes=30000-"])
    }

    @Test(arguments: ["plain", "plain-cut-10000", "busy-3", "elsewhere", "shifted"])
    func copesWith(mode: String) async throws {
        try leave(try Data(contentsOf: half).prefix(50), as: half.lastPathComponent + ".part")
        #expect(try isComplete(try await store(mode).bag(named: "htdemucs")))
        #expect(leftovers() == [half.lastPathComponent])
    }

    /// What an earlier run left is wrong, too long, or already all of it.
    @Test(arguments: [0, 1, 2])
    func copesWithWhatIsLeft(kind: Int) async throws {
        let data = try Data(contentsOf: half)
        let left = [Data(repeating: 7, count: 5000), data + Data([1]), data][kind]
        try leave(left, as: half.lastPathComponent + ".part")
        #expect(try isComplete(try await store("ok").bag(named: "htdemucs")))
        #expect(leftovers() == [half.lastPathComponent])
    }

    @Test func refusesAWrongChecksumAndLeavesNothing() async throws {
        await #expect {
            try await store("flipped").bag(named: "htdemucs")
        } throws: {
            if case .wrongChecksum(half.lastPathComponent, _, _) = $0 as? ModelStoreError { true } else { false }
        }
        #expect(leftovers() == [])
    }

    @Test func saysWhatToDoWhenNothingCanBeFetched() async throws {
        let free = try freePort()
        for (store, word) in [(store("ok", port: free), "Cannot connect"), (store("busy-9"), "status 503")] {
            await #expect {
                try await store.bag(named: "htdemucs")
            } throws: {
                let sentence = "\($0)"
                return sentence.contains(word) && sentence.contains("--repo DIR")
                    && sentence.contains(half.lastPathComponent)
            }
        }
        await #expect {
            try await store("ok").bag(named: "absent")
        } throws: { "\($0)".contains("no such file") }
    }

    @Test func twoAtOnceDownloadOnce() async throws {
        let stores = [store("cut-20000"), store("cut-20000")]
        let size = try Data(contentsOf: half).count
        try await withThrowingTaskGroup(of: BagFiles.self) { group in
            for store in stores { group.addTask { try await store.bag(named: "htdemucs") } }
            for try await bag in group { #expect(try isComplete(bag)) }
        }
        #expect(try await requests().count == (size + 19_999) / 20_000)
    }

    @Test func isCancelled() async throws {
        let store = store("cut-1000")
        let started = AsyncStream<Void>.makeStream()
        let task = Task { try await store.bag(named: "htdemucs") { _ in started.continuation.yield() } }
        for await _ in started.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(leftovers() == [half.lastPathComponent + ".part"])
    }

    @Test func listsVerifiesAndRemoves() async throws {
        let store = store("ok")
        #expect(try store.list().names == ["starter", "htdemucs", "pair", "absent"])
        #expect(try store.list().entries.map(\.isPresent) == [true, false, false, false])
        #expect(try await store.verify("starter").map(\.outcome) == [.readable])
        #expect(try await store.verify("htdemucs").map(\.outcome) == [.missing])
        try await store.pull("htdemucs")
        #expect(try await store.verify("pair").map(\.outcome) == [.verified, .missing])
        #expect(try store.list().entries[1].isPresent && store.list().entries[1].bytes > 0)
        try leave(Data([1, 2, 3]), as: half.lastPathComponent)
        guard case .damaged = try await store.verify("htdemucs").first?.outcome else {
            Issue.record("damage not seen")
            return
        }
        #expect(try store.remove("htdemucs") == 3)
        #expect(leftovers() == [])
        #expect(throws: ModelStoreError.notRemovable("htdemucs")) { try store.remove("htdemucs") }
        #expect(throws: ModelStoreError.notRemovable("starter")) { try store.remove("starter") }
    }

    @Test func namesTheKnownModels() async throws {
        let store = store("ok")
        await #expect(
            throws: ModelStoreError.unknownModel("nonsense", known: ["starter", "htdemucs", "pair", "absent"])
        ) { try await store.bag(named: "nonsense") }
        await #expect(throws: ModelStoreError.unsupportedModel("mdx")) { try await store.bag(named: "mdx") }
    }

    @Test func followsTheEnvironment() throws {
        let store = try ModelStore(environment: [
            "XDG_CACHE_HOME": "/caches", "MSAAS_MODELS": "/shipped", "HOME": "/home/me",
        ])
        #expect(store.cache.path == "/caches/msaas")
        #expect(store.shipped.path == "/shipped")
        #expect(try ModelStore(environment: ["HOME": "/home/me"]).cache.path == "/home/me/.cache/msaas")
        #expect(try store.list().names == ["htdemucs", "htdemucs_ft", "htdemucs_6s"])
        #expect(try store.list().entries.map(\.models) == [1, 4, 1])
    }
}
