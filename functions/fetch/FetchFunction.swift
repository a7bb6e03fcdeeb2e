public import EnvironmentSettings
import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ObjectStorage
import ServiceContract

/// `/fetch…`: how jobs are doing, and their stems.
public struct FetchFunction: Function {
    /// The bytes of `function.yaml`.
    public static var manifest: [UInt8] { PackageResources.function_yaml }

    let storage: StorageAccess
    let queue: QueueAccess
    let signer: TokenSigner
    let heartbeat: Duration
    let settings: FetchSettings
    let desk: RenderingDesk

    /// A fetch function; event streams say something at least every `heartbeat`.
    public init(
        storage: StorageAccess, queue: QueueAccess, signer: TokenSigner = TokenSigner(),
        heartbeat: Duration = .seconds(15), settings: FetchSettings = .usual
    ) {
        self.signer = signer
        self.settings = settings
        desk = RenderingDesk(limit: settings.renderedTracks)
        self.storage = storage
        self.queue = queue
        self.heartbeat = heartbeat
    }

    /// Reads ``FetchSettings``, and what the storage and the queue need.
    public init(environment: FunctionEnvironment) throws {
        self.init(
            storage: try StorageAccess(environment: environment), queue: try QueueAccess(environment: environment),
            signer: environment.signer, settings: try FetchSettings.reading(environment.variables))
    }

    /// The storage, which it cannot do without, and Redis, which it can for a while.
    public var readinessChecks: [ReadinessCheck] { [storage.readinessCheck, queue.readinessCheck] }

    /// Answers one question about a job or about all of them.
    public func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        guard let text = request.parameters["job"] else {
            return try await request.route == "/fetch/events" ? events(request, context) : list(request, context)
        }
        guard let id = JobID(text) else { throw Problem.noJob(text) }
        switch request.route {
        case "/fetch/{job}/events": return try await events(of: id, request, context)
        case "/fetch/{job}/retry": return try await retry(id, context)
        case "/fetch/{job}/callbacks": return try await resend(id, context)
        case "/fetch/{job}/share": return try await share(id, request, context)
        case "/fetch/{job}/mix": return try await mix(of: id, request, context)
        case "/fetch/{job}/peaks": return try await peaks(of: id, request, context)
        case "/fetch/{job}/stems.zip": return try await archive(of: id, context)
        case "/fetch/{job}/{stem}":
            return try await stem(request.parameters["stem"] ?? "", of: id, request, context)
        case _ where request.method == "DELETE": return try await delete(id, request, context)
        default: return try await status(of: id, request, context)
        }
    }

    /// The status; with `Prefer: wait=N` (RFC 7240) once the job has ended, or after N seconds.
    private func status(
        of id: JobID, _ request: FunctionRequest, _ context: FunctionContext
    ) async throws -> FunctionResponse {
        var headers: HTTPFields = [.cacheControl: "no-store"]
        guard request.method == "GET", let wait = Preferences(request.header("Prefer")).wait else {
            return try .json(headers: headers, try await lookup(context).status(of: id))
        }
        headers[HTTPField.Name("Preference-Applied")!] = "wait=\(wait)"
        return try .json(headers: headers, try await end(of: id, within: .seconds(wait), context))
    }

    func lookup(_ context: FunctionContext) -> JobLookup {
        JobLookup(storage: storage, queue: queue, viewer: context.caller.viewer, logger: context.logger)
    }
}

/// What a client prefers (RFC 7240), as far as it is heeded.
struct Preferences {
    /// The longest that a request waits, in seconds.
    private static let longest = 60

    /// For how many seconds to wait; nil for not at all.
    let wait: Int?

    init(_ header: String?) {
        let words = (header ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
        let seconds = words.compactMap { $0.wholeMatch(of: /wait\s*=\s*"?([0-9]{1,9})"?(?:\s*;.*)?/) }.first.flatMap {
            Int($0.1)
        }
        wait = seconds.map { min($0, Self.longest) }
    }
}

extension Problem {
    static func noJob(_ id: String) -> Problem {
        .notFound(
            "There is no job “\(id.prefix(64))”; check the id, which an upload answers with, or upload the song again.")
    }
}

/// What the environment says of `fetch`.
public struct FetchSettings: Configurable {
    /// After so long an event stream ends and its client comes again.
    public var streamAge = Duration.seconds(900)
    /// So many tracks are decoded at a time to be sent in another format or in a mix.
    public var renderedTracks = 48
    /// So many mixes of a job are kept, the newest.
    public var keptMixes = 8

    /// The usual ones.
    public static let usual = FetchSettings()

    /// The variables.
    public static var settings: [Setting<FetchSettings>] {
        [
            Setting("MSAAS_EVENTS_AGE", \.streamAge, .time),
            Setting("MSAAS_RENDERED_TRACKS", \.renderedTracks, .whole(1...100_000)),
            Setting("MSAAS_KEPT_MIXES", \.keptMixes, .whole(0...1000)),
        ]
    }
}
