// Every kernel for x86-64 with AVX-512 and its bfloat16 products: operands of products are rounded to 8 significant bits,
// sums are in single precision.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>
#include <string.h>

#define LANES 16
#define PANEL 8
#define STRIP_VECTORS 3
#define TERMS 2
#define TABLE MSKernelsAVX512BF16
#define NAME "avx512bf16"
#pragma clang attribute push(__attribute__((target("avx512bf16,avx512bw,avx512vl,avx512f,avx2,fma"))), apply_to = function)
#include "lanes/all.inc"
#pragma clang attribute pop
#else
typedef int MSNothingHere;
#endif
