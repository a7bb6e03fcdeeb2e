// The mixer of one song; also on other sites, where `<msaas-player src="share link">` shows a shared one.

import { clock, element, icon } from './element.js';
import { Lanes } from './lanes.js';
import { Peaks, Scale } from './peaks.js';
import { Playback, Track } from './playback.js';
import { Problem, Service } from './service.js';
import { Strip, fader } from './strip.js';
import { TrackAudio } from './wave-file.js';

const presets = {
    Everything: () => false,
    Karaoke: (name) => name === 'vocals',
    Drumless: (name) => name === 'drums',
    Bassless: (name) => name === 'bass',
    'A cappella': (name) => name !== 'vocals',
};

/** What a job's mixer does not show: sums of its other stems. */
const isSum = (job, name) => ['karaoke', 'drumless', 'bassless', ...(job.options?.mixes ?? []).map(({ name }) => name)].includes(name);

export class Player extends HTMLElement {
    #strips = [];

    constructor() {
        super();
        const root = this.attachShadow({ mode: 'open' });
        const style = element('link', { rel: 'stylesheet', href: new URL('player.css', import.meta.url).href });
        this.content = element('div', { class: 'player', hidden: true });
        this.said = element('p', { class: 'problem', role: 'alert' });
        style.addEventListener('load', () => { this.content.hidden = false; });
        // Whoever clicks wants the space bar for playing; whoever came to a button by the keyboard presses that.
        root.addEventListener('click', (event) => event.detail > 0 && event.target.closest('button')?.blur());
        root.append(style, this.said, this.content);
    }

    connectedCallback() {
        if (this.hasAttribute('src') && !this.playback) this.#openShared(this.getAttribute('src'));
        // The keys of another site's page are its own, but for those pressed within the player.
        this.keys = this.hasAttribute('src') ? this : document;
        this.keys.addEventListener('keydown', this.#key);
    }

    disconnectedCallback() {
        this.keys.removeEventListener('keydown', this.#key);
        this.playback?.close();
    }

    async #openShared(address) {
        try {
            const link = new URL(address, location.href);
            const [song, token] = [link.searchParams.get('song'), link.searchParams.get('token')];
            const service = new Service(link.origin, token);
            const job = await service.json('GET', `/fetch/${song}`);
            if (job.state !== 'done') throw new Problem('This song is not ready yet.');
            await this.open(service, job);
        } catch (problem) {
            this.said.textContent = problem.message;
        }
    }

    /** Shows the mixer of a job that is done. */
    async open(service, job) {
        const names = job.stems.map(({ name }) => name).filter((name) => !isSum(job, name));
        const peaks = new Map();
        const tracks = [...names, 'original'].map((name) => {
            const address = () => service.url(`/fetch/${job.job}/${encodeURIComponent(name)}.wav`);
            const audio = new TrackAudio(address, (index, sides) => peaks.get(name)?.add(index, sides));
            return new Track(name, audio, name === 'original');
        });
        const header = await this.#firstHeader(tracks[0]);
        if (!header) return;
        this.playback = new Playback(tracks, header.rate, header.frames);
        const scale = new Scale();
        for (const { name } of tracks) peaks.set(name, new Peaks(service, job.job, name, header.frames, scale));
        const changed = () => this.#changed();
        this.#strips = tracks.map((track, index) => new Strip(track, index + 1, peaks.get(track.name), header.rate, changed));
        this.lanes = new Lanes(this.playback, this.#strips);
        this.content.replaceChildren(this.#transport(), this.#presets(), this.lanes.element, this.#help());
        this.playback.addEventListener('change', () => this.#show());
        this.playback.addEventListener('problem', () => { this.said.textContent = this.playback.problem?.message ?? ''; });
        this.lanes.addEventListener('change', () => this.#changed());
        this.#changed();
        this.playback.prepare();
        const watch = () => {
            if (this.playback.isPlaying) this.#follow();
            if (!this.playback.isClosed) requestAnimationFrame(watch);
        };
        requestAnimationFrame(watch);
    }

    /** What is set: `{tracks: [{name, gain, pan}], loop}`, as the service's mix takes it. */
    get mix() {
        if (!this.playback) return { tracks: [], loop: null };
        return { tracks: this.#stems.map((track) => ({ name: track.name, gain: this.playback.gains(track).gain, pan: track.pan })), loop: this.playback.loop };
    }

    get #stems() {
        return this.playback.tracks.filter((track) => !track.isOriginal);
    }

    /** A service that is away for a moment is asked again. */
    async #firstHeader(track) {
        for (let pause = 1000; ; pause = Math.min(15000, pause * 2)) {
            try {
                const header = await track.audio.open();
                this.said.textContent = '';
                return header;
            } catch (problem) {
                this.said.textContent = problem.message;
                if (!problem.isPassing) return null;
                await new Promise((resolve) => setTimeout(resolve, pause));
                if (!this.isConnected) return null;
            }
        }
    }

    #transport() {
        this.playButton = element('button', { class: 'play', onclick: () => this.toggle() });
        this.time = element('span', { class: 'time' });
        const toggle = (hint, onclick, ...text) => element('button', { 'aria-pressed': 'false', title: hint, onclick }, ...text);
        this.compareButton = toggle('The original, as loud as the mix (A)', () => this.compare(), 'A/B original');
        this.loopButton = toggle('Repeat a part (L)', () => this.lanes.toggleLoop(), icon('loop'), ' Loop');
        const master = fader('Master volume', (value) => {
            this.playback.master = value;
            this.playback.apply();
        });
        return element('div', { class: 'transport' }, this.playButton, this.time, this.compareButton, this.loopButton,
            element('span', { class: 'zoom' },
                element('button', { 'aria-label': 'Show more of the song', title: 'Less detail (−)', onclick: () => this.lanes.zoom(2) }, '−'),
                element('button', { 'aria-label': 'Show less of the song', title: 'More detail (+)', onclick: () => this.lanes.zoom(0.5) }, '+')),
            element('label', { class: 'knob master' }, element('span', { 'aria-hidden': 'true' }, 'Master'), master));
    }

    #presets() {
        const names = this.#stems.map((track) => track.name);
        const possible = Object.entries(presets).filter(([name, mutes]) => name === 'Everything' || (names.some(mutes) && !names.every(mutes)));
        return element('div', { class: 'presets', role: 'group', 'aria-label': 'Mixes' }, possible.map(([name, mutes]) =>
            element('button', { onclick: () => this.#preset(mutes) }, name)));
    }

    #preset(mutes) {
        for (const track of this.#stems) Object.assign(track, { muted: mutes(track.name), solo: false });
        if (this.playback.isComparing) this.playback.compare(false);
        this.#changed();
    }

    #help() {
        return element('details', { class: 'help' }, element('summary', {}, 'Keys'),
            element('p', {}, 'Space plays and pauses · 1 to 6 mute, with Shift solo · ← → five seconds, with Shift one · '
                + 'Home: the beginning · A the original · L loop, [ and ] its ends · + − zoom'));
    }

    async toggle() {
        if (this.playback.isPlaying) this.playback.pause();
        else await this.playback.play();
    }

    /** Changes between the mix and the original, where that is still kept. */
    async compare() {
        const { playback } = this;
        if (playback.isComparing) return playback.compare(false);
        try {
            await playback.tracks.find((track) => track.isOriginal).audio.open();
            this.said.textContent = '';
            playback.compare(true);
        } catch (problem) {
            this.said.textContent = problem.status === 404 || problem.status === 410
                ? 'The song itself is not kept any more, so there is nothing to compare with.' : problem.message;
        }
    }

    #changed() {
        this.playback.apply();
        this.#show();
        this.dispatchEvent(new Event('mixchange'));
    }

    #show() {
        const { playback } = this;
        const word = playback.isPlaying ? 'Pause' : 'Play';
        if (this.playButton.getAttribute('aria-label') !== word) {
            this.playButton.setAttribute('aria-label', word);
            this.playButton.title = `${word} (space)`;
            this.playButton.replaceChildren(icon(word.toLowerCase()));
        }
        this.playButton.classList.toggle('waiting', playback.isWaiting);
        this.compareButton.setAttribute('aria-pressed', String(playback.isComparing));
        this.loopButton.setAttribute('aria-pressed', String(playback.loop !== null));
        for (const strip of this.#strips) {
            const { isOriginal } = strip.track;
            strip.show(isOriginal ? playback.isComparing : !playback.isComparing && playback.gains(strip.track).gain > 0);
        }
        this.#follow();
    }

    #follow() {
        const text = `${clock(this.playback.position)} / ${clock(this.playback.duration)}`;
        if (this.time.textContent !== text) this.time.textContent = text;
        this.lanes.follow();
    }

    // Keys work wherever the focus is, but where it takes them itself (a field its letters, a button the space bar).
    #key = (event) => {
        const target = event.composedPath()[0];
        const isElement = target instanceof HTMLElement;
        const takesText = isElement && (target.matches('input:not([type=range]), select, textarea, dialog *') || target.isContentEditable);
        if (!this.playback || takesText || event.ctrlKey || event.metaKey || event.altKey) return;
        const isControl = isElement && target.matches('button, a, summary, input[type=range]');
        const strip = this.#strips[/^Digit([1-6])$/.exec(event.code)?.[1] - 1];
        const action = strip && !strip.track.isOriginal
            ? () => strip.toggle(event.shiftKey ? 'solo' : 'muted') : this.#action(event, isControl, target);
        if (!action) return;
        event.preventDefault();
        action();
    };

    #action(event, isControl, target) {
        const { playback, lanes } = this;
        const step = event.shiftKey ? 1 : 5;
        const isRange = isControl && target.matches('input[type=range]');
        switch (event.key) {
            case ' ': return (!isControl || isRange) && (() => this.toggle());
            case 'ArrowLeft': return !isRange && (() => playback.seek(playback.position - step));
            case 'ArrowRight': return !isRange && (() => playback.seek(playback.position + step));
            case 'Home': return !isRange && (() => playback.seek(0));
            case 'a': case 'A': return () => this.compare();
            case 'l': case 'L': return () => lanes.toggleLoop();
            case '[': return () => lanes.setLoopEnd('start');
            case ']': return () => lanes.setLoopEnd('end');
            case '+': case '=': return () => lanes.zoom(0.5);
            case '-': return () => lanes.zoom(2);
            default: return null;
        }
    }
}

customElements.define('msaas-player', Player);
