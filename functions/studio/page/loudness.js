// Loudness as ITU-R BS.1770 weighs it (K-weighting: a shelf for the head, a high-pass), without its gates, over a few seconds.

/** The two filters for a sample rate, as [b0, b1, b2, a1, a2]; the formulas are those behind the recommendation's table for 48 kHz. */
function filters(rate) {
    const shelf = (() => {
        const [f, g, q] = [1681.974450955533, 3.999843853973347, 0.7071752369554196];
        const [k, vh] = [Math.tan(Math.PI * f / rate), 10 ** (g / 20)];
        const vb = vh ** 0.4996667741545416;
        const a0 = 1 + k / q + k * k;
        return [(vh + vb * k / q + k * k) / a0, 2 * (k * k - vh) / a0, (vh - vb * k / q + k * k) / a0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0];
    })();
    const pass = (() => {
        const [f, q] = [38.13547087602444, 0.5003270373238773];
        const k = Math.tan(Math.PI * f / rate);
        const a0 = 1 + k / q + k * k;
        return [1, -2, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0];
    })();
    return [shelf, pass];
}

/** The weighted power of samples. They are changed. */
function power(samples, rate) {
    for (const [b0, b1, b2, a1, a2] of filters(rate)) {
        let [x1, x2, y1, y2] = [0, 0, 0, 0];
        for (let index = 0; index < samples.length; index += 1) {
            const x = samples[index];
            const y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2;
            [x2, x1, y2, y1] = [x1, x, y1, y];
            samples[index] = y;
        }
    }
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    return sum / Math.max(1, samples.length);
}

/**
 * The loudness in LUFS of a sum.
 *
 * `parts` are `{sides, left, right}`: the samples of two sides and their gains. `rate` in Hz.
 */
export function loudness(parts, rate) {
    let sum = 0;
    for (const [side, name] of ['left', 'right'].entries()) {
        const mixed = new Float64Array(parts[0].sides[side].length);
        for (const part of parts) {
            const [samples, gain] = [part.sides[side], part[name]];
            for (let index = 0; index < mixed.length; index += 1) mixed[index] += gain * samples[index];
        }
        sum += power(mixed, rate);
    }
    return -0.691 + 10 * Math.log10(sum);
}
