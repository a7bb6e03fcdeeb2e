// The GNU C library's own functions for its allocator, which Swift's module of it leaves out.
#pragma once
#include <malloc.h>
