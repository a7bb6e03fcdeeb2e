public import EnvironmentSettings
import Foundation
import Synchronization

/// One rule of the queue. The rules stand in Redis, in the hash `{msaas}:rules`, and everybody goes by those.
///
/// A program may *state* rules (in its settings). What it states is written down if nobody has stated otherwise, and
/// also if no worker is alive; else the program is refused with a sentence that names both values and who wrote the
/// other one. A program that states nothing takes the rules as they are. `msaas rules` shows and changes them at any
/// time; every script reads them afresh.
public enum QueueRule: String, CaseIterable, Sendable {
    /// Milliseconds that a lease lasts without being renewed.
    case lease
    /// How often work on a job is begun before it is dead.
    case attempts
    /// How often a job may be given back for want of room before it fails.
    case returns
    /// Milliseconds for which a job that is done, failed or cancelled is remembered.
    case retention
    /// About how many events the log keeps.
    case events
    /// How many jobs one can look back.
    case recent
    /// How often an object that cannot be taken in is tried before it is set aside.
    case tries

    /// The value when nobody has stated one.
    public var standard: Int {
        switch self {
        case .lease: 30_000
        case .attempts: 3
        case .returns: 20
        case .retention: 7 * 86_400_000
        case .events, .recent: 10_000
        case .tries: 5
        }
    }

    /// The environment variable that states it.
    public var variable: String? {
        switch self {
        case .lease: "MSAAS_LEASE_SECONDS"
        case .attempts: "MSAAS_MAX_ATTEMPTS"
        case .returns: "MSAAS_MAX_RETURNS"
        case .retention: "MSAAS_RETENTION_DAYS"
        case .tries: "MSAAS_MAX_TRIES"
        case .events, .recent: nil
        }
    }

    /// How the variable's value is written.
    private var form: Form<Double> {
        switch self {
        case .lease: .number(1...86_400, of: "seconds")
        case .attempts: .number(1...100)
        case .returns, .tries: .number(1...1000)
        case .retention: .number(0.001...3650, of: "days")
        case .events, .recent: .number(1...10_000_000)
        }
    }

    /// What one of the variable's units is in the rule's own.
    private var unit: (size: Double, name: String) {
        switch self {
        case .lease: (1000, " s")
        case .retention: (86_400_000, " days")
        case .attempts, .returns, .events, .recent, .tries: (1, "")
        }
    }

    /// The variable, if there is one. Whoever does not set it states nothing.
    fileprivate var setting: Setting<QueueOptions>? {
        variable.map { name in
            Setting(
                name, \.rules[self],
                Form(form.words) { [form, unit] in form.read($0).map { Int(($0 * unit.size).rounded()) } },
                otherwise: form.show(Double(standard) / unit.size))
        }
    }

    /// A value for people: `30 s`.
    public func text(_ value: Int) -> String {
        form.show(Double(value) / unit.size) + unit.name
    }
}

/// The rules in force.
public struct QueueRules: Sendable, Equatable {
    private var values: [QueueRule: Int] = [:]
    /// Who stated a rule last; none of those that nobody has stated.
    public private(set) var authors: [QueueRule: String] = [:]

    /// The value of a rule.
    public subscript(rule: QueueRule) -> Int { values[rule] ?? rule.standard }

    /// How long a lease lasts without being renewed.
    public var lease: Duration { .milliseconds(self[.lease]) }
    /// How long a job that has ended is remembered.
    public var retention: Duration { .milliseconds(self[.retention]) }

    /// Reads the hash `{msaas}:rules`.
    init(_ fields: [String: String]) {
        for rule in QueueRule.allCases {
            values[rule] = fields[rule.rawValue].flatMap { Int($0) }
            authors[rule] = fields["\(rule.rawValue):by"]
        }
    }
}

/// How a program uses the queue: the rules that it states, and its connections.
public struct QueueOptions: Sendable, Equatable {
    /// The rules that this program states.
    public var rules: [QueueRule: Int]
    /// Who states them, for the sentences of others.
    public var program: String
    /// How many connections serve the commands that do not block.
    public var connections: Int
    /// How long to wait for Redis.
    public var timeouts: RedisTimeouts

    /// States the rules that are given.
    public init(
        lease: Duration? = nil, maxAttempts: Int? = nil, retention: Duration? = nil, eventCap: Int? = nil,
        connections: Int = 2, timeouts: RedisTimeouts = .init()
    ) {
        rules = [:]
        rules[.lease] = lease?.milliseconds
        rules[.attempts] = maxAttempts
        rules[.retention] = retention?.milliseconds
        rules[.events] = eventCap
        program = "\(ProcessInfo.processInfo.processName) on \(ProcessInfo.processInfo.hostName)"
        self.connections = connections
        self.timeouts = timeouts
    }

    /// States what the environment says.
    ///
    /// - Throws: `ConfigurationError` for a value out of bounds, named by its variable.
    public init(environment: [String: String]) throws(ConfigurationError) { self = try .reading(environment) }
}

extension QueueOptions: Configurable {
    /// States nothing.
    public static var usual: QueueOptions { QueueOptions() }

    /// The rules that have a variable.
    public static var settings: [Setting<QueueOptions>] { QueueRule.allCases.compactMap(\.setting) }
}

/// What a program states with its first connection, so that nothing of it is done under rules that it does not share. Once
/// that was accepted a new connection states it only to a Redis that has lost its rules: a change for all stays in force.
final class RulesStatement: Sendable {
    let rules: [QueueRule: Int]
    let program: String
    private let isAccepted = Atomic<Bool>(false)

    init(_ options: QueueOptions) {
        rules = options.rules
        program = options.program
    }

    /// States the rules over a new connection.
    ///
    /// - Throws: ``RedisError/rulesDiffer(_:)`` when another program goes by other rules.
    func state(over connection: RedisConnection) throws(RedisError) {
        let wasAccepted = isAccepted.load(ordering: .relaxed)
        guard let call = call(wasAccepted ? "lost" : "0") else { return }
        try Self.check(connection.run(call))
        isAccepted.store(true, ordering: .relaxed)
    }

    /// The call that states the rules, or nothing to state.
    ///
    /// - Parameter force: `1`: whoever is alive; `0`: if nobody is; `lost`: if there are no rules.
    func call(_ force: RedisArgument) -> ScriptCall? {
        guard !rules.isEmpty else { return nil }
        let pairs = rules.sorted { $0.key.rawValue < $1.key.rawValue }
            .flatMap { [RedisArgument($0.key.rawValue), RedisArgument($0.value)] }
        return ScriptCall(script: .state, arguments: [RedisArgument(program), force] + pairs)
    }

    /// Reads the answer.
    ///
    /// - Throws: ``RedisError/rulesDiffer(_:)`` when another program goes by other rules.
    static func check(_ reply: RedisValue) throws(RedisError) {
        guard let parts = reply.array, !parts.isEmpty else { return }
        guard parts.count == 5, let rule = parts[0].string.flatMap({ QueueRule(rawValue: $0) }),
            let mine = parts[1].integer, let theirs = parts[2].integer, let author = parts[3].string,
            let worker = parts[4].string
        else { throw .unexpectedReply("to the statement of the rules") }
        let name = rule.variable ?? "the rule “\(rule.rawValue)”"
        let source = author.isEmpty ? "which is the usual value" : "as \(author) has stated"
        throw .rulesDiffer(
            "\(name) is \(rule.text(Int(mine))) here, but the queue goes by \(rule.text(Int(theirs))), \(source), and "
                + "\(worker) works by it; set the same value here, stop the workers first, or change the rule for all with "
                + "“msaas rules”")
    }
}

extension RedisJobQueue {
    /// The rules in force.
    public func rules() async throws -> QueueRules {
        let reply = try await pool.client.send(["HGETALL", RedisArgument(QueueKey.rules)])
        guard let fields = reply.pairs else { throw RedisError.unexpectedReply("in place of the rules") }
        return QueueRules(fields)
    }

    /// Changes rules for everybody, at once and whoever is alive.
    public func change(_ rules: [QueueRule: Int]) async throws {
        var options = options
        options.rules = rules
        guard let call = RulesStatement(options).call("1") else { return }
        try RulesStatement.check(await pool.run(call))
    }
}

extension Script {
    /// States rules. Without force those that differ are refused while a worker of another name is alive.
    ///
    /// Arguments: program, force (`1`, `0`, or `lost`: only where there are no rules), then rule and value in turn. Returns nothing, or
    /// `{rule, stated value, value in force, who stated that, a worker that is alive}`.
    static let state = Script(
        #"""
        local program, force = ARGV[1], ARGV[2]
        if force == 'lost' and redis.call('EXISTS', rules_key) == 1 then return {} end
        local changes = {}
        for index = 3, #ARGV, 2 do
            if rules[ARGV[index]] ~= tonumber(ARGV[index + 1]) then changes[#changes + 1] = index end
        end
        if #changes == 0 then return {} end
        local records = redis.call('HGETALL', workers)
        for index = 1, force == '0' and #records or 0, 2 do
            local worker = records[index]
            local silence = now - cjson.decode(records[index + 1]).heartbeat
            if worker ~= program and silence <= 2 * rules.lease then
                local name = ARGV[changes[1]]
                return {name, ARGV[changes[1] + 1], whole(rules[name]),
                    redis.call('HGET', rules_key, name .. ':by') or '', worker}
            end
        end
        for _, index in ipairs(changes) do
            redis.call('HSET', rules_key, ARGV[index], ARGV[index + 1], ARGV[index] .. ':by', program)
        end
        return {}
        """#)
}
