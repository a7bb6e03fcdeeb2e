#include "MSPool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct MSPool {
    pthread_mutex_t owner, lock;
    pthread_cond_t started, finished;
    // Guarded by `lock`: the number of the current piece of work, the helpers still at it, and whether to end.
    unsigned long generation;
    int working;
    bool closing;
    // Written before `generation` changes, read after.
    long count;
    void (*body)(void *, long, long);
    void *context;
    atomic_long next;
    int helpers;
    struct MSHelper {
        struct MSPool *pool;
        long slot;
        pthread_t thread;
    } *threads;
};

static void work(MSPool *pool, long slot) {
    for (;;) {
        long index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= pool->count) return;
        pool->body(pool->context, index, slot);
    }
}

static void *help(void *argument) {
    struct MSHelper *helper = argument;
    MSPool *pool = helper->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->generation == seen && !pool->closing) pthread_cond_wait(&pool->started, &pool->lock);
        if (pool->closing) break;
        seen = pool->generation;
        pthread_mutex_unlock(&pool->lock);
        work(pool, helper->slot);
        pthread_mutex_lock(&pool->lock);
        if (--pool->working == 0) pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

MSPool *MSPoolCreate(int threads) {
    MSPool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pthread_mutex_init(&pool->owner, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->started, NULL);
    pthread_cond_init(&pool->finished, NULL);
    int wanted = threads > 1 ? threads - 1 : 0;
    pool->threads = calloc(wanted ? wanted : 1, sizeof *pool->threads);
    for (int i = 0; pool->threads && i < wanted; i++) {
        pool->threads[i].pool = pool;
        pool->threads[i].slot = i + 1;
        if (pthread_create(&pool->threads[i].thread, NULL, help, &pool->threads[i])) break;
        pool->helpers++;
    }
    if (!pool->threads || pool->helpers < wanted) {
        MSPoolDestroy(pool);
        return NULL;
    }
    return pool;
}

void MSPoolDestroy(MSPool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->helpers; i++) pthread_join(pool->threads[i].thread, NULL);
    pthread_cond_destroy(&pool->started);
    pthread_cond_destroy(&pool->finished);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->owner);
    free(pool->threads);
    free(pool);
}

void MSPoolRun(MSPool *pool, long count, void (*body)(void *, long, long), void *context) {
    if (count <= 0) return;
    if (count == 1 || pool->helpers == 0 || pthread_mutex_trylock(&pool->owner)) {
        for (long index = 0; index < count; index++) body(context, index, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->count = count;
    pool->body = body;
    pool->context = context;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->working = pool->helpers;
    pool->generation++;
    pthread_cond_broadcast(&pool->started);
    pthread_mutex_unlock(&pool->lock);
    work(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->working > 0) pthread_cond_wait(&pool->finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->owner);
}
