import Foundation
package import HTTPTransport

/// Fetches official checkpoints: resumed where an earlier attempt stopped, checked, and only then given their names.
package struct Downloader: Sendable {
    let transport: any HTTPTransport
    /// What stands before `hybrid_transformer/FILE`.
    let address: String
    /// Pause after the first attempt that brought nothing; doubles with each one that follows.
    let retryDelay: Duration
    /// How many attempts in a row may bring nothing.
    static let patience = 4

    /// A downloader for the server at `address`.
    package init(transport: any HTTPTransport, address: String, retryDelay: Duration = .seconds(1)) {
        self.transport = transport
        self.address = address
        self.retryDelay = retryDelay
    }

    /// Where the file is kept until it is complete.
    static func unfinished(_ file: URL) -> URL { file.appendingPathExtension("part") }

    /// Fetches one checkpoint into `folder`, unless another process has done so meanwhile.
    ///
    /// - Parameter progress: told bytes on disk, and bytes of the whole file once they are known
    /// - Throws: `ModelStoreError`, `CancellationError`
    func fetch(
        _ member: OfficialModel.Member, into folder: URL, progress: @Sendable (Int, Int?) -> Void
    ) async throws {
        let lock = try await FolderLock.acquire(folder)
        defer { withExtendedLifetime(lock) {} }
        let target = folder.appending(path: member.fileName)
        if FileManager.default.fileExists(atPath: target.path) { return }
        let part = try PartialFile(Self.unfinished(target))
        let source = address + (address.hasSuffix("/") ? "" : "/") + "hybrid_transformer/" + member.fileName
        while true {
            let isResumed = try await complete(part, source, progress)
            do {
                return try await part.finish(as: target, checksum: member.checksum)
            } catch ModelStoreError.wrongChecksum where isResumed {
                // What an earlier attempt left may be to blame: once more from the start.
                try await part.restart()
            } catch let error as ModelStoreError {
                if case .wrongChecksum = error { await part.discard() }
                throw error
            }
        }
    }

    /// Downloads until the file is complete, over as many connections as it takes.
    ///
    /// - Returns: whether some of the bytes come from an earlier call
    private func complete(
        _ part: PartialFile, _ source: String, _ progress: @Sendable (Int, Int?) -> Void
    ) async throws -> Bool {
        let fail = { reason in
            ModelStoreError.downloadFailed(
                file: source.split(separator: "/").last.map(String.init) ?? source, address: source, reason: reason)
        }
        var isResumed = await part.count > 0
        var failures = 0
        var best = await part.count
        while true {
            do {
                let start = try await attempt(part, source, progress)
                return isResumed && start > 0
            } catch let error as HTTPError where error.isTransient {
                let count = await part.count
                failures = count > best ? 1 : failures + 1
                best = max(best, count)
                if failures >= Self.patience { throw fail("\(error)") }
            } catch let refusal as Refusal {
                failures += 1
                if !refusal.isTransient || failures >= Self.patience { throw fail(refusal.description) }
            } catch let error as HTTPError {
                throw fail("\(error)")
            }
            if await part.count == 0 { isResumed = false }
            try await Task.sleep(for: retryDelay * (1 << (failures - 1)))
        }
    }

    /// One request for what is missing.
    ///
    /// - Returns: at which byte the answer began
    private func attempt(
        _ part: PartialFile, _ source: String, _ progress: @Sendable (Int, Int?) -> Void
    ) async throws -> Int {
        let have = await part.count
        var request = HTTPRequest(url: source, redirects: 5)
        request.headers["Accept-Encoding"] = "identity"
        if have > 0 { request.headers["Range"] = "bytes=\(have)-" }
        let response = try await transport.send(request)
        var total = response.contentLength
        switch response.status {
        case 200: try await part.restart()
        case 206 where have > 0:
            let range = response.headers["Content-Range"].flatMap(ContentRange.init)
            guard range?.start == have else {
                try await part.restart()
                throw Refusal(status: 206)
            }
            total = range?.total
        case 416 where have > 0: return have  // nothing is missing, or too much is there: the checksum tells
        default: throw Refusal(status: response.status)
        }
        let start = await part.count
        progress(start, total)
        for try await chunk in response.body {
            progress(try await part.append(Data(chunk)), total)
        }
        return start
    }
}

/// An answer that brings no file.
private struct Refusal: Error, CustomStringConvertible {
    var status: Int

    /// Whether the same request may succeed later.
    var isTransient: Bool { status >= 500 || [206, 408, 425, 429].contains(status) }

    var description: String {
        switch status {
        case 206: "The server answered with another part of the file than was asked for."
        case 404, 403: "The server has no such file (status \(status)); check MSAAS_MODEL_URL if it is set."
        default: "The server answered with status \(status)."
        }
    }
}

/// `Content-Range: bytes START-END/TOTAL` (RFC 9110, section 14.4).
private struct ContentRange {
    var start: Int
    var total: Int?

    init?(_ field: String) {
        guard let match = field.wholeMatch(of: /bytes (\d+)-\d+\/(\d+|\*)/), let start = Int(match.1) else {
            return nil
        }
        self.start = start
        total = Int(match.2)
    }
}
