/// Trouble with Redis; the description is a sentence.
public enum RedisError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No connection could be made.
    case unreachable(address: String, reason: String)
    /// The connection ended before the reply was complete.
    case connectionLost(reason: String)
    /// No reply came in time.
    case timedOut(milliseconds: Int)
    /// The password is missing or wrong.
    case notAllowed(String)
    /// The access list does not let our user do this.
    case forbidden(String)
    /// Another program states other rules; a sentence without its full stop.
    case rulesDiffer(String)
    /// The keys lie on another node of the cluster; the session goes there.
    case moved(host: String, port: Int)
    /// The cluster is not in order at the moment.
    case clusterDown
    /// A cluster cannot serve this: a database other than 0, or keys in several slots.
    case notInCluster(String)
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
        case .unreachable(let address, let reason): "Redis at \(address) cannot be reached: \(reason)."
        case .connectionLost(let reason): "The connection to Redis was lost: \(reason)."
        case .timedOut(let milliseconds): "Redis did not answer within \(milliseconds) ms."
        case .notAllowed(let message): "Redis refuses us: \(message). Check the user and password in REDIS_URL."
        case .forbidden(let message):
            "Redis’ access list (ACL) refuses us: \(message). Let the user of REDIS_URL run scripts, and all commands on "
                + "the keys ~{msaas}:* (ACL SETUSER … ~{msaas}:* +@all -@admin -@dangerous +info)."
        case .rulesDiffer(let reason): "The queue’s rules differ: \(reason)."
        case .moved(let host, let port): "The keys are on another node of the Redis cluster, \(host):\(port)."
        case .clusterDown: "The Redis cluster does not serve our keys at the moment; try again in a moment."
        case .notInCluster(let reason): "This Redis is a cluster, which \(reason)."
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
        let inner = ["READONLY", "OOM", "MISCONF", "NOPERM"].first { reply.contains("-\($0) ") }
        switch inner ?? code {
        case "READONLY": self = .readOnly
        case "LOADING": self = .loading
        case "MASTERDOWN": self = .masterDown
        case "OOM": self = .outOfMemory
        case "MISCONF": self = .cannotPersist
        case "BUSY": self = .busy
        case "NOSCRIPT": self = .noScript
        case "NOAUTH", "WRONGPASS": self = .notAllowed(message)
        case "NOPERM": self = .forbidden(message)
        case "MOVED": self = Self.moved(message) ?? .clusterDown
        case "ASK", "TRYAGAIN", "CLUSTERDOWN": self = .clusterDown
        case "CROSSSLOT": self = .notInCluster("keeps the keys of this command on several nodes; all keys need one tag")
        case "ERR" where message.contains("SELECT is not allowed in cluster mode"):
            self = .notInCluster("has database 0 only; leave the database out of REDIS_URL")
        case "ERR" where message.contains("ACL failure in script"): self = .forbidden(message)
        case "ERR" where message.contains("AUTH"): self = .notAllowed(message)
        default: self = .server(code: code, message: message)
        }
    }

    /// Reads `slot host:port`.
    private static func moved(_ message: String) -> RedisError? {
        guard let place = message.split(separator: " ").last, let colon = place.lastIndex(of: ":"),
            let port = Int(place[place.index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        return .moved(host: String(place[..<colon]), port: port)
    }

    /// Whether the connection is of no more use.
    var endsConnection: Bool {
        switch self {
        case .unreachable, .connectionLost, .timedOut, .unexpectedReply, .readOnly, .masterDown, .clusterDown: true
        default: false
        }
    }

    /// Whether the same command may succeed in a moment.
    public var isTransient: Bool {
        switch self {
        case .unreachable, .connectionLost, .timedOut, .readOnly, .loading, .masterDown, .busy: true
        case .outOfMemory, .cannotPersist, .clusterDown, .moved: true
        case .notAllowed, .forbidden, .rulesDiffer, .notInCluster, .noScript, .server, .unexpectedReply:
            false
        }
    }

    /// Whether a client tries again by itself for a while: what a reconnect or a moment of patience mends.
    var isWorthRetryingNow: Bool {
        switch self {
        case .unreachable, .connectionLost, .timedOut, .readOnly, .loading, .masterDown, .busy, .clusterDown: true
        default: false
        }
    }
}
