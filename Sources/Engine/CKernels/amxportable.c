// The kernels of amx.c with the meaning of the matrix unit's instructions in their place: what they compute, bit for bit, on
// processors without one. Slow; for tests.
#include "CKernels.h"

#include <string.h>

// No vector crosses a call: everything that takes one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#define PORTABLE
#define LANES 16
#define PANEL 32
#define STRIP_VECTORS 2
#define TERMS 32
#define TABLE MSKernelsAMXPortable
#define NAME "amx-portable"
#include "lanes/all.inc"
