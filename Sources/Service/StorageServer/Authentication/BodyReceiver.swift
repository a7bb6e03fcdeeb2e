import Digests
import Foundation
import Hummingbird
import NIOCore
import ObjectStorage
import Synchronization

/// Takes in a request's body: undoes its chunks, writes it, and checks everything that was said of it.
package final class BodyReceiver: Sendable {
    /// Where the bytes go.
    package enum Target: Sendable {
        /// Into memory, at most so many.
        case memory(limit: Int)
        /// Into a file, at most so many, if the disk has room for them.
        case file(IncomingFile, Space, limit: Int)
    }

    /// A body that is all there and is what it was said to be.
    package struct Received: Sendable {
        var size: Int
        /// Hex.
        var md5: String
        /// The bytes, if they went into memory.
        package var data: Data
        /// Checksums that were sent and are right: header field and value.
        var checksums: [(name: String, value: String)]
    }

    private struct State {
        var decoder: ChunkDecoder?
        var signer: Authenticator.ChunkSigner?
        var chunkHash: Hash?
        var chunkSignature: String?
        var trailers: [(name: String, value: String)] = []
        var md5 = Hash(.md5)
        var sha256: Hash?
        var checksums: [Checksum.Algorithm: Checksum] = [:]
        var expected: [Checksum.Algorithm: String] = [:]
        var descriptor: Int32 = -1
        var room: Space.Reservation?
        var data = Data()
        var size = 0
    }

    private let target: Target
    private let payload: Authenticator.Payload
    private let length: Int
    private let md5: [UInt8]?
    private let announcedTrailer: Checksum.Algorithm?
    private let state: Mutex<State>

    /// Reads from the request's head what its body must be.
    package init(_ request: S3Request, _ payload: Authenticator.Payload, into target: Target) throws(S3Failure) {
        self.target = target
        self.payload = payload
        let sent = request.header("content-length").flatMap { Int($0) }
        if case .chunks = payload {
            guard let decoded = request.header("x-amz-decoded-content-length").flatMap({ Int($0) }), decoded >= 0 else {
                throw .missingLength
            }
            length = decoded
        } else {
            guard let sent else { throw .missingLength }
            length = sent
        }
        let limit =
            switch target {
            case .memory(let limit), .file(_, _, let limit): limit
            }
        guard length <= limit else { throw .tooLarge }
        md5 = try request.header("content-md5").map { (text) throws(S3Failure) in
            guard let digest = Data(base64Encoded: text), digest.count == 16 else { throw .invalidDigest }
            return Array(digest)
        }
        var expected: [Checksum.Algorithm: String] = [:]
        for (name, value) in request.headers {
            if let algorithm = Checksum.Algorithm(header: name) { expected[algorithm] = value }
        }
        var needed = Set(expected.keys)
        announcedTrailer = request.header("x-amz-trailer").flatMap { Checksum.Algorithm(header: $0.trimmed) }
        if let announcedTrailer { needed.insert(announcedTrailer) }
        let (payload, wanted, checksums) = (payload, expected, needed)
        state = Mutex(Self.initialState(payload, wanted, checksums))
    }

    private static func initialState(
        _ payload: Authenticator.Payload, _ expected: [Checksum.Algorithm: String], _ needed: Set<Checksum.Algorithm>
    ) -> State {
        var state = State()
        switch payload {
        case .unsigned: break
        case .hash: state.sha256 = Hash(.sha256)
        case .chunks(let signer, _):
            state.decoder = ChunkDecoder()
            state.signer = signer
        }
        state.expected = expected
        for algorithm in needed { state.checksums[algorithm] = Checksum(algorithm) }
        return state
    }

    deinit {
        state.withLock { if $0.descriptor >= 0 { close($0.descriptor) } }
    }

    /// Reads the whole body. Bytes are hashed and written on threads that may block, many at a time where there is memory for it.
    func receive(_ body: RequestBody) async throws -> Received {
        if case .file(let file, let space, _) = target {
            try await Disk.run { [self] in
                let room = try space.reserve(length)
                let descriptor = try Disk.create(file.path)
                state.withLock { ($0.descriptor, $0.room) = (descriptor, room) }
            }
        }
        var waiting = ByteBuffer()
        let share = WaitingBytes.Share()
        for try await var buffer in body {
            waiting.writeBuffer(&buffer)
            guard share.mustLetGo(of: waiting.readableBytes) else { continue }
            let full = waiting
            waiting = ByteBuffer()
            try await Disk.run { [self] in try consume(full) }
            share.letGo()
        }
        let rest = waiting
        return try await Disk.run { [self] in
            try consume(rest)
            return try finish()
        }
    }

    private func consume(_ buffer: ByteBuffer) throws {
        try state.withLock { state in
            try buffer.withUnsafeReadableBytes { bytes in
                guard var decoder = state.decoder else { return try store(bytes, &state) }
                defer { state.decoder = decoder }
                try decoder.decode(bytes) { try handle($0, &state) }
            }
        }
    }

    /// Takes in the next bytes, wherever they were cut.
    package func consume(_ bytes: [UInt8]) throws { try consume(ByteBuffer(bytes: bytes)) }

    private func handle(_ event: ChunkDecoder.Event, _ state: inout State) throws {
        switch event {
        case .chunk(let signature):
            state.chunkSignature = signature
            if state.signer != nil { state.chunkHash = Hash(.sha256) }
        case .data(let bytes):
            state.chunkHash?.update(bytes)
            try store(bytes, &state)
        case .chunkEnd:
            guard let signer = state.signer, let hash = state.chunkHash else { return }
            let text = SignatureV4.stringToSign(
                chunkHash: hash.finish().hex, previous: signer.previous, time: signer.time, scope: signer.scope)
            try checkNext(text, state.chunkSignature, &state)
        case .trailer("x-amz-trailer-signature", let signature):
            guard let signer = state.signer else { return }
            let fields = state.trailers.map { "\($0.name):\($0.value)\n" }.joined()
            let text = SignatureV4.stringToSign(
                trailerHash: fields.sha256, previous: signer.previous, time: signer.time, scope: signer.scope)
            try checkNext(text, signature, &state)
            state.signer = nil
        case .trailer(let name, let value):
            guard state.trailers.count < 16 else { throw S3Failure.malformedChunk }
            state.trailers.append((name, value))
        }
    }

    private func checkNext(_ text: String, _ given: String?, _ state: inout State) throws {
        guard let signer = state.signer, let given,
            Hash.isEqual(SignatureV4.signature(of: text, key: signer.key), given)
        else { throw S3Failure.signatureMismatch }
        state.signer?.previous = given
    }

    private func store(_ bytes: UnsafeRawBufferPointer, _ state: inout State) throws {
        state.size += bytes.count
        guard state.size <= length else { throw S3Failure.incompleteBody }
        state.md5.update(bytes)
        state.sha256?.update(bytes)
        for algorithm in state.checksums.keys { state.checksums[algorithm]?.update(bytes) }
        switch target {
        case .memory: state.data.append(contentsOf: bytes)
        case .file(let file, _, _):
            try Disk.append(bytes, to: state.descriptor, file.path)
            state.room?.wrote(bytes.count)
        }
    }

    /// Says that no more will come. Call it once.
    package func finish() throws -> Received {
        try state.withLock { state in
            guard state.size == length, state.decoder?.isComplete != false else { throw S3Failure.incompleteBody }
            let digest = state.md5.finish()
            if let md5, md5 != digest { throw S3Failure.badDigest }
            if case .hash(let expected) = payload, state.sha256?.finish().hex != expected {
                throw S3Failure.contentHashMismatch
            }
            let checksums = try checkChecksums(&state)
            if case .file(let file, _, _) = target {
                guard fsync(state.descriptor) == 0 else { throw DiskError("flush", file.path) }
                close(state.descriptor)
                state.descriptor = -1
            }
            return Received(size: state.size, md5: digest.hex, data: state.data, checksums: checksums)
        }
    }

    private func checkChecksums(_ state: inout State) throws -> [(name: String, value: String)] {
        if case .chunks(_, let hasTrailer) = payload, hasTrailer {
            // With signed chunks the trailing fields end with a signature of their own.
            if state.signer != nil, !state.trailers.isEmpty { throw S3Failure.signatureMismatch }
            for (name, value) in state.trailers {
                if let algorithm = Checksum.Algorithm(header: name) { state.expected[algorithm] = value }
            }
            if let announcedTrailer, state.expected[announcedTrailer] == nil { throw S3Failure.incompleteBody }
        }
        var checked: [(name: String, value: String)] = []
        for (algorithm, value) in state.expected {
            guard let checksum = state.checksums[algorithm] else { continue }
            guard checksum.finish() == value else { throw S3Failure.checksumMismatch(algorithm.rawValue.uppercased()) }
            checked.append((algorithm.header, value))
        }
        return checked
    }
}

/// The bytes of all uploads that wait in memory to be written together. They have one budget: a thousand slow uploads must not hold
/// a thousand large pieces.
private enum WaitingBytes {
    /// The most bytes of one upload that wait, and of all together.
    static let piece = 256 << 10
    static let budget = 16 << 20
    static let total = Atomic<Int>(0)

    /// What one upload holds of the budget.
    final class Share {
        private var count = 0

        /// Whether the waiting bytes must be written now.
        func mustLetGo(of waiting: Int) -> Bool {
            let (_, total) = WaitingBytes.total.add(waiting - count, ordering: .relaxed)
            count = waiting
            return waiting >= piece || total > budget
        }

        func letGo() {
            WaitingBytes.total.subtract(count, ordering: .relaxed)
            count = 0
        }

        deinit { letGo() }
    }
}
