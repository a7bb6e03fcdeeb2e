import { pieceFrames } from './wave-file.js';

// How a waveform looks: the lowest and highest sample of each so many frames, as audiowaveform writes them (its JSON, version 2).

const zooms = [256, 1024, 4096, 16384];

/** What fills a lane: the loudest sample of all tracks, so that they are drawn as loud as they are beside each other. */
export class Scale extends EventTarget {
    highest = 0.1;

    hold(value) {
        if (value <= this.highest) return;
        this.highest = Math.min(1, value);
        this.dispatchEvent(new Event('change'));
    }
}

/** The peaks of one track, in the resolutions that were asked for so far. Tells by `change` that there is more to draw. */
export class Peaks extends EventTarget {
    #levels = new Map();
    #asked = new Set();

    constructor(service, job, name, frames, scale) {
        super();
        Object.assign(this, { service, job, name, frames, scale, isMissing: false });
    }

    /** Peaks with at least one pair for each `framesPerPixel`, or the next best that is here; null: none yet. */
    level(framesPerPixel) {
        const zoom = zooms.findLast((value) => value <= framesPerPixel) ?? zooms[0];
        if (!this.isMissing) this.#ask(zoom);
        if (this.#levels.has(zoom)) return this.#levels.get(zoom);
        const others = [...this.#levels.keys()].sort((a, b) => Math.abs(a - zoom) - Math.abs(b - zoom));
        return this.#levels.get(others[0]) ?? null;
    }

    /** Songs of before there were peaks are drawn from what was fetched to be heard. */
    add(index, sides) {
        if (!this.isMissing) return;
        const zoom = 1024;
        if (!this.#levels.has(zoom)) {
            const pairs = Math.ceil(this.frames / zoom);
            this.#levels.set(zoom, { zoom, low: new Float32Array(pairs), high: new Float32Array(pairs) });
        }
        const { low, high } = this.#levels.get(zoom);
        for (const samples of sides) {
            for (let at = 0; at < samples.length; at += 1) {
                const pair = Math.floor((index * pieceFrames + at) / zoom);
                if (samples[at] < low[pair]) low[pair] = samples[at];
                if (samples[at] > high[pair]) high[pair] = samples[at];
                if (Math.abs(samples[at]) > this.scale.highest) this.scale.hold(Math.abs(samples[at]));
            }
        }
        this.dispatchEvent(new Event('change'));
    }

    async #ask(zoom) {
        if (this.#asked.has(zoom)) return;
        this.#asked.add(zoom);
        try {
            const document = await this.service.json('GET', `/fetch/${this.job}/peaks`, { query: { track: this.name, zoom, bits: 8 } });
            const level = unpack(document);
            this.#levels.set(level.zoom, level);
            this.scale.hold(level.highest);
            this.dispatchEvent(new Event('change'));
        } catch (problem) {
            if (problem.isPassing) setTimeout(() => { this.#asked.delete(zoom); this.dispatchEvent(new Event('change')); }, 3000);
            else this.isMissing = true;
        }
    }
}

/** Pairs of all channels, merged. */
function unpack({ samples_per_pixel: zoom, bits, channels = 1, data }) {
    const scale = 2 ** (bits - 1);
    const pairs = Math.floor(data.length / 2 / channels);
    const [low, high] = [new Float32Array(pairs), new Float32Array(pairs)];
    for (let pair = 0; pair < pairs; pair += 1) {
        for (let channel = 0; channel < channels; channel += 1) {
            const at = (pair * channels + channel) * 2;
            low[pair] = Math.min(low[pair], data[at] / scale);
            high[pair] = Math.max(high[pair], data[at + 1] / scale);
        }
    }
    let highest = 0;
    for (let pair = 0; pair < pairs; pair += 1) highest = Math.max(highest, high[pair], -low[pair]);
    return { zoom, low, high, highest };
}
