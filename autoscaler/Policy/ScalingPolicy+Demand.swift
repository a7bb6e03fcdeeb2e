extension ScalingPolicy {
    /// What the jobs ask for, within the bounds; also recorded in the decision's history.
    func recommend(_ backlog: Backlog, _ fleet: Fleet, _ now: Moment, _ decision: inout Decision) {
        let (demand, reason) = demand(backlog)
        decision.reasons.append(reason)
        if demand > 0, fleet.replicas == 0 { decision.reasons.append(.firstJob) }
        // Jobs shared out several to a worker would, on a steady load, ask for fewer workers than are kept busy; the
        // fleet would swing. So the busy are part of what is asked for, and of what the window remembers.
        if fleet.busy > demand { decision.reasons.append(.working(fleet.busy)) }
        let recommendation = bounded(max(demand, fleet.busy), &decision.reasons)
        decision.recommendation = recommendation
        decision.history.record(
            recommendation: recommendation, replicas: fleet.replicas, hasWork: demand > 0 || fleet.busy > 0, at: now,
            settings)
    }

    /// The larger of the demand by jobs and by audio; never more workers than jobs.
    private func demand(_ backlog: Backlog) -> (Int, Reason) {
        let jobs = backlog.jobs
        guard jobs > 0 else { return (0, .noJobs) }
        let perWorker = settings.targetJobsPerWorker
        let byJobs = (jobs - 1) / perWorker + 1
        let audio = (backlog.waitingAudio ?? 0) + (backlog.inFlightAudio ?? 0)
        if let factor = backlog.realTimeFactor, factor.isFinite, factor > 0, audio.isFinite, audio > 0 {
            let workers = (audio * factor / settings.targetWait.seconds).rounded(.up)
            let byAudio = Int(min(workers, Double(jobs)))
            if byAudio > byJobs {
                return (
                    byAudio,
                    .demandByAudio(
                        audio: audio, realTimeFactor: factor, targetWait: settings.targetWait, workers: byAudio)
                )
            }
        }
        return (
            byJobs,
            .demandByJobs(
                waiting: max(0, backlog.waiting), inFlight: max(0, backlog.inFlight), perWorker: perWorker,
                workers: byJobs)
        )
    }

    /// `wanted` within the minimum and the maximum.
    func bounded(_ wanted: Int, _ reasons: inout [Reason]) -> Int {
        if wanted < settings.minReplicas {
            reasons.append(.atMinimum(settings.minReplicas))
            return settings.minReplicas
        }
        if wanted > settings.maxReplicas {
            reasons.append(.atMaximum(settings.maxReplicas, wanted: wanted))
            return settings.maxReplicas
        }
        return wanted
    }
}
