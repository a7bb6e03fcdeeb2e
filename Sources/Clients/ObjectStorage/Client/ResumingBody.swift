import Foundation
import HTTPTransport
import NIOCore
import Streams

/// The body of an object that goes on where it was when its connection breaks.
struct ResumingBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let client: S3Client
    let bucket: String
    let key: String
    let head: ObjectHead
    let first: ByteStream

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(source: self, chunks: first.makeAsyncIterator(), position: head.range.lowerBound)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        let source: ResumingBody
        var chunks: ByteStream.AsyncIterator
        var position: Int
        var failures = 0

        mutating func next() async throws -> ByteBuffer? {
            while true {
                do {
                    guard let chunk = try await chunks.next() else { return nil }
                    position += chunk.readableBytes
                    failures = 0
                    return chunk
                } catch {
                    try await reopen(after: error)
                }
            }
        }

        /// Asks for the rest, of the same object only. A few failures in a row without a byte in between end it.
        private mutating func reopen(after error: any Error) async throws {
            failures += 1
            guard failures < source.client.retry.attempts, S3Client.isTransient(error), !source.head.eTag.isEmpty,
                position < source.head.range.upperBound
            else { throw error }
            try await Task.sleep(for: source.client.retry.pause(after: failures))
            let headers: HTTPHeaders = [
                "Range": ByteRange.bytes(position..<source.head.range.upperBound).header,
                "If-Match": "\"\(source.head.eTag)\"",
            ]
            let call = S3Client.Call(method: "GET", bucket: source.bucket, key: source.key, headers: headers)
            let response = try await source.client.send(call)
            guard ObjectHead(response.headers).range.lowerBound == position else { throw error }
            chunks = response.body.makeAsyncIterator()
        }
    }
}
