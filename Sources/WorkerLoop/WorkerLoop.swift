// WorkerLoop
