import Jobs
import ServiceContract

extension Model {
    /// What becomes of the model with `message`, and what is to be done about it. It does nothing itself.
    package mutating func update(_ message: Message) -> [Effect] {
        switch message {
        case .key(let key): return press(key)
        case .observed(let snapshot):
            observe(snapshot)
            return []
        case .away(let reason):
            trouble = reason
            age()
            return []
        case .carriedOut(let text):
            notice = Notice(text: text)
            return []
        case .refused(let reason):
            notice = Notice(text: reason, isBad: true)
            return []
        case .redraw: return [.redraw]
        case .end: return [.quit]
        }
    }

    // MARK: - Reading

    private mutating func observe(_ new: Snapshot) {
        trouble = nil
        age()
        traffic.record(backlog: new.depth.waiting + new.depth.inFlight, at: new.status.time, events: new.events)
        events = Array((new.events.reversed().filter { $0.kind != .progress } + events).prefix(Self.eventLimit))
        songs.merge(new.songs) { $1 }
        if songs.count > 4 * Self.eventLimit { songs = new.songs }
        // What was read before the last request was carried out knows nothing of it.
        if new.requests >= requests { control = new.status.control }
        if let selection, !new.workers.contains(where: { $0.id == selection }) { self.selection = nil }
        snapshot = new
    }

    private mutating func age() {
        notice?.age += 1
        if let notice, notice.age >= Self.noticeLimit { self.notice = nil }
    }

    // MARK: - Keys

    private mutating func press(_ key: Key) -> [Effect] {
        switch key {
        case .control("c"), .character("q"): return [.quit]
        case .control("z"): return [.suspend]
        case .control("l"): return [.redraw]
        case .character("?"): isHelpShown.toggle()
        case .escape, .enter: (isHelpShown, notice, selection) = (false, nil, isHelpShown ? selection : nil)
        case .up, .character("k"): select(by: -1)
        case .down, .character("j"): select(by: 1)
        case .pageUp: select(by: -10)
        case .pageDown: select(by: 10)
        case .home, .character("g"): select(by: -workers.count)
        case .end, .character("G"): select(by: workers.count)
        case .character("p"): return ask(control.isPaused ? .resume : .pause)
        case .character("+"), .character("="): return override(by: 1)
        case .character("-"), .character("_"): return override(by: -1)
        case .character("a"): return ask(.clear)
        case .character("d"): return drain()
        case .character("r"): return retryDead()
        default: break
        }
        return []
    }

    private mutating func select(by step: Int) {
        guard !workers.isEmpty else { return }
        let index = workers.firstIndex { $0.id == selection }
        let next = index.map { $0 + step } ?? (step > 0 ? step - 1 : workers.count + step)
        selection = workers[min(max(next, 0), workers.count - 1)].id
    }

    private mutating func ask(_ request: AutoscalerControl.Request) -> [Effect] {
        control = control.applying(request)
        return make(.control(request))
    }

    private mutating func override(by step: Int) -> [Effect] {
        let replicas = record?.replicas
        let base = control.override ?? replicas?.wanted ?? replicas?.now ?? workers.count
        let bounds = record?.bounds
        let wanted = min(max(base + step, bounds?.minimum ?? 0), max(bounds?.maximum ?? .max, 0))
        return ask(.override(wanted))
    }

    private mutating func drain() -> [Effect] {
        guard let selection else {
            notice = Notice(
                text: workers.isEmpty ? "There is no worker to drain." : "Select a worker with j and k first.")
            return []
        }
        let isOurs = snapshot?.status.drains[selection] == .operator
        if isOurs {
            snapshot?.status.drains[selection] = nil
            return make(.withdrawDrain(selection))
        }
        snapshot?.status.drains[selection] = .operator
        return make(.drain(selection))
    }

    private mutating func retryDead() -> [Effect] {
        guard let snapshot, snapshot.depth.dead > 0 else {
            notice = Notice(text: "There are no dead jobs.")
            return []
        }
        return make(.retryDead)
    }

    private mutating func make(_ request: Request) -> [Effect] {
        requests += 1
        return [.request(request)]
    }
}
