import Foundation
import ModelStore
import TestSupport
import Testing

/// Models in a folder of the user's, as with `--repo`.
@Suite struct ModelFolderTests {
    private let folder: TemporaryDirectory
    private let store: ModelStore

    init() throws {
        folder = try TemporaryDirectory()
        store = ModelStore(
            repository: folder.url, shipped: folder.url.appending(path: "shipped"),
            cache: folder.url.appending(path: "cache"))
    }

    private func add(_ name: String, from fixture: URL) throws {
        try FileManager.default.copyItem(at: fixture, to: folder.url.appending(path: name))
    }

    private func add(_ name: String, text: String) throws {
        try Data(text.utf8).write(to: folder.url.appending(path: name))
    }

    private func names(_ bag: BagFiles) -> [String] { bag.models.map(\.lastPathComponent) }

    @Test func findsSingleModels() async throws {
        let half = try Fixtures.torch("model-fp16")
        try add(half.lastPathComponent, from: half)
        try add("plain.th", from: half)
        try add("free.safetensors", from: Fixtures.folder.appending(path: "model.safetensors"))
        #expect(names(try await store.bag(named: "model-fp16")) == [half.lastPathComponent])
        #expect(names(try await store.bag(named: "plain")) == ["plain.th"])
        let bag = try await store.bag(named: "free")
        #expect(names(bag) == ["free.safetensors"])
        #expect(bag.weights == nil && bag.segment == nil)
        #expect(try bag.open().map(\.sources.count) == [4])
    }

    @Test func findsBags() async throws {
        let half = try Fixtures.torch("model-fp16")
        try add("11111111.th", from: half)
        try add("2e3.safetensors", from: Fixtures.folder.appending(path: "model.safetensors"))
        try add("two.yaml", text: "models: [11111111, 2e3]\nweights: [[1., 0., 0, 1], [0, 1, 1, .5]]\nsegment: 4.5\n")
        let bag = try await store.bag(named: "two")
        #expect(names(bag) == ["11111111.th", "2e3.safetensors"])
        #expect(bag.weights == [[1, 0, 0, 1], [0, 1, 1, 0.5]])
        #expect(bag.segment == 4.5)
        #expect(try bag.open().count == 2)
        #expect(try store.defaultName() == "two")
        let list = try store.list()
        #expect(list.names == ["11111111", "2e3", "two"])
        #expect(list.entries.allSatisfy { $0.isPresent && $0.bytes > 0 && $0.origin == .repository })
        #expect(list.entries.last?.isBag == true && list.entries.last?.models == 2)
    }

    @Test func prefersAsTheReferenceDoes() async throws {
        let half = try Fixtures.torch("model-fp16")
        let free = Fixtures.folder.appending(path: "model.safetensors")
        try add("one.safetensors", from: free)
        try add("one.yaml", text: "{models: [one], segment: 2}")
        #expect(try await store.bag(named: "one").segment == 2)
        try add("two.th", from: half)
        try add("two.yaml", text: "{models: [two], segment: 2}")
        #expect(try await store.bag(named: "two").segment == nil)
        try add("955717e8.th", from: half)
        #expect(names(try await store.bag(named: nil)) == ["955717e8.th"])
        #expect(try store.defaultName() == "htdemucs")
    }

    @Test func refusesAWrongChecksum() async throws {
        try add("abc-0123456789.th", from: try Fixtures.torch("model-fp16"))
        let sum = try Fixtures.torch("model-fp16").deletingPathExtension().lastPathComponent.suffix(8)
        await #expect {
            try await store.bag(named: "abc")
        } throws: {
            guard case .wrongChecksum("abc-0123456789.th", "0123456789", let found) = $0 as? ModelStoreError else {
                return false
            }
            return found.hasPrefix(sum)
        }
        let checks = try await store.verify("abc")
        guard case .damaged(let sentence) = checks.first?.outcome else {
            Issue.record("\(checks)")
            return
        }
        #expect(sentence.contains("0123456789"))
    }

    @Test(arguments: [
        ("models: [m, m]\nweights: [[1, 1, 1, 1]]", "weights for 1"),
        ("models: [m, m]\nweights: [[1, 1, 1, 1], [1, 1]]", "different numbers"),
        ("models: [m, m]\nweights: [[1, 0, 1, 1], [1, 0, 1, 1]]", "add up to nothing"),
        ("models: [m]\nweights: [[1, x, 1, 1]]", "no number"),
        ("models: [m]\nweights: [[1, .nan, 1, 1]]", "no number"),
        ("models: [m]\nweights: 3", "no list"),
        ("models: [m]\nweights: [3]", "list of lists"),
        ("models: [m]\nsegment: -3", "segment"),
        ("models: []", "0 models"),
        ("models: [../m]", "plain word"),
        ("models: [[m]]", "plain word"),
        ("weights: [[1]]", "no list of models"),
        ("]", "no YAML"),
        ("", "no list of models"),
        ("a: &a [1]\nb: &b [*a, *a]\nmodels: *b", "plain word"),
    ])
    func refusesWrongBags(yaml: String, word: String) async throws {
        try add("m.th", from: try Fixtures.torch("model-fp16"))
        try add("bag.yaml", text: yaml)
        await #expect {
            try await store.bag(named: "bag")
        } throws: {
            guard case .invalidBag("bag", let reason) = $0 as? ModelStoreError else { return false }
            return reason.contains(word)
        }
    }

    @Test(arguments: [("[", 8000), ("- ", 4000), ("{", 8000), ("#", 9000)])
    func refusesDeepAndLongBags(text: String, count: Int) async throws {
        try add("bag.yaml", text: String(repeating: text, count: count))
        await #expect(throws: ModelStoreError.self) { try await store.bag(named: "bag") }
    }

    @Test func refusesBagsWhoseMembersDoNotFit() async throws {
        try add("m.th", from: try Fixtures.torch("model-fp16"))
        try add("two-sources.th", from: Fixtures.folder.appending(path: "fraction-text.th"))
        try add("mixed.yaml", text: "models: [m, two-sources]")
        try add("wide.yaml", text: "models: [m]\nweights: [[1, 1, 1, 1, 1]]")
        try add("absent.yaml", text: "models: [m, n]")
        for name in ["mixed", "wide"] {
            let bag = try await store.bag(named: name)
            #expect(throws: ModelStoreError.self) { try bag.open() }
        }
        await #expect(
            throws: ModelStoreError.missingMember(bag: "absent", signature: "n", folder: folder.path)
        ) { try await store.bag(named: "absent") }
        #expect(try store.list().entries.first { $0.name == "absent" }?.isPresent == false)
        #expect(try await store.verify("absent").map(\.outcome) == [.readable, .missing])
    }

    @Test func refusesAmbiguity() async throws {
        try add("m.th", from: try Fixtures.torch("model-fp16"))
        try add("m.safetensors", from: Fixtures.folder.appending(path: "model.safetensors"))
        await #expect(
            throws: ModelStoreError.duplicateSignature("m", files: ["m.safetensors", "m.th"])
        ) { try await store.bag(named: "m") }
        try add("n.th", from: try Fixtures.torch("model-fp16"))
        #expect(throws: ModelStoreError.nameNeeded(folder: folder.path, known: ["m", "n"])) {
            try store.defaultName()
        }
    }

    @Test(arguments: [
        "../m", "/etc/passwd", "", ".", "..", "-n", "a/b", "a\u{0}b", "é", String(repeating: "a", count: 101),
    ])
    func refusesNamesThatAreNoNames(name: String) async throws {
        await #expect(throws: ModelStoreError.invalidName(name)) { try await store.bag(named: name) }
        await #expect(throws: ModelStoreError.invalidName(name)) { try await store.pull(name) }
        await #expect(throws: ModelStoreError.invalidName(name)) { try await store.verify(name) }
        #expect(throws: ModelStoreError.invalidName(name)) { try store.remove(name) }
    }

    @Test func saysWhichModelsThereAre() async throws {
        try add("m.th", from: try Fixtures.torch("model-fp16"))
        await #expect(throws: ModelStoreError.unknownModel("htdemucs", known: ["m"])) {
            try await store.bag(named: "htdemucs")
        }
        let nowhere = ModelStore(
            repository: folder.url.appending(path: "nowhere"), shipped: folder.url, cache: folder.url)
        await #expect(throws: ModelStoreError.self) { try await nowhere.bag(named: "m") }
    }
}
