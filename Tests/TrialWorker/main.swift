import Foundation
import Logging
import Observability
import WorkerLoop
import WorkerTrials

// A worker process with everything but the engine. `TRIAL_SECONDS` is how long it takes for a song.
let environment = ProcessInfo.processInfo.environment
let separator = TrialSeparator(seconds: environment["TRIAL_SECONDS"].flatMap(Double.init) ?? 0)
try await WorkerProcess(
    environment: environment, separator: separator, logger: Logger(label: "worker") { LineLogHandler(label: $0) }
).run()
