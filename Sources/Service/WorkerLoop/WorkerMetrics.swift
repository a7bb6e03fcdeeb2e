import Metrics
import Observability

/// What a worker counts, and what it tells of itself when it is asked.
struct WorkerMetrics: Sendable {
    private let registry: PrometheusRegistry

    init(registry: PrometheusRegistry) {
        self.registry = registry
        registry.describe("msaas_worker_jobs", "Jobs that this worker worked on, by how that ended.")
        registry.describe("msaas_worker_job", "Seconds from the claim to the job's end.")
        registry.describe("msaas_worker_stage", "Seconds that the parts of a job took.")
        registry.describe("msaas_worker_audio_seconds", "Seconds of music separated.")
        registry.describe("msaas_worker_real_time_factor", "Seconds of work for a second of music, in the last job.")
        registry.describe("msaas_worker_recovered_jobs", "Jobs of lost workers that this one found.")
    }

    /// A job has ended.
    func jobEnded(_ outcome: JobRun.Outcome, seconds: Double, audioSeconds: Double?) {
        Counter(label: "msaas_worker_jobs", dimensions: [("outcome", outcome.rawValue)], factory: registry).increment()
        Timer(label: "msaas_worker_job", dimensions: [], factory: registry).recordSeconds(seconds)
        guard outcome == .done, let audioSeconds, audioSeconds > 0 else { return }
        FloatingPointCounter(label: "msaas_worker_audio_seconds", dimensions: [], factory: registry)
            .increment(by: audioSeconds)
        Gauge(label: "msaas_worker_real_time_factor", dimensions: [], factory: registry).record(seconds / audioSeconds)
    }

    /// A part of a job took so long.
    func stage(_ name: String, seconds: Double) {
        Timer(label: "msaas_worker_stage", dimensions: [("stage", name)], factory: registry).recordSeconds(seconds)
    }

    /// A lost worker's job was recovered.
    func jobRecovered() { Counter(label: "msaas_worker_recovered_jobs", dimensions: [], factory: registry).increment() }

    /// Has the keeper's numbers read when somebody asks.
    func show(_ keeper: LeaseKeeper) {
        registry.collect { text in
            let pulse = keeper.pulse
            text.gauge("msaas_worker_busy", "Whether the worker holds a job.", pulse.isBusy ? 1 : 0)
            text.gauge("msaas_worker_draining", "Whether it claims no more.", pulse.isDraining ? 1 : 0)
            text.gauge("msaas_worker_progress", "How much of the job is done, 0 to 1.", pulse.progress)
            text.gauge(
                "msaas_worker_song_seconds", "Length of the song that it holds, once it was measured.",
                pulse.audioSeconds)
            text.gauge("msaas_worker_redis_up", "Whether Redis answered lately.", pulse.isRedisAway ? 0 : 1)
            text.counter("msaas_worker_renewal_failures_total", "Renewals that Redis did not answer.", pulse.failures)
        }
    }
}
