import Foundation
import Pacing
import TestSupport

/// How the inputs of a format are made of parts that lengths, checksums and delimiters hold together.
///
/// A fuzzer that changes bytes anywhere spends its life in front of the first length that is no longer right. Here an input is taken
/// apart, parts are changed, copied, moved and left out, and it is put together again: what a stranger's program would write. Now
/// and then one length is a lie, and one input in eight is changed as libFuzzer always does.
protocol Anatomy: Sendable {
    /// The parts of an input; nil where it is none of this format.
    func parts(of input: [UInt8]) -> [[UInt8]]?
    /// The input that has these parts.
    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8]
    /// Parts that may be put in beside those that are there.
    var spares: [[UInt8]] { get }
}

extension SeededGenerator {
    mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }

    /// Whether something happens that does once in `count` times.
    mutating func once(in count: Int) -> Bool { below(count) == 0 }

    /// A length as it is, or seldom one that is wrong in a way that matters.
    mutating func length(_ right: Int) -> UInt64 {
        guard once(in: 24) else { return UInt64(right) }
        let lies: [UInt64] = [
            0, 1, UInt64(right) &+ 1, UInt64(right) &- 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 1 << 32,
            1 << 62, UInt64(Int64.max), 1 << 63, .max &- 7, .max,
        ]
        return lies[below(lies.count)]
    }
}

/// libFuzzer's own change of some bytes.
@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

/// Called by libFuzzer for every input that it wants to be changed.
@_cdecl("LLVMFuzzerCustomMutator")
public func customMutator(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int {
    var numbers = SeededGenerator(seed: UInt64(seed))
    let input = Array(UnsafeBufferPointer(start: bytes, count: count))
    guard let anatomy = chosen.anatomy, !numbers.once(in: 8), var parts = anatomy.parts(of: input) else {
        return mutateBytes(bytes, count, limit)
    }
    for _ in 0...numbers.below(3) { change(&parts, spares: anatomy.spares, &numbers) }
    let whole = anatomy.whole(of: parts, &numbers)
    guard !whole.isEmpty, whole.count <= limit else { return mutateBytes(bytes, count, limit) }
    _ = UnsafeMutableBufferPointer(start: bytes, count: whole.count).update(fromContentsOf: whole)
    return whole.count
}

private func change(_ parts: inout [[UInt8]], spares: [[UInt8]], _ numbers: inout SeededGenerator) {
    let kind = parts.isEmpty ? 7 : numbers.below(9)
    let index = parts.isEmpty ? 0 : numbers.below(parts.count)
    switch kind {
    case 0...3:
        var bytes = parts[index] + [UInt8](repeating: 0, count: 64)
        let limit = bytes.count
        let count = bytes.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mutateBytes($0, limit - 64, limit) } ?? 0
        }
        parts[index] = Array(bytes.prefix(count))
    case 4: parts.remove(at: index)
    case 5: parts.insert(parts[index], at: numbers.below(parts.count + 1))
    case 6: parts.swapAt(index, numbers.below(parts.count))
    case 7:
        if let spare = spares.randomElement(using: &numbers) {
            parts.insert(spare, at: numbers.below(parts.count + 1))
        }
    default:
        if let spare = spares.randomElement(using: &numbers) { parts[index] = spare }
    }
}

// MARK: - Numbers in bytes

extension Array<UInt8> {
    /// The number whose bytes stand at `offset`; nil where the array ends before.
    func number(at offset: Int, bytes count: Int, bigEndian: Bool = false) -> Int? {
        guard offset >= 0, offset + count <= self.count else { return nil }
        let bytes = self[offset..<offset + count]
        return (bigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | Int($1) }
    }

    /// The lowest bytes of a number.
    init(_ value: UInt64, bytes count: Int, bigEndian: Bool = false) {
        let little = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        self = bigEndian ? little.reversed() : little
    }

    init(_ text: String) { self.init(text.utf8) }

    /// The pieces between the places where `mark` stands.
    func split(at mark: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        var position = 0
        while position + mark.count <= count {
            if self[position..<position + mark.count].elementsEqual(mark) {
                pieces.append(Array(self[start..<position]))
                position += mark.count
                start = position
            } else {
                position += 1
            }
        }
        return pieces + [Array(self[start...])]
    }
}
