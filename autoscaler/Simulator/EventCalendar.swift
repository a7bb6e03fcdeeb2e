/// What will happen, the earliest first; of those at the same time, the first added.
struct EventCalendar {
    /// What happens.
    enum Event {
        case placed(pod: Int)
        case finished(pod: Int, run: Int)
        case graceOver(pod: Int)
        case tick
    }

    private struct Entry {
        var time: Double
        var order: Int
        var event: Event

        static func < (left: Entry, right: Entry) -> Bool { (left.time, left.order) < (right.time, right.order) }
    }

    private var heap: [Entry] = []
    private var added = 0

    /// When the next event happens; nil when there is none.
    var nextTime: Double? { heap.first?.time }

    mutating func add(_ event: Event, at time: Double) {
        heap.append(Entry(time: time, order: added, event: event))
        added += 1
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeNext() -> Event? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first.event }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            if least == parent { return first.event }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
