import Digests

/// A change of the queue's state, in Lua, which Redis runs as one atomic step.
///
/// Every script starts with the same ``prelude``, which names the keys and the steps that several scripts share; its
/// own arguments are in `arguments`. Keys are built inside the scripts, so the queue needs one Redis server (with
/// replicas, if one likes), not a Redis Cluster. The clock is that of Redis, in milliseconds.
///
/// When Redis is full, commands that may need memory are refused until the script has made its first change. Scripts
/// that end or keep up work therefore begin by taking something away, so that work which was begun can be finished
/// even then; scripts that bring new work in are refused as a whole.
struct Script: Sendable {
    /// The text that Redis runs.
    let source: String
    /// Its SHA-1, by which Redis finds it again.
    let digest: String

    init(_ body: String) {
        source = Self.prelude + body
        digest = Hash.digest(.sha1, Array(source.utf8)).hex
    }

    /// A call of this script.
    func callAsFunction(_ settings: ScriptSettings, _ arguments: RedisArgument...) -> ScriptCall {
        ScriptCall(script: self, arguments: ["0"] + settings.arguments + arguments)
    }
}

/// A script with its arguments.
struct ScriptCall: Sendable {
    let script: Script
    /// The number of keys (none), then the arguments.
    let arguments: [RedisArgument]
}

/// What every script is told.
struct ScriptSettings: Sendable {
    let lease: Duration
    let maxAttempts: Int
    let retention: Duration
    let eventCap: Int
    let recentCap: Int

    var arguments: [RedisArgument] {
        [
            RedisArgument(lease.milliseconds), RedisArgument(maxAttempts), RedisArgument(retention.milliseconds),
            RedisArgument(eventCap), RedisArgument(recentCap),
        ]
    }
}
