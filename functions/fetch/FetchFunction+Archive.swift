import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ServiceContract

extension FetchFunction {
    /// All stems in one zip archive, written while it is sent.
    func archive(of id: JobID, _ context: FunctionContext) async throws -> FunctionResponse {
        let finished = try await finishedJob(id, context)
        let entries = finished.stems.map {
            ZipEntry(name: $0.downloadName, size: $0.size, modified: finished.finishedAt)
        }
        let client = storage.client
        let bucket = storage.outputBucket
        // The first stem is asked for here, while a missing one can still be told with a status.
        if let first = finished.stems.first {
            let head = try await withServiceProblems(context.logger) {
                try await client.head(bucket, first.key(of: id))
            }
            guard head?.eTag == first.eTag else { throw Problem.stemGone }
        }
        return FunctionResponse(
            headers: [
                .contentType: "application/zip", .cacheControl: "private, no-cache", .acceptRanges: "none",
                .contentDisposition: ContentDisposition.attachment("\(finished.title) - stems.zip"),
            ],
            body: .stream(length: ZipArchive.size(of: entries)) { writer in
                var archive = ZipArchive()
                for (stem, entry) in zip(finished.stems, entries) {
                    try await writer.write(archive.begin(entry))
                    let object = try await client.get(bucket, stem.key(of: id), ifMatch: stem.eTag)
                    for try await chunk in object.body {
                        chunk.withUnsafeReadableBytes { archive.add($0) }
                        try await writer.write(chunk)
                    }
                    try await writer.write(try archive.finishEntry())
                }
                try await writer.write(archive.finish())
            })
    }
}
