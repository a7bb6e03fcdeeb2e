import Foundation

/// One parser of what comes from outside. It may refuse anything; it may not crash, hang, read beyond its bytes, or break
/// what its doc comment promises.
protocol FuzzTarget: SendableMetatype {
    /// How `FUZZ_TARGET` and the corpus folder call it.
    static var name: String { get }
    /// How its inputs are made of parts; nil where bytes are all there is to change.
    static var anatomy: (any Anatomy)? { get }
    /// Gives `input` to the parser.
    static func run(_ input: Data) throws
}

extension FuzzTarget {
    static var anatomy: (any Anatomy)? { nil }
}

/// All targets.
let targets: [any FuzzTarget.Type] = [
    TorchTarget.self, PickleTarget.self, SafetensorsTarget.self, ArgumentsTarget.self, BagTarget.self,
    MPEGTarget.self, SoundFileTarget.self, MediaTarget.self,
    MultipartTarget.self, XMLTarget.self, EventsTarget.self, HeadersTarget.self, OptionsTarget.self,
    ChunksTarget.self, ChunkGrammarTarget.self, SignedBodiesTarget.self, S3HeadsTarget.self, S3RequestsTarget.self,
    RedisTarget.self, KeysTarget.self,
]

/// The target that `FUZZ_TARGET` names, and how its inputs are made.
let chosen: (run: @Sendable (Data) throws -> Void, anatomy: (any Anatomy)?) = choose()

private func choose() -> (run: @Sendable (Data) throws -> Void, anatomy: (any Anatomy)?) {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    for target in targets where target.name == name { return ({ try target.run($0) }, target.anatomy) }
    print("FUZZ_TARGET is “\(name)”; it must be one of \(targets.map { $0.name }.joined(separator: ", ")).")
    exit(2)
}

/// Called by libFuzzer with every input that it makes up.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    try? chosen.run(start.map { Data(bytes: $0, count: count) } ?? Data())
    return 0
}
