import { ask } from './ask.js';
import { clock, element, icon, title } from './element.js';
import { stateText } from './progress.js';

const pageSize = 50;
const states = {
    '': 'All songs', done: 'Ready', running: 'In work', queued: 'Waiting', failed: 'Failed', dead: 'Given up', cancelled: 'Cancelled',
};
const ended = ['done', 'failed', 'dead', 'cancelled'];

/** The songs of this person: state, search, retry, delete; live. */
export class Library extends HTMLElement {
    #rows = new Map();
    #next = null;
    #stream = null;

    constructor(service) {
        super();
        this.service = service;
    }

    connectedCallback() {
        if (!this.list) this.#build();
        if (this.state.value) this.#load();
        this.#follow();
    }

    disconnectedCallback() {
        this.#stream.stop();
    }

    #build() {
        this.search = element('input', {
            type: 'search', id: 'search', placeholder: 'Find a song', 'aria-label': 'Find a song', oninput: () => this.#filter(),
        });
        this.state = element('select', { 'aria-label': 'Which songs', onchange: () => this.#load() },
            Object.entries(states).map(([value, text]) => element('option', { value }, text)));
        this.list = element('ul', { class: 'rows songs', 'aria-labelledby': 'library-title' });
        this.empty = element('p', { class: 'empty quiet' });
        this.problem = element('p', { class: 'problem', role: 'alert' });
        this.more = element('button', { hidden: true, onclick: () => this.#load(this.#next) }, 'Show older ones');
        this.replaceChildren(
            element('div', { class: 'bar' }, element('h2', { id: 'library-title' }, 'Your songs'), this.search, this.state),
            this.problem, this.list, this.empty, this.more);
    }

    #follow() {
        this.#stream = this.service.follow('/fetch/events', {
            events: {
                jobs: (page) => { if (!this.state.value) this.#replace(page); },
                job: (job) => this.show(job, true),
                removed: ({ job }) => this.forget(job),
            },
            onlost: (problem) => {
                this.problem.textContent = problem.message;
                if (!this.#rows.size) this.#load();
            },
            onback: () => { this.problem.textContent = ''; },
        });
    }

    /** Shows a job as it is now; one that is not there yet comes first. */
    show(job, isNews = false) {
        if (this.state.value && this.state.value !== job.state) return this.forget(job.job);
        let row = this.#rows.get(job.job);
        if (!row) {
            row = new Row(this, job);
            this.#rows.set(job.job, row);
            if (isNews) this.list.prepend(row.element);
            else this.list.append(row.element);
        }
        row.show(job);
        this.#filter();
    }

    async #load(cursor = null) {
        try {
            const page = await this.service.json('GET', '/fetch', { query: { limit: pageSize, cursor, state: this.state.value } });
            if (cursor) this.#append(page);
            else this.#replace(page);
            this.problem.textContent = '';
        } catch (problem) {
            this.problem.textContent = problem.message;
        }
    }

    #replace(page) {
        this.#rows.clear();
        this.list.replaceChildren();
        this.#append(page);
    }

    #append(page) {
        for (const job of page.jobs) this.show(job);
        this.#next = page.next ?? null;
        this.more.hidden = !this.#next;
        this.#filter();
    }

    #filter() {
        const wanted = this.search.value.trim().toLowerCase();
        let shown = 0;
        for (const row of this.#rows.values()) {
            row.element.hidden = !row.job.filename.toLowerCase().includes(wanted);
            if (!row.element.hidden) shown += 1;
        }
        this.empty.textContent = shown ? ''
            : this.#rows.size ? `No song here is called “${this.search.value.trim()}”.`
                : this.state.value ? 'None of your songs is in this state.'
                    : 'No song yet. Drop one above; it takes about as long as the song to be ready.';
    }

    /** Takes a job out of the list. */
    forget(job) {
        this.#rows.get(job)?.element.remove();
        this.#rows.delete(job);
        this.#filter();
    }

    /** Sends an order for a job; whether it was taken. */
    async act(method, path) {
        try {
            await this.service.request(method, path);
            this.problem.textContent = '';
            return true;
        } catch (problem) {
            this.problem.textContent = problem.message;
            return false;
        }
    }
}

/** A song of the list. */
class Row {
    constructor(library, job) {
        this.job = job;
        const name = title(job.filename);
        this.link = element('a', { href: `/?song=${job.job}`, class: 'name' }, name);
        this.text = element('span', { class: 'quiet' });
        this.bar = element('progress', { max: '1', 'aria-label': `Progress of ${name}` });
        const address = `/fetch/${job.job}`;
        this.again = element('button', { class: 'plain', onclick: () => library.act('POST', `${address}/retry`) }, icon('again'), ' Try again');
        this.remove = element('button', { class: 'plain', onclick: async () => {
            const hasEnded = ended.includes(this.job.state);
            const sentence = hasEnded
                ? `“${name}” and all that was made of it goes for good.` : `“${name}” is not separated any further.`;
            if (!await ask(sentence, hasEnded ? 'Delete it' : 'Cancel it')) return;
            // A job that is cancelled stays in the list, as such.
            if (await library.act('DELETE', hasEnded ? address : `${address}?only=unfinished`) && hasEnded) library.forget(job.job);
        } }, icon('bin'));
        this.element = element('li', {}, element('div', { class: 'what' }, this.link, this.text, this.bar), this.again, this.remove);
    }

    show(job) {
        this.job = job;
        const length = job.audioSeconds ? `${clock(job.audioSeconds)} · ` : '';
        const day = job.createdAt ?? job.finishedAt;
        const when = day ? ` · ${new Date(day).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })}` : '';
        this.text.textContent = length + stateText(job) + when;
        this.element.dataset.state = job.state;
        this.bar.hidden = job.state !== 'running';
        this.bar.value = job.progress;
        this.again.hidden = job.state === 'done' || !ended.includes(job.state);
        this.remove.setAttribute('aria-label', `${ended.includes(job.state) ? 'Delete' : 'Cancel'} ${title(job.filename)}`);
    }
}

customElements.define('msaas-library', Library);
