/// Trouble with Redis; the description is a sentence.
public enum RedisError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `REDIS_URL` cannot be used; why.
    case invalidURL(String)
    /// No connection could be made.
    case unreachable(address: String, reason: String)
    /// The connection ended before the reply was complete.
    case connectionLost(reason: String)
    /// No reply came in time.
    case timedOut(milliseconds: Int)
    /// The password is missing or wrong, or the user may not do this.
    case notAllowed(String)
    /// The server is a replica that takes no writes.
    case readOnly
    /// The server is still reading its data.
    case loading
    /// The server is a replica whose master is away.
    case masterDown
    /// The server has reached `maxmemory`.
    case outOfMemory
    /// The server cannot write to its disk and therefore takes no writes.
    case cannotPersist
    /// The server is busy with a script.
    case busy
    /// The server does not know the script of this digest; the caller sends the script itself.
    case noScript
    /// Any other error reply: its first word and the rest.
    case server(code: String, message: String)
    /// The reply is not what the command answers.
    case unexpectedReply(String)

    /// A sentence for the operator.
    public var description: String {
        switch self {
        case .invalidURL(let reason): "REDIS_URL cannot be used: \(reason)."
        case .unreachable(let address, let reason): "Redis at \(address) cannot be reached: \(reason)."
        case .connectionLost(let reason): "The connection to Redis was lost: \(reason)."
        case .timedOut(let milliseconds): "Redis did not answer within \(milliseconds) ms."
        case .notAllowed(let message): "Redis refuses us: \(message). Check the user and password in REDIS_URL."
        case .readOnly: "Redis is a read-only replica; point REDIS_URL at the master."
        case .loading: "Redis is still loading its data; try again in a moment."
        case .masterDown: "Redis is a replica that has lost its master; try again once the master is back."
        case .outOfMemory: "Redis is full (maxmemory); give it more memory or remove old keys."
        case .cannotPersist: "Redis cannot write to its disk and takes no changes; free the disk it saves to."
        case .busy: "Redis is busy with a long script; try again in a moment."
        case .noScript: "Redis does not know the script."
        case .server(let code, let message): "Redis answered with an error: \(code) \(message)."
        case .unexpectedReply(let what): "Redis answered with something unexpected: \(what)."
        }
    }

    /// The error that an error reply (without its leading `-`) stands for.
    init(reply: String) {
        let parts = reply.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let code = parts[0]
        let message = parts.count > 1 ? parts[1] : ""
        // Before version 7 an error inside a script comes wrapped: "ERR Error running script …: -OOM command …".
        let inner = ["READONLY", "OOM", "MISCONF"].first { reply.contains("-\($0) ") }
        switch inner ?? code {
        case "READONLY": self = .readOnly
        case "LOADING": self = .loading
        case "MASTERDOWN": self = .masterDown
        case "OOM": self = .outOfMemory
        case "MISCONF": self = .cannotPersist
        case "BUSY": self = .busy
        case "NOSCRIPT": self = .noScript
        case "NOAUTH", "WRONGPASS", "NOPERM": self = .notAllowed(message)
        case "ERR" where message.contains("AUTH"): self = .notAllowed(message)
        default: self = .server(code: code, message: message)
        }
    }

    /// Whether the connection is of no more use.
    var endsConnection: Bool {
        switch self {
        case .unreachable, .connectionLost, .timedOut, .unexpectedReply, .readOnly, .masterDown: true
        default: false
        }
    }

    /// Whether the same command may succeed in a moment.
    public var isTransient: Bool {
        switch self {
        case .unreachable, .connectionLost, .timedOut, .readOnly, .loading, .masterDown, .busy: true
        case .outOfMemory, .cannotPersist: true
        case .invalidURL, .notAllowed, .noScript, .server, .unexpectedReply: false
        }
    }

    /// Whether a client tries again by itself for a while: what a reconnect or a moment of patience mends.
    var isWorthRetryingNow: Bool {
        switch self {
        case .unreachable, .connectionLost, .timedOut, .readOnly, .loading, .masterDown, .busy: true
        default: false
        }
    }
}
