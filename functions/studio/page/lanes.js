import { clock, element } from './element.js';

/**
 * The waveforms under one ruler, with the place that is heard, the loop, and the part of the song that is in view.
 *
 * A click seeks; a drag makes a loop; the wheel with Ctrl zooms, sideways it moves. Tells of a changed loop by `change`.
 */
export class Lanes extends EventTarget {
    #view;
    #drag = null;

    constructor(playback, strips) {
        super();
        Object.assign(this, { playback, strips });
        this.#view = { from: 0, to: playback.duration };
        this.slider = element('input', {
            type: 'range', class: 'position', min: '0', max: String(playback.duration), step: '0.1', value: '0', 'aria-label': 'Place in the song',
            oninput: () => playback.seek(Number(this.slider.value)),
        });
        this.ruler = element('div', { class: 'ruler', 'aria-hidden': 'true' });
        this.ticks = element('div');
        this.ruler.append(this.ticks);
        this.told = element('p', { class: 'loop-text', role: 'status' });
        this.element = element('div', { class: 'lanes' },
            this.slider, element('div', { class: 'ruler-row' }, this.ruler), strips.map((strip) => strip.element), this.told);
        // The place that is heard and the loop, in the ruler and in every lane.
        [this.heads, this.regions] = [[], []];
        for (const target of [this.ruler, ...strips.map((strip) => strip.lane)]) {
            const [region, head] = [element('div', { class: 'region', hidden: true }), element('div', { class: 'head' })];
            target.append(region, head);
            this.regions.push(region);
            this.heads.push(head);
            target.addEventListener('pointerdown', (event) => this.#grab(event, target));
        }
        this.element.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
        new ResizeObserver(() => this.#layOut()).observe(this.element);
        this.#setView(this.#view);
    }

    /** Shows more (2) or less (0.5) of the song, around what is heard. */
    zoom(factor, centre = this.playback.position) {
        const { from, to } = this.#view;
        const length = Math.min(this.playback.duration, Math.max(2, (to - from) * factor));
        const part = centre >= from && centre <= to ? (centre - from) / (to - from) : 0.5;
        this.#setView({ from: centre - part * length, to: centre + (1 - part) * length });
    }

    /** Switches the loop on, where there is none: what is in view, or some seconds from here. */
    toggleLoop() {
        if (this.playback.loop) return this.#loop(null);
        const { from, to } = this.#view;
        const isWhole = to - from > this.playback.duration - 0.1;
        const start = Math.min(this.playback.position, this.playback.duration - 1);
        this.#loop(this.former ?? (isWhole ? { start, end: start + 8 } : { start: from, end: to }));
    }

    /** Moves one end of the loop to what is heard now. */
    setLoopEnd(which) {
        const { position, duration } = this.playback;
        const loop = this.playback.loop ?? { start: 0, end: duration };
        if (which === 'start') this.#loop({ start: position, end: loop.end > position ? loop.end : duration });
        else this.#loop({ start: loop.start < position ? loop.start : 0, end: position });
    }

    /** Shows the place that is heard, and turns the page when it leaves the view. */
    follow() {
        const { position, isPlaying } = this.playback;
        const { from, to } = this.#view;
        if (isPlaying && !this.#drag && (position < from || position > to)) this.#setView({ from: position, to: position + to - from });
        const part = (position - this.#view.from) / (this.#view.to - this.#view.from);
        for (const head of this.heads) {
            head.hidden = part < 0 || part > 1;
            head.style.left = `${part * 100}%`;
        }
        if (this.slider.getRootNode().activeElement !== this.slider || isPlaying) this.slider.value = String(position);
        this.slider.setAttribute('aria-valuetext', `${clock(position)} of ${clock(this.playback.duration)}`);
    }

    #loop(loop) {
        if (this.playback.loop) this.former = this.playback.loop;
        this.playback.setLoop(loop);
        const now = this.playback.loop;
        if (now && (this.playback.position < now.start || this.playback.position >= now.end)) this.playback.seek(now.start);
        this.told.textContent = now ? `Repeats from ${clock(now.start)} to ${clock(now.end)}.` : '';
        this.#showRegion();
        this.dispatchEvent(new Event('change'));
    }

    #showRegion() {
        const loop = this.#drag?.loop ?? this.playback.loop;
        const { from, to } = this.#view;
        const [left, right] = [loop?.start ?? 0, loop?.end ?? 0].map((place) => Math.min(1, Math.max(0, (place - from) / (to - from))));
        for (const region of this.regions) {
            region.hidden = right <= left;
            region.style.left = `${left * 100}%`;
            region.style.width = `${(right - left) * 100}%`;
        }
    }

    #setView({ from, to }) {
        const length = Math.min(to - from, this.playback.duration);
        const begin = Math.min(Math.max(0, from), this.playback.duration - length);
        this.#view = { from: begin, to: begin + length };
        for (const strip of this.strips) strip.waveform.show(this.#view);
        this.#layOut();
        this.follow();
    }

    /** Ticks stand where there is room for their numbers. */
    #layOut() {
        const { from, to } = this.#view;
        const room = Math.max(1, Math.floor(this.ruler.clientWidth / 70));
        const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800].find((value) => (to - from) / value <= room) ?? 3600;
        const ticks = [];
        for (let place = Math.ceil(from / step) * step; place < to; place += step) {
            const tick = element('span', {}, step < 1 ? `${clock(place)}.${Math.round(place % 1 * 10)}` : clock(place));
            tick.style.left = `${(place - from) / (to - from) * 100}%`;
            ticks.push(tick);
        }
        this.ticks.replaceChildren(...ticks);
        this.#showRegion();
    }

    #place(event, target) {
        const box = target.getBoundingClientRect();
        const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
        return this.#view.from + part * (this.#view.to - this.#view.from);
    }

    #grab(event, target) {
        if (event.button !== 0) return;
        const begin = this.#place(event, target);
        this.#drag = { begin, x: event.clientX, loop: null };
        target.setPointerCapture(event.pointerId);
        const move = (moved) => {
            // A hand is never quite still.
            if (!this.#drag.loop && Math.abs(moved.clientX - this.#drag.x) < 6) return;
            const place = this.#place(moved, target);
            this.#drag.loop = { start: Math.min(begin, place), end: Math.max(begin, place) };
            this.#showRegion();
        };
        const end = (ended) => {
            for (const [kind, listener] of Object.entries(listeners)) target.removeEventListener(kind, listener);
            const { loop } = this.#drag;
            this.#drag = null;
            if (ended.type === 'pointercancel') return this.#showRegion();
            if (loop) return this.#loop(loop);
            this.playback.seek(begin);
            this.follow();
        };
        const listeners = { pointermove: move, pointerup: end, pointercancel: end };
        for (const [kind, listener] of Object.entries(listeners)) target.addEventListener(kind, listener);
    }

    #wheel(event) {
        const { from, to } = this.#view;
        if (event.ctrlKey) {
            event.preventDefault();
            this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.#place(event, this.strips[0].lane));
        } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
            event.preventDefault();
            const move = event.deltaX / this.strips[0].lane.clientWidth * (to - from);
            this.#setView({ from: from + move, to: to + move });
        }
    }
}
