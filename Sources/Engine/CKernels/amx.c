// Every kernel for x86-64 with a matrix unit (AMX): operands of products are rounded to bfloat16, sums are in single precision.
#define _GNU_SOURCE
#if defined(__x86_64__)
#include "CKernels.h"

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LANES 16
#define PANEL 32
#define STRIP_VECTORS 2
#define TERMS 32
#define TABLE MSKernelsAMXTable
#define NAME "amx"
#pragma clang attribute push( \
    __attribute__((target("amx-tile,amx-bf16,avx512bf16,avx512bw,avx512vl,avx512f,avx2,fma"))), apply_to = function)
#include "lanes/all.inc"
#pragma clang attribute pop

static bool isPermitted;

/// Whether processor and system have the unit, and the system lets this process use it.
static void askForTiles(void) {
    unsigned a, b, c, d;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl")) {
        return;
    }
    // AMX-BF16 and AMX-TILE.
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return;
    // The system saves the tiles' configuration and their contents.
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low >> 17 & 3) != 3) return;
    // Eight tiles of 16 rows of 64 bytes.
    if (!__get_cpuid_count(0x1D, 1, &a, &b, &c, &d) || b >> 16 < 8 || (b & 0xFFFF) < 64 || (c & 0xFFFF) < 16) return;
    // ARCH_REQ_XCOMP_PERM for the tiles' contents (18), once for all threads of the process. Linux refuses where an
    // alternate signal stack is too small for them, sandboxes where they have none: then there is no unit for us.
    isPermitted = syscall(SYS_arch_prctl, 0x1023, 18L) == 0;
}

const MSKernels *MSKernelsAMX(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, askForTiles);
    return isPermitted ? &MSKernelsAMXTable : NULL;
}
#else
typedef int MSNothingHere;
#endif
