/// What finished jobs have shown, the latest counting most.
struct Measured {
    private var work = 0.0
    private var audio = 0.0
    private var jobs = 0.0

    mutating func add(work: Double, audio: Double) {
        self.work = self.work * 0.98 + work
        self.audio = self.audio * 0.98 + audio
        jobs = jobs * 0.98 + 1
    }

    /// Seconds of work for one second of audio; nil before the first job.
    var realTimeFactor: Double? { audio > 0 ? work / audio : nil }

    /// Seconds of audio of a job; nil before the first.
    var meanAudio: Double? { jobs > 0 ? audio / jobs : nil }
}
