import Foundation
import HTTPTransport
import HTTPTypes
import ObjectStorage
import SeparateFunction
import StorageServer

/// The XML of S3 requests and answers; what was read can be written and read again.
enum XMLTarget: FuzzTarget {
    static let name = "xml"

    static func run(_ input: Data) throws {
        let tree = try XMLTree(parsing: input)
        precondition(depth(tree) <= 32)
        var writer = XMLWriter()
        write(tree, to: &writer)
        let again = try? XMLTree(parsing: Data(writer.text.utf8))
        // Text and children may stand in any order, of which the tree keeps none; names and counts stay.
        precondition(again.map { count($0) } == count(tree))
    }

    private static func depth(_ tree: XMLTree) -> Int { 1 + (tree.children.map(depth).max() ?? 0) }

    private static func count(_ tree: XMLTree) -> Int { tree.children.reduce(1) { $0 + count($1) } }

    private static func write(_ tree: XMLTree, to writer: inout XMLWriter) {
        writer.element(tree.name) { inner in
            inner.text(tree.text)
            for child in tree.children { write(child, to: &inner) }
        }
    }
}

/// What `/separate` gets: S3 records, CloudEvents, direct orders. The first byte chooses the headers.
enum EventsTarget: FuzzTarget {
    static let name = "events"

    static func run(_ input: Data) throws {
        guard let first = input.first else { return }
        let body = Data(input.dropFirst())
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        var fields: HTTPFields = [.contentType: "application/json"]
        if first & 1 == 1 {
            for (name, value) in [
                ("ce-specversion", "1.0"), ("ce-type", "com.amazonaws.s3.objectcreated"), ("ce-source", "minio"),
                ("ce-id", "1"), ("ce-subject", "queue/song.mp3"),
            ] {
                headers.add(name, value)
                if let name = HTTPField.Name(name) { fields[name] = value }
            }
        }
        if first & 2 == 2 { headers["Content-Type"] = "application/cloudevents+json" }
        if first & 4 == 4 { headers["Content-Type"] = "application/cloudevents-batch+json" }
        fields[.contentType] = headers["Content-Type"]
        do {
            for event in try BucketEvent.decode(body: body, headers: headers) {
                precondition(event.name.hasPrefix("s3:"))
            }
        } catch {
            precondition(!error.description.isEmpty)
        }
        _ = try Order.orders(in: body, headers: fields)
    }
}

/// Bodies in `aws-chunked` encoding; what is found does not depend on how the network cuts them.
enum ChunksTarget: FuzzTarget {
    static let name = "chunks"

    static func run(_ input: Data) throws {
        let bytes = Array(input)
        precondition(events(bytes, at: max(1, bytes.count)) == events(bytes, at: 1))
    }

    private static func events(_ bytes: [UInt8], at size: Int) -> [String]? {
        var decoder = ChunkDecoder()
        var events: [String] = []
        do {
            for start in stride(from: 0, to: bytes.count, by: size) {
                try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { part in
                    try decoder.decode(part) { event in
                        switch event {
                        case .chunk(let signature): events.append("chunk \(signature ?? "-")")
                        case .data(let data): events += data.map { "\($0)" }
                        case .chunkEnd: events.append("end")
                        case .trailer(let name, let value): events.append("\(name)=\(value)")
                        }
                    }
                }
            }
        } catch {
            return nil
        }
        return events + [decoder.isComplete ? "complete" : "incomplete"]
    }
}
