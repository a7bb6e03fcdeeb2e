// Every kernel for the instruction set that the compiler targets by default: SSE2 on x86-64, NEON on arm64.
#include "CKernels.h"

#include <string.h>

#define LANES 4
#define PANEL 4
#define STRIP_VECTORS 2
#define TERMS 1
#define TABLE MSKernelsBaseline
#define NAME "baseline"
#include "lanes/all.inc"
