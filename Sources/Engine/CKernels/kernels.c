// Choice of the instruction set at run time.
#include "CKernels.h"

#include <string.h>

extern const MSKernels MSKernelsBaseline;
const MSKernels *MSKernelsOpenBLAS(void);
extern const MSKernels MSKernelsAMXPortable;
#if defined(__x86_64__)
const MSKernels *MSKernelsAMX(void);
extern const MSKernels MSKernelsAVX2;
extern const MSKernels MSKernelsAVX512;
extern const MSKernels MSKernelsAVX512BF16;
#endif

const MSKernels *MSKernelsNamed(const char *name) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!strcmp(name, "amx")) return MSKernelsAMX();
    if (!strcmp(name, "avx512")) return __builtin_cpu_supports("avx512f") ? &MSKernelsAVX512 : NULL;
    if (!strcmp(name, "avx512bf16")) {
        return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl")
                   ? &MSKernelsAVX512BF16
                   : NULL;
    }
    if (!strcmp(name, "avx2")) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &MSKernelsAVX2 : NULL;
    }
#endif
    if (!strcmp(name, "amx-portable")) return &MSKernelsAMXPortable;
    if (!strcmp(name, "openblas")) return MSKernelsOpenBLAS();
    return strcmp(name, "baseline") ? NULL : &MSKernelsBaseline;
}
