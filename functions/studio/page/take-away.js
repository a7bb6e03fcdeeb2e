import { clock, element, icon } from './element.js';

const formats = { flac: 'FLAC', wav: 'WAV', mp3: 'MP3' };

/** Downloads: this mix as it is set, each stem, all of them. Plain links, so that nothing passes through the page. */
export class TakeAway extends HTMLElement {
    constructor(service, job, player) {
        super();
        this.service = service;
        this.job = job;
        this.player = player;
    }

    connectedCallback() {
        const format = element('select', { id: 'take-format', onchange: () => this.#point() },
            Object.entries(formats).map(([value, text]) => element('option', { value }, text)));
        this.format = format;
        this.mix = element('a', { class: 'button main', download: true }, icon('down'), ' This mix');
        this.region = element('span', { class: 'quiet', id: 'mix-region' });
        this.stems = this.job.stems.map((stem) => ({ stem, link: element('a', { class: 'button', download: true }, icon('down'), ` ${stem.name}`) }));
        const all = this.service.url(`/fetch/${this.job.job}/stems.zip`);
        const zip = element('a', { class: 'button', download: true, href: all }, icon('down'), ' All stems (zip)');
        this.replaceChildren(element('section', { class: 'card', 'aria-labelledby': 'take-title' },
            element('h2', { id: 'take-title' }, 'Take away'),
            element('p', { class: 'row' }, element('label', { for: 'take-format' }, 'As'), format),
            element('p', { class: 'row' }, this.mix, this.region),
            element('p', { class: 'row' }, this.stems.map(({ link }) => link), zip)));
        this.player.addEventListener('mixchange', () => this.#point());
        this.#point();
    }

    #point() {
        const format = this.format.value;
        const { tracks, loop } = this.player.mix;
        const audible = tracks.filter((track) => track.gain > 0).map(({ name, gain, pan }) => `${name}:${round(gain)}:${round(pan)}`);
        const region = loop ? { start: loop.start.toFixed(6), end: loop.end.toFixed(6) } : {};
        if (audible.length) this.mix.href = this.service.url(`/fetch/${this.job.job}/mix`, { track: audible, ...region, format });
        else this.mix.removeAttribute('href');
        this.mix.toggleAttribute('aria-disabled', !audible.length);
        this.region.textContent = !audible.length ? 'Everything is muted.'
            : loop ? `From ${clock(loop.start)} to ${clock(loop.end)}, as the loop is set.` : 'The whole song, with volumes and places as they are set.';
        for (const { stem, link } of this.stems) link.href = this.service.url(`/fetch/${this.job.job}/${encodeURIComponent(stem.name)}.${format}`);
    }
}

const round = (value) => String(Math.round(value * 10000) / 10000);

customElements.define('msaas-take-away', TakeAway);
