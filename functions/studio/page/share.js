import { element, icon } from './element.js';

/** Makes a link with which anybody may hear this song's mixer for some days, and change nothing. */
export class Share extends HTMLElement {
    constructor(service, job) {
        super();
        this.service = service;
        this.job = job;
    }

    connectedCallback() {
        const days = element('select', { id: 'share-days' },
            [[1, 'a day'], [7, 'a week'], [30, '30 days']].map(([value, text]) => element('option', { value, selected: value === 7 }, text)));
        const link = element('input', { id: 'share-link', type: 'url', readonly: true, 'aria-label': 'The link', onfocus: () => link.select() });
        const copy = element('button', { onclick: () => this.#copy(link) }, 'Copy');
        this.said = element('p', { class: 'quiet', role: 'status' });
        this.problem = element('p', { class: 'problem', role: 'alert' });
        const shown = element('div', { class: 'row', hidden: true }, link, copy);
        const make = element('button', { onclick: async () => {
            make.disabled = true;
            try {
                const made = await this.service.json('POST', `/fetch/${this.job.job}/share`, { json: { days: Number(days.value) } });
                link.value = new URL(made.url, location.origin).href;
                shown.hidden = false;
                this.problem.textContent = '';
                const end = new Date(made.expiresAt).toLocaleString([], { dateStyle: 'long', timeStyle: 'short' });
                this.said.textContent = `Whoever has it can listen until ${end}.`;
                link.focus();
            } catch (problem) {
                this.problem.textContent = problem.message;
            } finally {
                make.disabled = false;
            }
        } }, icon('link'), ' Make a link');
        this.replaceChildren(element('section', { class: 'card', 'aria-labelledby': 'share-title' },
            element('h2', { id: 'share-title' }, 'Share'),
            element('p', { class: 'quiet' }, 'A link to this mixer, for listening only.'),
            element('div', { class: 'row' }, element('label', { for: 'share-days' }, 'Good for'), days, make),
            shown, this.said, this.problem));
    }

    async #copy(link) {
        link.select();
        try {
            await navigator.clipboard.writeText(link.value);
            this.said.textContent = 'Copied.';
        } catch {
            // Pages without TLS have no clipboard.
            this.said.textContent = 'Press Ctrl-C (⌘C) to copy the link.';
        }
    }
}

customElements.define('msaas-share', Share);
