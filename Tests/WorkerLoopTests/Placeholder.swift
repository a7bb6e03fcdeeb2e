// WorkerLoopTests
