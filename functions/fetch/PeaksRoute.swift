import Audio
import Foundation
import FunctionClients
import FunctionHost
import NIOCore
import ObjectStorage
import ServiceContract

extension FetchFunction {
    /// What a waveform is drawn from, in audiowaveform's formats: made of the finest zoom, which is stored, while it is sent.
    func peaks(of id: JobID, _ request: FunctionRequest, _ context: FunctionContext) async throws -> FunctionResponse {
        let finished = try await finishedJob(id, context)
        let order = try PeaksOrder(request.query)
        guard let track = finished.track(order.track) else { throw finished.noTrack(order.track) }
        guard let record = track.peaks else {
            throw Problem.notFound(
                "\(order.track) has no peaks: it is of an older version, or of a file with several tracks.")
        }
        let eTag = "\"\(record.eTag)-\(order.zoom)-\(order.bits).\(order.format)\""
        var headers: HTTPFields = [
            .eTag: eTag, .cacheControl: "private, max-age=31536000, immutable", .acceptRanges: "none",
            .contentType: order.format == .json ? "application/json" : "application/octet-stream",
        ]
        if EntityTags(request.headers[.ifNoneMatch])?.contains(eTag) ?? false {
            return FunctionResponse(status: 304, headers: headers)
        }
        if order.format == .dat {
            headers[.contentDisposition] = ContentDisposition.attachment("\(finished.title) - \(order.track).dat")
        }
        let start = try await piece(record, of: id, 0..<PeaksHeader.size, context).body.collect(limit: PeaksHeader.size)
        guard let stored = PeaksHeader(start), stored.bits == 16, stored.fileSize == record.size else {
            throw Problem.stemGone
        }
        let header = stored.converted(zoom: order.zoom, bits: order.bits)
        let length = order.format == .dat ? header.fileSize : nil
        guard request.method != "HEAD", stored.length > 0 else {
            return FunctionResponse(
                headers: headers, body: .stream(length: length) { try await $0.write(order.head(header) + order.tail) })
        }
        let object = try await piece(record, of: id, PeaksHeader.size..<record.size, context)
        return FunctionResponse(
            headers: headers,
            body: .stream(length: length) { writer in
                var reduction = PeaksReduction(channels: stored.channels, step: order.zoom / stored.zoom)
                var isFirst = true
                try await writer.write(order.head(header))
                for try await chunk in object.body {
                    let values = chunk.withUnsafeReadableBytes { reduction.add($0) }
                    try await writer.write(order.text(values, isFirst: &isFirst))
                }
                try await writer.write(order.text(reduction.finish(), isFirst: &isFirst))
                try await writer.write(order.tail)
            })
    }

    private func piece(
        _ record: PeaksRecord, of id: JobID, _ range: Range<Int>, _ context: FunctionContext
    ) async throws -> S3Object {
        try await withServiceProblems(context.logger) {
            do {
                return try await storage.client.get(
                    storage.outputBucket, record.key(of: id), range: .bytes(range), ifMatch: record.eTag)
            } catch let error as S3Error where error.isNotFound || error.status == 412 {
                throw Problem.stemGone
            }
        }
    }
}

/// Which peaks are wanted, and how they are written.
struct PeaksOrder: Sendable {
    enum Format: String, CaseIterable { case json, dat }

    var track = FetchFunction.FinishedJob.originalName
    var zoom = 1024
    var bits = 16
    var format = Format.json

    private static let zooms = [256, 1024, 4096, 16384]

    /// - Throws: a 400 ``Problem`` that names the parameter.
    init(_ query: QueryItems) throws {
        if let name = query["track"] { track = name }
        if let text = query["zoom"] {
            guard let zoom = Int(text), Self.zooms.contains(zoom) else {
                throw Problem.badRequest(
                    "zoom is “\(text.prefix(16))”; it must be 256, 1024, 4096 or 16384 samples a pixel.")
            }
            self.zoom = zoom
        }
        if let text = query["bits"] {
            guard let bits = Int(text), bits == 8 || bits == 16 else {
                throw Problem.badRequest("bits is “\(text.prefix(16))”; it must be 8 or 16.")
            }
            self.bits = bits
        }
        if let text = query["format"] {
            guard let format = Format(rawValue: text) else {
                throw Problem.badRequest("format is “\(text.prefix(16))”; it must be json or dat.")
            }
            self.format = format
        }
    }

    /// What stands before the pixels.
    func head(_ header: PeaksHeader) -> Data {
        switch format {
        case .dat: Data(header.bytes)
        case .json:
            Data(
                """
                {"version":2,"channels":\(header.channels),"sample_rate":\(header.sampleRate),\
                "samples_per_pixel":\(header.zoom),"bits":\(header.bits),"length":\(header.length),"data":[
                """.utf8)
        }
    }

    /// Pixels.
    func text(_ values: [Int16], isFirst: inout Bool) -> ByteBuffer {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 7)
        for value in values {
            // As audiowaveform does it, towards zero.
            let value = bits == 8 ? value / 256 : value
            switch (format, bits) {
            case (.json, _):
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                bytes.append(contentsOf: String(value).utf8)
            case (.dat, 8): bytes.append(UInt8(bitPattern: Int8(value)))
            case (.dat, _):
                let value = UInt16(bitPattern: value)
                bytes.append(UInt8(truncatingIfNeeded: value))
                bytes.append(UInt8(truncatingIfNeeded: value >> 8))
            }
        }
        return ByteBuffer(bytes: bytes)
    }

    /// What stands behind them.
    var tail: Data { format == .json ? Data("]}\n".utf8) : Data() }
}
