#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "MSPool.h"

/// What a product does to a finished row before it is stored.
typedef enum {
    MSActivationNone = 0,
    MSActivationGELU = 1,
    MSActivationReLU = 2,
    /// Rows come in pairs (value, gate) and value * sigmoid(gate) is stored; the first half of a packed panel are values, the second their gates.
    MSActivationGLU = 3,
} MSActivation;

/// output[r] = residual[r] + scale[r] * activation(weights[r] . input + bias[r]) + addend[r], for `columns` columns.
typedef struct {
    /// Packed panels: [ceil(rows / panel)][ceil(depth / terms)][panel][terms], see `MSKernels.terms`.
    const float *weights;
    /// One value a packed row, padded to whole panels.
    const float *bias;
    /// Rows of the packed operand, and the length of the sums.
    long rows, depth;
    /// `depth` rows of `columns` values each.
    const float *const *input;
    long columns;
    /// Rows written (half of `rows` under GLU); a null row is computed but not stored.
    float *const *output;
    long outputRows;
    MSActivation activation;
    /// One value an output row, or null.
    const float *scale;
    const float *addend;
    /// Rows added to the output, which may be the output rows themselves; or null.
    const float *const *residual;
    /// At least `MSKernels.productScratch(rows, depth)` values, 64-byte aligned.
    float *scratch;
} MSProduct;

/// Attention of one head over some queries: out = softmax(q' k) v, never storing the scores.
typedef struct {
    /// Packed keys [ceil(keys / panel)][ceil(width / terms)][panel][terms] and values
    /// [ceil(width / panel)][ceil(keys / terms)][panel][terms]; terms that no token fills are zero.
    const float *keyPanels, *valuePanels;
    long keys, width;
    /// First row of the head's queries, `queryStride` apart, and where the result goes (may be the same place).
    const float *queries;
    float *output;
    long queryStride, outputStride, columns;
    /// Factor of the scores, 1 / sqrt(width).
    float scale;
    /// At least `MSKernels.attentionScratch(width)` values, 64-byte aligned.
    float *scratch;
} MSAttention;

/// Tables of a complex Fourier transform whose length is a power of two.
typedef struct {
    long size;
    /// exp(-2 pi i k / size): `size` cosines and `size` sines.
    const float *cosines, *sines;
    /// Where the k-th output is found after the transform in place.
    const int32_t *positions;
    /// The analysis and synthesis window, `size` values.
    const float *window;
} MSFourier;

/// Frames of two real signals → their spectra without the last bin.
typedef struct {
    const MSFourier *fourier;
    /// Padded signals (the second may be null); frame t starts at t * hop.
    const float *left, *right;
    long hop, frames;
    float scale;
    /// Rows real, imaginary of left then right; `rowStride` apart; `binStride` between frequencies.
    float *output;
    long rowStride, binStride;
    float *scratch;
} MSAnalysis;

/// Spectra of two real signals → windowed frames added into the signals.
typedef struct {
    const MSFourier *fourier;
    const float *input;
    /// As in MSAnalysis. The value used is input * gain + offset.
    long rowStride, binStride;
    float gain, offset, scale;
    long hop, frames;
    /// Whether the second signal exists.
    bool stereo;
    float *left, *right;
    float *scratch;
} MSSynthesis;

/// One round of the multichannel Wiener filter over the frames of a bin: each source's estimate → its share of the mixture,
/// by the variances in time and the covariance in space that the estimates have.
typedef struct {
    /// First row of the mixture: real and imaginary part of each channel, `mixtureStride` apart.
    const float *mixture;
    long mixtureStride;
    /// The same rows of each source, one source after the other; overwritten.
    float *estimates;
    long estimateStride;
    /// `channels` is 1 or 2.
    long sources, channels, frames;
    /// What squares are multiplied with, what is added to sums of variances, and to the diagonal of covariances.
    double unit, epsilon, regularisation;
    /// At least `MSKernels.wienerScratch(sources, frames)` values, 64-byte aligned.
    float *scratch;
} MSWiener;

/// One instruction set's version of every kernel.
typedef struct {
    const char *name;
    /// Floats in a vector, rows in a packed panel of attention, columns in a strip.
    long lanes, panel, strip;
    /// Rows in a packed panel of a product. With 1, weights lie row by row, and gates follow after all values.
    long productPanel;
    /// Terms of a sum that lie together in a packed panel: 1 number in single precision; 2 in bfloat16, a pair for each
    /// 32-bit lane; or 32 in bfloat16, a row of a matrix unit's tile.
    long terms;
    /// Whether packed operands are bfloat16.
    bool bfloat16;
    long (*productScratch)(long rows, long depth);
    void (*product)(const MSProduct *);
    long (*attentionScratch)(long width);
    void (*attention)(const MSAttention *);
    /// Values of scratch that `analyse` and `synthesise` need.
    long (*fourierScratch)(long size);
    void (*analyse)(const MSAnalysis *);
    void (*synthesise)(const MSSynthesis *);
    /// Adds the sum and the sum of squares of x[0..<n] to moments[0] and moments[1].
    void (*moments)(const float *x, long n, double *moments);
    /// y = activation(x * scale + shift).
    void (*affine)(const float *x, float *y, long n, float scale, float shift, MSActivation activation);
    /// y = base + layerScale * (a * scaleA + shiftA) * sigmoid(b * scaleB + shiftB); base may be null or y.
    void (*gate)(const float *a, const float *b, const float *base, float *y, long n, float scaleA, float shiftA,
                 float scaleB, float shiftB, float layerScale);
    /// Layer normalisation of each column over `rows` rows.
    void (*layerNorm)(const float *x, long xStride, float *y, long yStride, long rows, long columns,
                      const float *weight, const float *bias, float epsilon);
    /// y += x
    void (*accumulate)(const float *x, float *y, long n);
    /// y[phase * phaseStride + i] = x[start + i * stride + phase], zero outside 0..<length.
    void (*deinterleave)(const float *x, long length, long start, long stride, float *y, long phaseStride, long count);
    /// y[start + i * stride + phase] (+)= x[phase * phaseStride + i] where that is inside 0..<length.
    void (*interleave)(const float *x, long phaseStride, float *y, long length, long start, long stride, long count,
                       bool accumulate);
    /// Winograd's F(4, 3) along a row: the six transformed values of each tile of four columns, `plane` apart.
    /// `before` and `after` values beside the row may be read, all others count as zero.
    void (*winogradInput)(const float *x, long before, long after, long columns, float *u, long plane);
    /// From the six products of each tile to y = (value + valueBias) * sigmoid(gate + gateBias).
    void (*winogradGate)(const float *values, const float *gates, long plane, float valueBias, float gateBias, float *y,
                         long columns);
    long (*wienerScratch)(long sources, long frames);
    void (*wiener)(const MSWiener *);
} MSKernels;

/// The version of that name ("amx", "avx512bf16", "avx512", "avx2", "openblas", "baseline"; "amx-portable" is "amx" on any
/// processor, slowly), or null where the processor, or for the matrix unit the system, lacks it.
const MSKernels *MSKernelsNamed(const char *name);

#endif
