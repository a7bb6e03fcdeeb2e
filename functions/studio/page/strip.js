import { element } from './element.js';
import { Waveform } from './waveform.js';

/** A fader's place 0…150 as a gain: 100 is as it was, 150 a little more than double. */
const gain = (place) => (place / 100) ** 2;

const decibels = (value) => (value > 0 ? `${value >= 1 ? '+' : '−'}${Math.abs(20 * Math.log10(value)).toFixed(1)} dB` : 'silent');
const side = (pan) => (pan === 0 ? 'in the middle' : `${Math.round(Math.abs(pan) * 100)} % ${pan < 0 ? 'left' : 'right'}`);

/** A fader with its value in words. */
export function fader(label, onchange) {
    const input = element('input', { type: 'range', min: '0', max: '150', step: '1', value: '100', 'aria-label': label, title: label });
    const set = () => {
        const value = gain(Number(input.value));
        input.setAttribute('aria-valuetext', decibels(value));
        onchange(value);
    };
    input.addEventListener('input', set);
    input.addEventListener('dblclick', () => { input.value = '100'; set(); });
    input.setAttribute('aria-valuetext', decibels(1));
    return input;
}

const knob = (word, input) => element('label', { class: 'knob' }, element('span', { 'aria-hidden': 'true' }, word), input);

/** One track of the mixer: name, mute, solo, volume, pan, waveform. Calls `onchange` after each change of the track. */
export class Strip {
    constructor(track, number, peaks, rate, onchange) {
        Object.assign(this, { track, onchange });
        const label = track.name.replace(/^no_/, 'no ');
        this.waveform = new Waveform(peaks, rate);
        this.lane = element('div', { class: 'lane' }, this.waveform.canvas);
        this.mute = this.#toggle('M', 'muted', `Mute ${label}`, `Mute (${number})`);
        this.solo = this.#toggle('S', 'solo', `Solo ${label}`, `Solo (Shift+${number})`);
        const volume = fader(`Volume of ${label}`, (value) => { track.volume = value; onchange(); });
        const pan = element('input', {
            type: 'range', min: '-100', max: '100', step: '5', value: '0', class: 'pan', 'aria-label': `Place of ${label}`,
            title: `Place of ${label}, left to right`,
        });
        const place = () => {
            track.pan = Number(pan.value) / 100;
            pan.setAttribute('aria-valuetext', side(track.pan));
            onchange();
        };
        pan.addEventListener('input', place);
        pan.addEventListener('dblclick', () => { pan.value = '0'; place(); });
        pan.setAttribute('aria-valuetext', side(0));
        const controls = track.isOriginal
            ? [element('span', { class: 'hint' }, 'heard with A/B')]
            : [this.mute, this.solo, knob('Volume', volume), knob('Place', pan)];
        this.element = element('div', { class: 'strip', role: 'group', 'aria-label': label, 'data-track': track.name },
            element('div', { class: 'controls' }, element('strong', {}, label), controls), this.lane);
    }

    /** Shows mute and solo, and whether the track is heard. */
    show(isHeard) {
        this.mute.setAttribute('aria-pressed', String(this.track.muted));
        this.solo.setAttribute('aria-pressed', String(this.track.solo));
        this.element.classList.toggle('unheard', !isHeard);
    }

    toggle(what) {
        this.track[what] = !this.track[what];
        this.onchange();
    }

    #toggle(letter, what, label, hint) {
        const onclick = () => this.toggle(what);
        return element('button', { class: 'toggle', 'aria-pressed': 'false', 'aria-label': label, title: hint, onclick }, letter);
    }
}
