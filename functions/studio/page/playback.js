// All tracks on one clock.
//
// A piece of all tracks is one buffer with two channels a track, and so one source: however late a busy page is, no track can begin
// without the others. Each piece is started at a frame of the audio context that is counted, not measured: a take begins at some
// frame of the context with some frame of the song, and from there on a piece follows where the one before it ends. A seek, a loop
// and a pause begin a new take. Volumes, places and the comparison with the original are gains behind that.

import { loudness } from './loudness.js';
import { pieceFrames } from './wave-file.js';

/** So much is started ahead, in seconds: more than a page in the background is kept waiting. */
const ahead = 3;
/** So many pieces are fetched before they are needed. */
const fetched = 7;
/** From an order to its sound, in seconds. */
const lead = 0.03;
const fade = 0.005;

/** One track: its audio and how it is heard. */
export class Track {
    constructor(name, audio, isOriginal = false) {
        Object.assign(this, { name, audio, isOriginal, volume: 1, pan: 0, muted: false, solo: false });
        /** Whether its audio is fetched and played. The original's is not before somebody compares. */
        this.isUsed = !isOriginal;
    }
}

/** Plays tracks together. Tells of what it does by `change`, and of what it cannot do by `problem`. */
export class Playback extends EventTarget {
    #nodes = new Map();
    #sources = new Set();
    /** What was started, in order: `{at, frame, count}` in frames of the context and of the song. */
    #started = [];
    #cursor = { at: 0, frame: 0 };
    #timer = null;
    #failures = 0;
    /** When what failed is asked for again. */
    #again = 0;

    /** `rate` in Hz; `frames` is the song's length. */
    constructor(tracks, rate, frames) {
        super();
        Object.assign(this, { tracks, rate, frames, isPlaying: false, isWaiting: false, isComparing: false, loop: null, problem: null, master: 1 });
        this.context = null;
        /** How often something came so late that there was a pause. */
        this.interruptions = 0;
    }

    get duration() {
        return this.frames / this.rate;
    }

    /** Where the song is, in seconds, as heard. */
    get position() {
        return this.#frame((this.context?.outputLatency || 0) * this.rate) / this.rate;
    }

    async play() {
        if (this.isPlaying) return;
        if (!this.context) this.#build();
        this.isPlaying = true;
        const frame = this.#cursor.frame >= this.frames ? 0 : this.#cursor.frame;
        await this.context.resume();
        if (this.isPlaying) this.#take(frame);
    }

    pause() {
        if (!this.isPlaying) return;
        const frame = this.#frame(0);
        this.isPlaying = false;
        this.isWaiting = false;
        this.#stop(this.context.currentTime + fade);
        this.#cursor = { at: 0, frame };
        this.#started = [];
        clearTimeout(this.#timer);
        setTimeout(() => this.isPlaying || this.isClosed || this.context.suspend(), 300);
        this.#tell('change');
    }

    /** Goes to a place, in seconds. */
    seek(seconds) {
        const frame = Math.round(Math.min(Math.max(0, seconds), this.duration) * this.rate);
        this.#again = 0;
        if (this.isPlaying) return this.#take(Math.min(frame, this.frames - 1));
        this.#cursor = { at: 0, frame };
        this.prepare();
        this.#tell('change');
    }

    /** Repeats what lies between two places, in seconds; null: nothing. A loop that is set while it plays goes on where it is. */
    setLoop(loop) {
        this.loop = loop && {
            start: Math.max(0, Math.min(loop.start, loop.end)), end: Math.min(this.duration, Math.max(loop.start, loop.end)),
        };
        if (this.loop && this.loop.end - this.loop.start < 0.05) this.loop = null;
        if (this.isPlaying) this.#take(null);
        this.#tell('change');
    }

    /** Hears the original in place of the mix, as loud as the mix is. */
    compare(isComparing) {
        this.isComparing = isComparing;
        const original = this.tracks.find((track) => track.isOriginal);
        const isNew = isComparing && !original.isUsed;
        if (isNew) original.isUsed = true;
        if (isNew && this.isPlaying) this.#take(null);
        this.apply();
        this.#tell('change');
    }

    /** How much of a track is heard, as the gains of its two sides. */
    gains(track) {
        const isSomebodySolo = this.tracks.some((other) => other.solo);
        const gain = (isSomebodySolo ? track.solo : !track.muted) ? track.volume : 0;
        return { gain, left: gain * Math.min(1, 1 - track.pan), right: gain * Math.min(1, 1 + track.pan) };
    }

    /** Makes volumes, places, mute, solo, master and comparison heard. */
    apply() {
        if (!this.context) return;
        const now = this.context.currentTime;
        const set = (parameter, value) => parameter.setTargetAtTime(value, now, fade);
        for (const track of this.tracks) {
            const { left, right } = track.isOriginal ? { left: 1, right: 1 } : this.gains(track);
            set(this.#nodes.get(track).left.gain, left);
            set(this.#nodes.get(track).right.gain, right);
        }
        set(this.mixBus.gain, this.isComparing ? 0 : 1);
        set(this.originalBus.gain, this.isComparing ? this.#equalLoudness() : 0);
        set(this.masterGain.gain, this.master);
    }

    /** Fetches what would be played first, so that it is there when somebody presses play. */
    async prepare() {
        try {
            await Promise.all(this.#used().map((track) => track.audio.keep(this.#upcoming(2))));
            this.#report(null);
        } catch (problem) {
            this.#report(problem);
        }
    }

    close() {
        this.isClosed = true;
        this.isPlaying = false;
        clearTimeout(this.#timer);
        this.context?.close();
    }

    #build() {
        const context = new AudioContext({ sampleRate: this.rate, latencyHint: 'interactive' });
        this.context = context;
        this.masterGain = new GainNode(context, { gain: this.master });
        // Closes for a moment around a seek, so that it does not click.
        this.door = new GainNode(context);
        this.mixBus = new GainNode(context);
        this.originalBus = new GainNode(context, { gain: 0 });
        this.mixBus.connect(this.door);
        this.originalBus.connect(this.door);
        this.door.connect(this.masterGain).connect(context.destination);
        this.split = new ChannelSplitterNode(context, { numberOfOutputs: 2 * this.tracks.length });
        for (const [index, track] of this.tracks.entries()) {
            const gains = track.isOriginal ? { left: 1, right: 1 } : this.gains(track);
            const [left, right] = [new GainNode(context, { gain: gains.left }), new GainNode(context, { gain: gains.right })];
            const merge = new ChannelMergerNode(context, { numberOfInputs: 2 });
            this.split.connect(left, 2 * index).connect(merge, 0, 0);
            this.split.connect(right, 2 * index + 1).connect(merge, 0, 1);
            merge.connect(track.isOriginal ? this.originalBus : this.mixBus);
            this.#nodes.set(track, { left, right });
        }
    }

    /** Begins a new take with a frame of the song; null: with the one that is due then, so that nothing is heard of it. */
    #take(frame) {
        const at = Math.ceil((this.context.currentTime + lead) * this.rate);
        const isSeek = frame !== null;
        const due = isSeek ? frame : this.#frameAt(at);
        this.#stop(at / this.rate, isSeek);
        this.#started = this.#started.filter((part) => part.at < at);
        for (const part of this.#started) part.count = Math.min(part.count, at - part.at);
        if (isSeek) this.#started = [];
        this.#cursor = { at, frame: due };
        this.#pump();
    }

    #stop(when, isHeard = true) {
        for (const source of this.#sources) source.stop(when);
        this.#sources.clear();
        if (!isHeard) return;
        const { gain } = this.door;
        gain.cancelScheduledValues(0);
        gain.setTargetAtTime(0, when - fade, fade / 3);
        gain.setTargetAtTime(1, when, fade / 3);
    }

    /** Starts what is here up to `ahead`, asks for what comes next, and comes again. */
    #pump() {
        clearTimeout(this.#timer);
        if (!this.isPlaying) return;
        const now = this.context.currentTime * this.rate;
        while (this.#cursor.frame < this.frames && this.#cursor.at < now + ahead * this.rate && this.#startNext(now)) continue;
        const isLate = this.#cursor.frame < this.frames && this.#cursor.at <= now;
        if (isLate !== this.isWaiting) {
            this.isWaiting = isLate;
            this.#tell('change');
        }
        this.#started = this.#started.filter((part) => part.at + part.count > now - this.rate);
        this.#fetch();
        if (this.#cursor.frame >= this.frames && now >= this.#cursor.at) return this.#end();
        this.#timer = setTimeout(() => this.#pump(), this.isWaiting ? 30 : 100);
        this.#tell('change');
    }

    /** Starts the rest of the piece under the cursor for all tracks, if all of them have it. */
    #startNext(now) {
        const { frame } = this.#cursor;
        const index = Math.floor(frame / pieceFrames);
        const used = this.#used();
        if (!used.every((track) => track.audio.has(index))) return false;
        // It came too late: the clock begins anew.
        if (this.#cursor.at < now + 64) {
            this.#cursor.at = Math.ceil(now + lead * this.rate);
            this.interruptions += 1;
        }
        const loop = this.#loopFrames(frame);
        const count = Math.min((index + 1) * pieceFrames, loop?.end ?? this.frames, this.frames) - frame;
        this.#start(used, index, frame - index * pieceFrames, count);
        this.#started.push({ at: this.#cursor.at, frame, count });
        this.#cursor.at += count;
        this.#cursor.frame = loop && frame + count >= loop.end ? loop.start : frame + count;
        if (this.isComparing) this.apply();
        return true;
    }

    #start(used, index, offset, count) {
        const buffer = new AudioBuffer({ length: count, numberOfChannels: 2 * this.tracks.length, sampleRate: this.rate });
        for (const track of used) {
            const first = 2 * this.tracks.indexOf(track);
            for (const [side, samples] of track.audio.piece(index).entries()) {
                buffer.copyToChannel(samples.subarray(offset, offset + count), first + side);
            }
        }
        const source = new AudioBufferSourceNode(this.context, { buffer });
        source.connect(this.split);
        source.onended = () => this.#sources.delete(source);
        this.#sources.add(source);
        // A millionth of a frame early, since a time that rounding made late would begin one frame later.
        source.start((this.#cursor.at - 1e-6) / this.rate);
    }

    async #fetch() {
        if (performance.now() < this.#again) return;
        const wanted = this.#upcoming(fetched);
        try {
            await Promise.all(this.#used().map((track) => track.audio.keep(wanted)));
            this.#failures = 0;
            this.#report(null);
        } catch (problem) {
            this.#failures += 1;
            this.#again = performance.now() + Math.min(8000, 250 * 2 ** this.#failures);
            this.#report(problem);
        }
    }

    #report(problem) {
        if (problem?.message === this.problem?.message) return;
        this.problem = problem;
        this.#tell('problem');
    }

    /** The numbers of the pieces that are played next, in their order, and last the one that is heard now. */
    #upcoming(count) {
        const last = Math.ceil(this.frames / pieceFrames) - 1;
        const indexes = [];
        const heard = Math.min(last, Math.floor(this.#frame(0) / pieceFrames));
        let { frame } = this.#cursor;
        for (let step = 0; step < count; step += 1) {
            const index = Math.min(last, Math.floor(frame / pieceFrames));
            if (!indexes.includes(index)) indexes.push(index);
            const loop = this.#loopFrames(frame);
            frame = (index + 1) * pieceFrames;
            if (loop && frame >= loop.end) frame = loop.start;
            if (frame >= this.frames) break;
        }
        return indexes.includes(heard) ? indexes : [...indexes, heard];
    }

    /** The loop in frames, for whoever is before its end. */
    #loopFrames(frame) {
        if (!this.loop) return null;
        const [start, end] = [Math.round(this.loop.start * this.rate), Math.round(this.loop.end * this.rate)];
        return frame < end ? { start, end } : null;
    }

    #frame(latency) {
        if (!this.isPlaying || !this.#started.length) return this.#cursor.frame;
        return this.#frameAt(this.context.currentTime * this.rate - latency);
    }

    /** The song's frame that is due at a frame of the context. */
    #frameAt(at) {
        let frame = this.#started.length ? this.#started[0].frame : this.#cursor.frame;
        for (const part of this.#started) if (part.at <= at) frame = part.frame + Math.min(at - part.at, part.count);
        return Math.round(frame);
    }

    #used() {
        return this.tracks.filter((track) => track.isUsed);
    }

    /** The gain with which the original is as loud as the mix, as far as both are here. */
    #equalLoudness() {
        const index = Math.floor(this.#frame(0) / pieceFrames);
        const original = this.tracks.find((track) => track.isOriginal);
        const parts = this.tracks.filter((track) => !track.isOriginal && track.audio.has(index))
            .map((track) => ({ sides: track.audio.piece(index), ...this.gains(track) }));
        if (!original.audio.has(index) || !parts.length) return this.equalGain ?? 1;
        const difference = loudness(parts, this.rate) - loudness([{ sides: original.audio.piece(index), left: 1, right: 1 }], this.rate);
        // Silence has no loudness to be compared.
        if (Number.isFinite(difference)) this.equalGain = 10 ** (Math.max(-40, Math.min(12, difference)) / 20);
        return this.equalGain ?? 1;
    }

    #end() {
        this.pause();
        this.#cursor = { at: 0, frame: 0 };
        this.#tell('change');
    }

    #tell(kind) {
        this.dispatchEvent(new Event(kind));
    }
}
