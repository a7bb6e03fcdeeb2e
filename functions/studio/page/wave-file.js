import { Problem } from './service.js';

// WAV as the service hands it out: RIFF and RF64; 16, 24, 32 bits and floats.

const text = (view, at) => String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4));
const large = (view, at) => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;

/**
 * What the beginning of a file says: `{rate, channels, bits, isFloat, start, frames}`, or `{next}` where more bytes are needed: the
 * place of the first chunk that is not among them.
 */
export function readHeader(view, known = {}, offset = 12) {
    let at = offset;
    while (at + 8 <= view.byteLength) {
        const [name, length] = [text(view, at), view.getUint32(at + 4, true)];
        if (name === 'data') {
            const bytes = length === 0xffffffff ? known.dataBytes : length;
            return { ...known, start: at + 8, frames: Math.floor(bytes / (known.channels * known.bits / 8)) };
        }
        if (at + 8 + Math.min(length, 40) > view.byteLength) break;
        if (name === 'ds64') known.dataBytes = large(view, at + 16);
        if (name === 'fmt ') {
            let format = view.getUint16(at + 8, true);
            if (format === 0xfffe) format = view.getUint16(at + 32, true);
            const [channels, rate, bits] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true), view.getUint16(at + 22, true)];
            known = { ...known, channels, rate, bits, isFloat: format === 3 };
        }
        at += 8 + length + length % 2;
    }
    return { known, next: at };
}

/** The samples of one channel, −1…1. */
export function readSamples(view, header, channel, into) {
    const { channels, bits, isFloat } = header;
    const width = bits / 8;
    const step = channels * width;
    for (let frame = 0, at = channel * width; frame < into.length; frame += 1, at += step) {
        if (isFloat) into[frame] = bits === 64 ? view.getFloat64(at, true) : view.getFloat32(at, true);
        else if (bits === 16) into[frame] = view.getInt16(at, true) / 32768;
        else if (bits === 24) into[frame] = (view.getUint16(at, true) + view.getInt8(at + 2) * 65536) / 8388608;
        else into[frame] = view.getInt32(at, true) / 2147483648;
    }
    return into;
}

/** Pieces of this many frames: about a second and a half. */
export const pieceFrames = 65536;

/** The audio of one track, fetched in pieces by ranges of its WAV file. Holds the pieces that it is told to keep, and no more. */
export class TrackAudio {
    #pieces = new Map();
    #asked = new Map();

    /** `address` makes the file's URL, anew for each request. `onpiece` gets each piece and its number. */
    constructor(address, onpiece = () => {}) {
        this.address = address;
        this.onpiece = onpiece;
    }

    /** Reads the header, once. */
    open() {
        this.opening ??= this.#open().catch((problem) => {
            this.opening = null;
            throw problem;
        });
        return this.opening;
    }

    async #open() {
        // Where `data` does not begin within the first bytes, the chunks before it are stepped over.
        let [found, base] = [{ known: {}, next: 12 }, 0];
        for (let step = 0; step < 16; step += 1) {
            const view = new DataView(await this.#range(base, base + 4095));
            if (base === 0 && !['RIFF', 'RF64'].includes(text(view, 0))) break;
            found = readHeader(view, found.known, found.next - base);
            if (found.frames !== undefined) {
                this.header = { ...found, start: found.start + base };
                return this.header;
            }
            found.next += base;
            base = found.next;
        }
        throw new Problem('This is no WAV file that the mixer can read.');
    }

    /** Whether a piece is here. */
    has(index) {
        return this.#pieces.has(index);
    }

    /** A piece that is here: the samples of its two sides. */
    piece(index) {
        return this.#pieces.get(index);
    }

    /** Fetches those of `indexes` that are missing, one after the other, and lets go of all others. Throws what went wrong. */
    async keep(indexes) {
        const wanted = new Set(indexes);
        for (const index of this.#pieces.keys()) if (!wanted.has(index)) this.#pieces.delete(index);
        for (const [index, { cut }] of this.#asked) if (!wanted.has(index)) cut.abort();
        await this.open();
        for (const index of indexes) {
            if (this.has(index) || this.#asked.has(index) || this.#asked.size >= 2) continue;
            await this.#fetch(index);
        }
    }

    async #fetch(index) {
        const cut = new AbortController();
        this.#asked.set(index, { cut });
        try {
            const { start, frames, channels, bits } = this.header;
            const count = Math.min(pieceFrames, frames - index * pieceFrames);
            const first = start + index * pieceFrames * channels * bits / 8;
            const view = new DataView(await this.#range(first, first + count * channels * bits / 8 - 1, cut.signal));
            const sides = [0, Math.min(1, channels - 1)].map((channel) => readSamples(view, this.header, channel, new Float32Array(count)));
            this.#pieces.set(index, sides);
            this.onpiece(index, sides);
        } catch (problem) {
            if (problem.name !== 'AbortError') throw problem;
        } finally {
            this.#asked.delete(index);
        }
    }

    async #range(first, last, signal) {
        let response;
        try {
            response = await fetch(this.address(), { headers: { Range: `bytes=${first}-${last}` }, signal });
            if (response.status === 206) return await response.arrayBuffer();
        } catch (error) {
            throw error.name === 'AbortError' ? error : Problem.away();
        }
        if (response.ok) throw new Problem('The service hands out this track as a whole only; the mixer needs pieces.');
        throw await Problem.of(response);
    }
}
