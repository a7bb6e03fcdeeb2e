import Digests
import ServiceContract

// The life of a job. Every arrow is one Lua script, which Redis runs as one step; what is not drawn is refused and
// changes nothing. The chapters beside this file hold the scripts by phase, each with the call that runs it.
//
// ```
//             reject                            fail (for good), giveBack (out of returns)
//   object ───────────▶ failed ◀──────────────────────────────────────┐
//     │                   │                                           │
//     │ enqueue           │ retry, enqueue (a new write)              │
//     ▼                   ▼                take                       │  seal                commit
//   queued ◀──────────────┴──── queued ───────────────▶ running ──────┼────────▶ sealed ──────────────▶ done
//     ▲  ▲                        │                     │ │ ▲ │       │        (still running)           │
//     │  │ enqueue (a new write)  │ cancel              │ │ └─┘ renew, report      └─ giveBack, expiry:  │
//     │  └── cancelled ◀──────────┴─────── cancel ──────┘ │                           unpublished finds   │
//     │          ▲                                        │                           it, commit ends it  │
//     │          └──── cancel ──── dead ◀─────────────────┤ fail, recover (attempts spent)                │
//     │ retry, enqueue (a new write)│                     │                                               │
//     ├─────────────────────────────┘                     │                                               │
//     ├─ fail (try again), recover, giveBack ◀────────────┘                                               │
//     └─ enqueue (a new write of other bytes or options) ◀────────────────────────────────────────────────┘
//
//   remove: any state ▶ forgotten.       forgotten by itself: done, failed and cancelled, after the retention.
// ```
//
// | state | where the job is, besides its hash |
// |---|---|
// | queued | in its owner's line `{msaas}:queue:OWNER`; the owner is in `{msaas}:queue` |
// | running, sealed | in `{msaas}:leases` |
// | dead | in `{msaas}:dead` |
// | done, failed, cancelled | nowhere |
//
// **Turns.** Owners with waiting songs stand in `{msaas}:queue` by their turn: each song taken moves its owner back by
// `1000 / weight` (stride scheduling; Waldspurger and Weihl, 1995), and a higher priority goes before all lower ones.
// Within a line the oldest song goes first; one that was interrupted comes next, and its owner's turn is given back.
// Whoever comes in begins at the present turn: nobody saves turns up.
//
// **Memory.** When Redis is full, commands that need memory are refused until a script has made its first change.
// Scripts that take, keep up or end work therefore begin by taking something away, so that work can be finished even
// then; scripts that bring new work in are refused as a whole.
//
// The clock is that of Redis, in milliseconds.

/// The keys; all lie in the hash slot of one tag, so that a cluster keeps them on one node.
enum QueueKey {
    /// Names the slot.
    static let tag = "{msaas}:"

    /// hash: what everybody goes by; see ``QueueRule``.
    static let rules = tag + "rules"
    /// zset: owner with waiting songs → turn.
    static let queue = tag + "queue"
    /// hash: priority → the turn that was served last.
    static let served = tag + "served"
    /// list: one entry for each song that came, so that a waiting worker wakes up.
    static let wake = tag + "wake"
    /// hash: worker → nonce and job of its last claim.
    static let claims = tag + "claims"
    /// zset: job in a worker's hands → end of its lease.
    static let leases = tag + "leases"
    /// string: when somebody last looked for leases that ran out.
    static let looked = tag + "looked"
    /// zset: job that spent its attempts → when.
    static let dead = tag + "dead"
    /// zset: job → when it was enqueued last; capped.
    static let recent = tag + "recent"
    /// list: milliseconds and audio seconds of the jobs done last.
    static let pace = tag + "pace"
    /// stream: the log of everything that happened.
    static let events = tag + "events"
    /// hash: worker → its record with its last heartbeat.
    static let workers = tag + "workers"
    /// hash: object that could not be taken in → why and how often; and zset: the same → when.
    static let aside = tag + "aside"
    static let asideTimes = tag + "aside:times"
    /// string: the models that the workers separate with.
    static let offers = tag + "offers"
    /// hash: the autoscaler's record and the operator's wishes.
    static let autoscaler = tag + "autoscaler"
    /// hash: worker that is to drain → who asked.
    static let drain = tag + "drain"

    /// hash: the job.
    static func job(_ id: JobID) -> String { tag + "job:\(id)" }
    /// zset: the owner's waiting jobs → place.
    static func line(_ owner: String) -> String { tag + "queue:\(owner)" }
    /// hash: weight, priority, turn and the day's use of an owner.
    static func owner(_ owner: String) -> String { tag + "owner:\(owner)" }
    /// string: the job that a write of an object became.
    static func write(_ digest: String) -> String { tag + "write:\(digest)" }
    /// zset: message to a job's callback → when it is due; and zset: one that was given up → when.
    static let callbacks = tag + "callbacks"
    static let failedCallbacks = tag + "callbacks:failed"
    /// string that expires: whose turn it is at a task of many.
    static func turn(_ task: String) -> String { tag + "turn:\(task)" }
}

/// A change of the queue's state, in Lua, which Redis runs as one atomic step.
///
/// Every script starts with the same ``prelude``, which names the keys, reads the rules and holds the steps that several
/// scripts share. Its one declared key is `{msaas}:rules`; all others lie in the same slot.
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
    func callAsFunction(_ arguments: RedisArgument...) -> ScriptCall { ScriptCall(script: self, arguments: arguments) }
}

/// A script with its arguments.
struct ScriptCall: Sendable {
    let script: Script
    let arguments: [RedisArgument]

    /// What follows the script in the command: the number of keys, the key, the arguments.
    var parameters: [RedisArgument] { ["1", RedisArgument(QueueKey.rules)] + arguments }
}

extension Script {
    /// What all scripts share.
    static let prelude = names + steps

    /// The keys and the rules, as Lua.
    private static let names = """
        local rules_key, queue, served, wake, claims = KEYS[1], '\(QueueKey.queue)', '\(QueueKey.served)', \
        '\(QueueKey.wake)', '\(QueueKey.claims)'
        local leases, looked, dead, recent, pace = '\(QueueKey.leases)', '\(QueueKey.looked)', '\(QueueKey.dead)', \
        '\(QueueKey.recent)', '\(QueueKey.pace)'
        local events, workers = '\(QueueKey.events)', '\(QueueKey.workers)'
        local callbacks, failed_callbacks = '\(QueueKey.callbacks)', '\(QueueKey.failedCallbacks)'
        local function callback_key(message) return '\(QueueKey.tag)callback:' .. message end
        local aside, aside_times = '\(QueueKey.aside)', '\(QueueKey.asideTimes)'
        local function job_key(id) return '\(QueueKey.tag)job:' .. id end
        local function line_key(owner) return '\(QueueKey.tag)queue:' .. owner end
        local function owner_key(owner) return '\(QueueKey.tag)owner:' .. owner end
        local function recent_of(owner) return '\(QueueKey.tag)recent:' .. owner end

        local rules = {\(QueueRule.allCases.map { "\($0.rawValue) = \($0.standard)" }.joined(separator: ", "))}
        local stored_rules = redis.call('HGETALL', rules_key)
        for index = 1, #stored_rules, 2 do
            rules[stored_rules[index]] = tonumber(stored_rules[index + 1])
        end

        """

    private static let steps = #"""
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        local function field(id, name) return redis.call('HGET', job_key(id), name) end
        local function owner_of(id) return field(id, 'owner') or '' end

        -- Writes one line of the event log: what happened to which job of whom, then names and values in turn.
        local function record(kind, id, ...)
            redis.call('XADD', events, 'MAXLEN', '~', rules.events, '*', 'kind', kind, 'job', id, 'owner', owner_of(id), ...)
        end
        local function whole(number) return string.format('%.0f', number) end

        -- A worker's record (JSON) with the present time as its heartbeat.
        local function stamped(entry)
            local text = entry:gsub('"heartbeat":[^,}]*', string.format('"heartbeat":%d', now), 1)
            return text
        end

        -- Whether the claim with this token still holds the job: 'held', 'lost' or 'cancelled'.
        local function standing(id, token)
            local state = field(id, 'state')
            if not state or state == 'cancelled' then return 'cancelled' end
            if state == 'running' and field(id, 'token') == token then return 'held' end
            return 'lost'
        end

        -- Sets the lease anew. Taking it out first makes room, so that it can be renewed when memory is full.
        local function extend(id)
            redis.call('ZREM', leases, id)
            redis.call('ZADD', leases, now + rules.lease, id)
        end

        -- How an owner takes part: the stride of one song, the priority, and the turn.
        local function part_of(owner)
            local values = redis.call('HMGET', owner_key(owner), 'weight', 'priority', 'turn')
            local weight = tonumber(values[1]) or 1
            return math.floor(1000 / weight), tonumber(values[2]) or 0, tonumber(values[3]) or 0
        end

        -- Puts an owner among those with waiting songs. A higher priority goes before all lower ones.
        local function stand(owner, priority, turn)
            redis.call('HSET', owner_key(owner), 'turn', whole(turn))
            redis.call('ZADD', queue, whole(turn - priority * 2 ^ 44), owner)
        end

        -- Makes a job wait in its owner's line: 'next' out, or 'last'.
        local function line_up(id, place)
            local owner = owner_of(id)
            local line = line_key(owner)
            local edge = redis.call(place == 'next' and 'ZRANGE' or 'ZREVRANGE', line, 0, 0, 'WITHSCORES')
            local step = place == 'next' and -1 or 1
            redis.call('ZADD', line, whole((tonumber(edge[2]) or 0) + step), id)
            local stride, priority, turn = part_of(owner)
            if not edge[1] then turn = math.max(turn, tonumber(redis.call('HGET', served, priority)) or 0) end
            if place == 'next' then turn = turn - stride end
            stand(owner, priority, turn)
            if redis.call('LLEN', wake) < 1000 then redis.call('LPUSH', wake, '1') end
        end

        -- Takes a waiting job out of its owner's line.
        local function unline(id)
            local owner = owner_of(id)
            local line = line_key(owner)
            if redis.call('ZREM', line, id) == 1 and redis.call('ZCARD', line) == 0 then
                redis.call('ZREM', queue, owner)
            end
        end

        -- Takes a job out of its worker's hands.
        local function release(id)
            redis.call('ZREM', leases, id)
            redis.call('HDEL', job_key(id), 'sealed', 'nonce')
            return field(id, 'worker') or ''
        end

        -- Makes a released job wait again.
        local function requeue(id, place)
            redis.call('HSET', job_key(id), 'state', 'queued', 'progress', '0')
            line_up(id, place)
        end

        -- Makes the message that tells a job's callback of its end, if it has one.
        local function tell(id, state)
            -- Options that cannot be read name nobody, and must not keep a job from its end.
            local is_read, options = pcall(cjson.decode, field(id, 'options') or '{}')
            local address = is_read and type(options) == 'table' and options.callback
            if type(address) ~= 'string' then return end
            local message = id .. '-' .. whole(redis.call('HINCRBY', job_key(id), 'messages', 1))
            redis.call('HSET', callback_key(message), 'job', id, 'owner', owner_of(id), 'state', state, 'address', address,
                'standing', 'waiting', 'tries', '0', 'created_at', now, 'next_try', now)
            redis.call('PEXPIRE', callback_key(message), rules.retention)
            redis.call('ZADD', callbacks, now, message)
        end

        -- Ends a released job; its hash expires after the retention, but for a dead one, which waits for somebody.
        local function finish(id, state)
            redis.call('HSET', job_key(id), 'state', state, 'finished_at', now)
            tell(id, state)
            if state == 'dead' then
                redis.call('ZADD', dead, now, id)
            else
                redis.call('PEXPIRE', job_key(id), rules.retention)
            end
        end

        -- Takes a job that has ended back to its beginning, but for its token, which only grows.
        local function begin_anew(id)
            redis.call('ZREM', dead, id)
            redis.call('HDEL', job_key(id), 'error', 'finished_at', 'started_at', 'manifest', 'worker',
                'rejected')
            redis.call('PERSIST', job_key(id))
            redis.call('HSET', job_key(id), 'attempts', '0', 'returns', '0')
        end

        -- Ends an attempt for which nobody could answer: the job waits again, or is dead when its attempts are spent.
        local function attempt_over(id, worker, place, kind, reason)
            local attempt = tonumber(field(id, 'attempts')) or 0
            redis.call('HSET', job_key(id), 'error', reason)
            if attempt >= rules.attempts then
                finish(id, 'dead')
                record('dead', id, 'worker', worker, 'attempt', attempt, 'message', reason)
            else
                requeue(id, place)
                record(kind, id, 'worker', worker, 'attempt', attempt, 'message', reason)
            end
        end

        -- What an owner has used today (UTC): bytes, seconds.
        local function used_today(owner)
            local values = redis.call('HMGET', owner_key(owner), 'day', 'bytes', 'seconds')
            if values[1] ~= whole(math.floor(now / 86400000)) then return 0, 0 end
            return tonumber(values[2]) or 0, tonumber(values[3]) or 0
        end

        local function use(owner, bytes, seconds)
            local used_bytes, used_seconds = used_today(owner)
            redis.call('HSET', owner_key(owner), 'day', whole(math.floor(now / 86400000)), 'bytes',
                whole(used_bytes + bytes), 'seconds', string.format('%.3f', used_seconds + seconds))
        end

        -- Stores a song's length, and counts it among its owner's seconds once.
        local function measure(id, seconds)
            if not tonumber(seconds) then return end
            if not field(id, 'audio_seconds') then use(owner_of(id), 0, tonumber(seconds)) end
            redis.call('HSET', job_key(id), 'audio_seconds', seconds)
        end

        """#
}
