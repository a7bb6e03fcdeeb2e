import Foundation

/// One parser of what comes from outside. It may refuse anything; it may not crash, hang, read beyond its bytes, or break
/// what its doc comment promises.
protocol FuzzTarget {
    /// How `FUZZ_TARGET` and the corpus folder call it.
    static var name: String { get }
    /// Gives `input` to the parser.
    static func run(_ input: Data) throws
}

/// What is done with an input.
typealias Run = @Sendable (Data) throws -> Void

/// All targets.
let targets: [(name: String, run: Run)] = [
    (TorchTarget.name, TorchTarget.run), (PickleTarget.name, PickleTarget.run),
    (SafetensorsTarget.name, SafetensorsTarget.run), (ArgumentsTarget.name, ArgumentsTarget.run),
    (BagTarget.name, BagTarget.run),
    (MPEGTarget.name, MPEGTarget.run), (SoundFileTarget.name, SoundFileTarget.run), (MediaTarget.name, MediaTarget.run),
    (MultipartTarget.name, MultipartTarget.run), (XMLTarget.name, XMLTarget.run),
    (EventsTarget.name, EventsTarget.run), (HeadersTarget.name, HeadersTarget.run),
    (ChunksTarget.name, ChunksTarget.run), (S3HeadsTarget.name, S3HeadsTarget.run),
    (ChunkGrammarTarget.name, ChunkGrammarTarget.run), (RedisTarget.name, RedisTarget.run),
    (KeysTarget.name, KeysTarget.run),
]

/// The target that `FUZZ_TARGET` names.
let chosen: Run = choose()

private func choose() -> Run {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    for target in targets where target.name == name { return target.run }
    print("FUZZ_TARGET is “\(name)”; it must be one of \(targets.map(\.name).joined(separator: ", ")).")
    exit(2)
}

/// Called by libFuzzer with every input that it makes up.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    try? chosen(start.map { Data(bytes: $0, count: count) } ?? Data())
    return 0
}
