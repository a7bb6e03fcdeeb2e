#ifndef MSPOOL_H
#define MSPOOL_H

/// Threads that run the pieces of one piece of work together with their caller.
typedef struct MSPool MSPool;

/// A pool of `threads` threads of which the caller of MSPoolRun is one; null when the system gives no threads.
MSPool *MSPoolCreate(int threads);

/// Ends the threads. No work may be running.
void MSPoolDestroy(MSPool *pool);

/// Calls body(context, index, slot) for every index below `count` and returns when all calls have returned.
/// No two calls at the same time have the same slot; slots are below `threads`, and the caller's is 0.
/// While another caller has the threads, the calling thread does all the work alone.
void MSPoolRun(MSPool *pool, long count, void (*body)(void *context, long index, long slot), void *context);

#endif
