// Products by OpenBLAS, for processors that none of our product kernels is made for: its own choice of kernel covers
// AVX, NEON, SVE and others. Everything else is the baseline's.
#include "CKernels.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>

#define LANES 4
#define PANEL 1
#define STRIP_VECTORS 1
#include "lanes/vector.inc"

#define COLUMN_BLOCK 336

static long openblasScratch(long rows, long depth) { return (rows + depth) * COLUMN_BLOCK; }

static void finish(const MSProduct *p, long row, const float *value, const float *gate, long column, long count) {
    if (!p->output[row]) return;
    float *out = p->output[row] + column;
    const float *residual = p->residual ? p->residual[row] + column : NULL;
    float scale = p->scale ? p->scale[row] : 1.0f, addend = p->addend ? p->addend[row] : 0.0f;
    for (long i = 0; i < count; i += LANES) {
        long n = count - i < LANES ? count - i : LANES;
        V y = loadPart(value + i, n) + p->bias[row];
        if (gate) {
            y *= vsigmoid(loadPart(gate + i, n) + p->bias[row + p->outputRows]);
        } else {
            y = vactivate(y, p->activation);
        }
        y = y * scale + addend;
        if (residual) y += loadPart(residual + i, n);
        storePart(out + i, y, n);
    }
}

static void openblasProduct(const MSProduct *p) {
    float *input = p->scratch, *result = p->scratch + p->depth * COLUMN_BLOCK;
    for (long column = 0; column < p->columns; column += COLUMN_BLOCK) {
        long count = p->columns - column < COLUMN_BLOCK ? p->columns - column : COLUMN_BLOCK;
        for (long k = 0; k < p->depth; k++) {
            memcpy(input + k * count, p->input[k] + column, count * sizeof(float));
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p->rows, (int)count, (int)p->depth, 1.0f,
                    p->weights, (int)p->depth, input, (int)count, 0.0f, result, (int)count);
        for (long row = 0; row < p->outputRows; row++) {
            const float *gate =
                p->activation == MSActivationGLU ? result + (row + p->outputRows) * count : NULL;
            finish(p, row, result + row * count, gate, column, count);
        }
    }
}

extern const MSKernels MSKernelsBaseline;

static MSKernels kernels;

static void makeKernels(void) {
    kernels = MSKernelsBaseline;
    kernels.name = "openblas";
    kernels.productPanel = 1;
    kernels.productScratch = openblasScratch;
    kernels.product = openblasProduct;
    openblas_set_num_threads(1);
}

const MSKernels *MSKernelsOpenBLAS(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, makeKernels);
    return &kernels;
}
