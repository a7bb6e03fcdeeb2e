extension Script {
    /// What all scripts share: the keys, the clock, the log, and the steps that more than one of them takes.
    static let prelude = #"""
        local lease, max_attempts, retention = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        local event_cap, recent_cap = tonumber(ARGV[4]), tonumber(ARGV[5])
        local arguments = {unpack(ARGV, 6)}

        local queue, leases, dead = 'msaas:queue', 'msaas:leases', 'msaas:dead'
        local events, workers, recent = 'msaas:events', 'msaas:workers', 'msaas:recent'
        local function job_key(id) return 'msaas:job:' .. id end
        local function processing(worker) return 'msaas:processing:' .. worker end

        local function clock()
            local time = redis.call('TIME')
            return time[1] * 1000 + math.floor(time[2] / 1000)
        end
        local now = clock()

        -- Writes one line of the event log: what happened to which job, then names and values in turn.
        local function record(kind, id, ...)
            redis.call('XADD', events, 'MAXLEN', '~', event_cap, '*', 'kind', kind, 'job', id, ...)
        end

        local function field(id, name) return redis.call('HGET', job_key(id), name) end

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
            redis.call('ZADD', leases, now + lease, id)
        end

        -- Takes a job out of its worker's hands.
        local function release(id)
            redis.call('ZREM', leases, id)
            local worker = field(id, 'worker')
            if worker then redis.call('LREM', processing(worker), 0, id) end
            redis.call('HDEL', job_key(id), 'sealed', 'nonce')
            return worker or ''
        end

        -- Makes a released job wait again: 'next' out, or 'last'.
        local function requeue(id, place)
            redis.call('HSET', job_key(id), 'state', 'queued', 'progress', '0')
            redis.call(place == 'next' and 'RPUSH' or 'LPUSH', queue, id)
        end

        -- Ends a released job; its hash expires after the retention, but for a dead one, which waits for somebody.
        local function finish(id, state)
            redis.call('HSET', job_key(id), 'state', state, 'finished_at', now)
            if state == 'dead' then
                redis.call('LPUSH', dead, id)
            else
                redis.call('PEXPIRE', job_key(id), retention)
            end
        end

        """#
}
