import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ObjectStorage
import ServiceContract

// `POST /upload?multiple=1`: a form with several files, a job for each.
//
// Where one file ends is known only when the next one begins, and the options that follow the last one count for all. So every song
// goes in pieces, as a body of unknown length does, and none is visible before the form was read to its end: then all of them are,
// or none.

extension UploadFunction {
    /// Stores the songs of a form.
    func storeSeveral(
        _ request: FunctionRequest, options: OptionFields, context: FunctionContext
    ) async throws -> FunctionResponse {
        let type = request.headers[.contentType].flatMap { HeaderValue($0) }
        guard type?.value.lowercased() == "multipart/form-data", let boundary = type?.parameters["boundary"],
            let parser = MultipartParser(boundary: boundary)
        else { throw Problem.badForm("multiple=1 is for multipart/form-data with a usable boundary") }
        let form = FormReader(
            request.body.reader(), length: request.body.declaredLength, parser: parser, takesSeveral: true)
        var options = options
        var file: FormReader.File? = try await form.file { try options.add($0.name, $0.value) }
        let early = try options.validated()
        let store = songUpload(for: context.caller)
        return try await withServiceProblems(context.logger) {
            var begun: [(job: JobID, song: SongSource, upload: PartUpload)] = []
            var accepted: [AcceptedUpload] = []
            do {
                while let current = file {
                    let song = try await SongSource(current, of: form, options: early)
                    let job = JobID.random()
                    let upload = try await storage.storing {
                        try await store.begin(
                            song, as: "\(job)/\(song.filename)", metadata: Self.ownership(of: context.caller))
                    }
                    begun.append((job, song, upload))
                    file = await form.nextFile()
                }
                for field in await form.lateFields { try options.add(field.name, field.value) }
                let late = try options.validated()
                for (job, song, upload) in begun {
                    if late != early {
                        try await LateOptions.store(
                            late, of: "\(job)/\(song.filename)", client: storage.client, bucket: storage.queueBucket)
                    }
                    let size = try await storage.storing { try await upload.complete().size }
                    accepted.append(AcceptedUpload(job: job, filename: song.filename, size: size))
                    context.logger.info(
                        "stored", metadata: ["job": .string(job.description), "size": .stringConvertible(size)])
                }
                return try .json(status: 202, AcceptedUploads(jobs: accepted))
            } catch {
                for (_, _, upload) in begun { await upload.abort() }
                // What is complete cannot be aborted; a worker that has it already finds no song.
                let complete = accepted.map { "\($0.job)/\($0.filename)" }
                if !complete.isEmpty { try? await storage.client.deleteMany(storage.queueBucket, complete) }
                throw error
            }
        }
    }
}
