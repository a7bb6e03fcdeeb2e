import { element } from './element.js';

// What may be chosen for the next songs, and what it means; the first of each is what one gets without choosing.
const choices = {
    model: {
        label: 'Model',
        // The service says which others there are.
        values: { '': ['The usual one', 'Whichever model the service takes by itself.'] },
    },
    two_stems: {
        label: 'Stems',
        values: {
            '': ['All stems', 'Drums, bass, vocals and other, each by itself.'],
            vocals: ['Vocals and the rest', 'Two files: the voice, and everything else.'],
            drums: ['Drums and the rest', 'Two files: the drums, and everything else.'],
            bass: ['Bass and the rest', 'Two files: the bass, and everything else.'],
        },
    },
    format: {
        label: 'Kept as',
        values: {
            flac: ['FLAC', 'Loses nothing and takes half the room; downloads come in whatever format you ask for.'],
            wav: ['WAV', 'Loses nothing, read by everything, large.'],
            mp3: ['MP3', 'Small, for listening.'],
        },
    },
    quality: {
        label: 'Care',
        values: {
            balanced: ['Balanced', 'The song is listened to once, with segments that overlap by a quarter.'],
            fast: ['Fast', 'Segments overlap less: a little sooner, hardly worse.'],
            best: ['Best', 'Four passes and their average: slightly better, four times the time.'],
        },
    },
};

/** Models that are known by more than their name. */
const models = {
    htdemucs: ['HTDemucs', 'The official model: four stems, good and quick.'],
    htdemucs_ft: ['HTDemucs, fine-tuned', 'Four models, one for each stem: a little better, four times the work.'],
    htdemucs_6s: ['HTDemucs, six stems', 'Guitar and piano as well; the piano is not its strength.'],
    starter: ['Starter', 'Small and quick, made for trying things out.'],
};

const storageKey = 'msaas.options';

/** How the next songs are separated; remembered by the browser. `value` is the options of an upload. */
export class Options extends HTMLElement {
    #chosen = {};

    constructor(service) {
        super();
        this.service = service;
    }

    async connectedCallback() {
        if (this.firstChild) return;
        this.#show();
        try {
            const { models: offered } = await this.service.json('GET', '/upload');
            for (const { name, stems } of offered) {
                choices.model.values[name] = models[name] ?? [name, stems.length ? `Separates into ${stems.join(', ')}.` : 'A model of this service.'];
            }
            this.#show();
        } catch {
            // The usual one can be had without a list.
        }
    }

    #show() {
        this.#chosen = this.#remembered();
        this.replaceChildren(element('details', { class: 'options', open: this.querySelector('details')?.open },
            element('summary', {}, 'How they are separated ', element('span', { class: 'quiet', id: 'options-summary' })),
            element('div', { class: 'choices' }, Object.keys(choices).map((name) => this.#choice(name)))));
        this.#sum();
    }

    get value() {
        const entries = Object.entries(this.#chosen).filter(([name, value]) => name === 'format' || value !== first(name));
        return Object.fromEntries(entries);
    }

    #choice(name) {
        const { label, values } = choices[name];
        const meaning = element('p', { class: 'quiet', id: `meaning-${name}` });
        const select = element('select', { id: `option-${name}`, 'aria-describedby': meaning.id },
            Object.entries(values).map(([value, [text]]) => element('option', { value, selected: value === this.#chosen[name] }, text)));
        const tell = () => { meaning.textContent = values[select.value][1]; };
        select.addEventListener('change', () => {
            this.#chosen[name] = select.value;
            localStorage.setItem(storageKey, JSON.stringify(this.#chosen));
            tell();
            this.#sum();
        });
        tell();
        return element('div', {}, element('label', { for: select.id }, label), select, meaning);
    }

    #sum() {
        this.querySelector('#options-summary').textContent =
            Object.keys(choices).map((name) => choices[name].values[this.#chosen[name]][0]).join(' · ');
    }

    /** What was chosen the last time, as far as it can still be chosen. */
    #remembered() {
        let stored = {};
        try {
            stored = JSON.parse(localStorage.getItem(storageKey)) ?? {};
        } catch {
            // Somebody else's, or half of it.
        }
        return Object.fromEntries(Object.keys(choices).map((name) =>
            [name, Object.hasOwn(choices[name].values, stored[name]) ? String(stored[name]) : first(name)]));
    }
}

const first = (name) => (name === 'quality' ? 'balanced' : name === 'format' ? 'flac' : '');

customElements.define('msaas-options', Options);
