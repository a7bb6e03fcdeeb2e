import Encodings
public import EnvironmentSettings
public import Foundation
public import HTTPTransport
import ServiceContract

/// The service's HTTP functions, as a program sees them: upload, follow, download.
///
/// What the service puts off (429 and 503 with `Retry-After`, full queues among them) is sent again after the pause it asks
/// for. Following and downloading also wait for a service that is away for a while.
public struct ServiceClient: Sendable {
    /// How often and how far apart a request is sent again.
    public var retry = RetryPolicy(
        attempts: 30, first: .milliseconds(250), longest: .seconds(10), longestRetryAfter: .seconds(600))
    /// Told before each pause why there is one (the service's sentence, or the connection's) and how long it is.
    public var waiting: @Sendable (_ reason: String, _ pause: Duration) async -> Void = { _, _ in }

    let address: String
    private let key: String?
    private let transport: any HTTPTransport

    /// A client of the service at `address`, for example `http://127.0.0.1:8080`, which sends the API key `key` if there is one.
    public init(address: String, key: String? = nil, transport: any HTTPTransport = CurlTransport()) {
        self.key = key
        self.address = address.hasSuffix("/") ? String(address.dropLast()) : address
        self.transport = transport
    }

    /// Uploads a file and returns its job.
    ///
    /// - Parameters:
    ///   - name: what to call the song; nil for the file's own name.
    ///   - options: names and values as `POST /upload` takes them.
    /// - Throws: ``ServiceError`` with the service's own sentence, `HTTPError` when it cannot be reached.
    public func upload(_ file: URL, named name: String? = nil, options: [String: String] = [:]) async throws -> JobID {
        let query = ([("filename", name ?? file.lastPathComponent)] + options.sorted { $0.key < $1.key })
            .map { "\($0.percentEncoded())=\($1.percentEncoded())" }.joined(separator: "&")
        let answer: AcceptedUpload = try await request(
            "POST", "/upload?\(query)", body: .file(file), contentType: "application/octet-stream")
        return answer.job
    }

    /// What is known about a job.
    public func status(of job: JobID) async throws -> JobStatus { try await request("GET", "/fetch/\(job)") }

    /// Cancels a job. One that has ended, perhaps a moment ago, is left as it is, and that is the error.
    public func cancel(_ job: JobID) async throws {
        let response = try await transport.send(
            HTTPRequest(method: "DELETE", url: address + "/fetch/\(job)?only=unfinished", headers: credentials))
        guard response.status == 204 else { throw try await refusal(response) }
    }

    /// The latest jobs, newest first, up to 200.
    public func recent(limit: Int = 20) async throws -> [JobStatus] {
        let answer: JobList = try await request("GET", "/fetch?limit=\(limit)")
        return answer.jobs
    }

    /// Downloads a stem into `folder` and returns the file, which appears there only once it is complete. A connection that
    /// breaks is begun anew.
    public func download(_ stem: JobStatus.Stem, of job: JobID, to folder: URL) async throws -> URL {
        var pauses = retry.pauses
        while true {
            do {
                return try await downloadOnce(stem, to: folder)
            } catch let error as HTTPError where error.isTransient {
                guard let pause = pauses.next() else { throw error }
                await waiting(error.description, pause)
                try await retry.sleep(pause)
            }
        }
    }

    private func downloadOnce(_ stem: JobStatus.Stem, to folder: URL) async throws -> URL {
        guard stem.href.hasPrefix("/") else {
            throw ServiceError.unexpectedAnswer("the stem's link “\(stem.href)” does not lead to the service")
        }
        let response = try await send(HTTPRequest(url: address + stem.href, headers: credentials))
        guard response.status == 200 else { throw try await refusal(response) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let name = Self.fileName(of: stem)
        let file = folder.appending(path: name)
        let partial = folder.appending(path: ".\(name).part")
        do {
            try Data().write(to: partial)
            let handle = try FileHandle(forWritingTo: partial)
            defer { try? handle.close() }
            var received = 0
            for try await chunk in response.body {
                try handle.write(contentsOf: Data(chunk))
                received += chunk.readableBytes
            }
            guard received == stem.size else {
                throw ServiceError.unexpectedAnswer("\(name) has \(received) bytes instead of \(stem.size)")
            }
            guard rename(partial.path, file.path) == 0 else {
                throw ServiceError.unexpectedAnswer("\(file.path) cannot be written")
            }
        } catch {
            try? FileManager.default.removeItem(at: partial)
            throw error
        }
        return file
    }

    /// A file name that cannot leave the folder, whatever the service says.
    private static func fileName(of stem: JobStatus.Stem) -> String {
        let ending = stem.file.split(separator: ".").last ?? "wav"
        return String(
            String.UnicodeScalarView(
                "\(stem.name).\(ending)".unicodeScalars.map {
                    $0 == "/" || $0.value < 0x20 || $0.value == 0x7f ? "_" : $0
                }))
    }

    var credentials: HTTPHeaders {
        var headers = HTTPHeaders()
        if let key { headers.add("Authorization", "Bearer \(key)") }
        return headers
    }

    private func request<Answer: Decodable>(
        _ method: String, _ path: String, body: HTTPBody = .empty, contentType: String? = nil
    ) async throws -> Answer {
        var request = HTTPRequest(method: method, url: address + path, headers: credentials, body: body)
        if let contentType { request.headers.add("Content-Type", contentType) }
        let response = try await send(request, isRepeatable: method == "GET")
        guard (200..<300).contains(response.status) else { throw try await refusal(response) }
        let data = try await response.body.collect(limit: 16 << 20)
        guard let answer = try? JSONDecoder.contract.decode(Answer.self, from: data) else {
            throw ServiceError.unexpectedAnswer(String(decoding: data.prefix(200), as: UTF8.self))
        }
        return answer
    }

    /// Sends a request, and again as long as the service puts it off. Lost connections are the callers' to mend.
    ///
    /// - Parameter isRepeatable: whether it is sent again, too, after an answer that leaves open what was done (502, 503, 504).
    /// - Returns: the first answer that is none of these, or the last one when there were enough.
    func send(_ request: HTTPRequest, isRepeatable: Bool = true) async throws -> HTTPResponse {
        var pauses = retry.pauses
        while true {
            let response = try await transport.send(request)
            let isLater = response.status == 429 || response.status == 503 && response.retryAfter != nil
            guard isLater || isRepeatable && [502, 503, 504].contains(response.status),
                let pause = pauses.next(retryAfter: response.retryAfter)
            else { return response }
            await waiting(try await refusal(response).description, pause)
            try await retry.sleep(pause)
        }
    }

    func refusal(_ response: HTTPResponse) async throws -> ServiceError {
        let data = (try? await response.body.collect(limit: 1 << 20)) ?? Data()
        let problem = try? JSONDecoder.contract.decode(ProblemDocument.self, from: data)
        let sentence = problem.flatMap { $0.detail ?? $0.title } ?? ""
        return .refused(response.status, sentence.isEmpty ? "The service refused." : sentence)
    }
}

/// Why the service did not do what it was asked; says the service's own sentence.
public enum ServiceError: Error, CustomStringConvertible, Equatable {
    /// It answered with a problem: status, sentence.
    case refused(Int, String)
    /// It answered something that is not in its contract.
    case unexpectedAnswer(String)
    /// The job ended without stems: its state and the reason.
    case jobEnded(job: JobID, state: JobState, reason: String)

    /// A sentence.
    public var description: String {
        switch self {
        case .refused(let status, let sentence): "\(sentence) (HTTP \(status))"
        case .unexpectedAnswer(let what): "The service answered unexpectedly: \(what). Is the address that of msaas?"
        case .jobEnded(let job, let state, let reason): "Job \(job) is \(state.rawValue): \(reason)"
        }
    }
}

/// What the environment says of the service to use.
public struct ClientSettings: Configurable {
    /// Its address.
    public var address: String?
    /// The API key that is sent.
    public var key: String?

    /// Neither.
    public static let usual = ClientSettings()

    /// The variables.
    public static var settings: [Setting<ClientSettings>] {
        [
            Setting("MSAAS_URL", \.address, .text("an address"), otherwise: "from the data folder"),
            Setting("MSAAS_API_KEY", \.key, .text("a key of `msaas key`"), otherwise: "none", isSecret: true),
        ]
    }
}
