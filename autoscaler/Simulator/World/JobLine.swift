/// The waiting jobs, oldest first.
struct JobLine {
    private var jobs: [Int] = []
    private var first = 0

    var count: Int { jobs.count - first }

    mutating func append(_ job: Int) { jobs.append(job) }

    /// Puts a job back to the front.
    mutating func putBack(_ job: Int) {
        if first > 0 {
            first -= 1
            jobs[first] = job
        } else {
            jobs.insert(job, at: 0)
        }
    }

    mutating func removeFirst() -> Int? {
        guard first < jobs.count else { return nil }
        defer {
            first += 1
            if first > 4096, first * 2 > jobs.count {
                jobs.removeFirst(first)
                first = 0
            }
        }
        return jobs[first]
    }
}
