// Every kernel for x86-64 with AVX-512.
#if defined(__x86_64__)
#include "CKernels.h"

#include <string.h>

#define LANES 16
#define PANEL 8
#define STRIP_VECTORS 3
#define TERMS 1
#define TABLE MSKernelsAVX512
#define NAME "avx512"
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#include "lanes/all.inc"
#pragma clang attribute pop
#else
typedef int MSNothingHere;
#endif
