// Every kernel for x86-64 with AVX2 and FMA.
#if defined(__x86_64__)
#include "CKernels.h"

#include <string.h>

#define LANES 8
#define PANEL 6
#define STRIP_VECTORS 2
#define TERMS 1
#define TABLE MSKernelsAVX2
#define NAME "avx2"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "lanes/all.inc"
#pragma clang attribute pop
#else
typedef int MSNothingHere;
#endif
