import { ask } from './ask.js';
import { element, icon, title } from './element.js';
import { Player } from './player.js';
import { Progress } from './progress.js';
import { Share } from './share.js';
import { TakeAway } from './take-away.js';

/** One song: how it is doing and, as soon as it is ready, its mixer, what can be taken away, and its share link. */
export class Song extends HTMLElement {
    #stream = null;
    #job = null;

    constructor(service, id) {
        super();
        this.service = service;
        this.id_ = id;
    }

    connectedCallback() {
        this.heading = element('h1', { tabindex: '-1' }, 'A song');
        this.facts = element('p', { class: 'quiet' });
        this.problem = element('p', { class: 'problem', role: 'alert' });
        this.content = element('div');
        this.replaceChildren(
            this.service.token ? '' : element('p', {}, element('a', { href: '/', class: 'back' }, icon('back'), 'All songs')),
            this.heading, this.facts, this.problem, this.content);
        this.#follow();
    }

    disconnectedCallback() {
        this.#stream?.stop();
    }

    #follow() {
        this.#stream?.stop();
        this.#stream = this.service.follow(`/fetch/${this.id_}/events`, {
            events: {
                state: (job) => this.#show(job),
                progress: ({ progress }) => { if (this.#job) this.#show({ ...this.#job, progress, etaSeconds: this.#eta(progress) }); },
                removed: () => this.#lose('This song was deleted.'),
            },
            onlost: (problem) => {
                this.problem.textContent = problem.type === 'link-expired'
                    ? 'This link has expired. Ask whoever sent it for a new one.' : problem.message;
            },
            onback: () => { this.problem.textContent = ''; },
        });
    }

    /** What is left goes down with the work, between two states that tell it anew. */
    #eta(progress) {
        const { etaSeconds, progress: before } = this.#job;
        return etaSeconds == null || before >= 1 ? etaSeconds : etaSeconds * (1 - progress) / (1 - before);
    }

    #show(job) {
        this.#job = job;
        this.heading.textContent = title(job.filename);
        document.title = `${title(job.filename)} – msaas studio`;
        if (job.state === 'done') {
            this.#stream.stop();
            this.facts.textContent = [job.model && `separated by ${job.model}`, ...job.warnings].filter(Boolean).join(' · ');
            if (!this.player) this.#open(job);
            return;
        }
        if (!this.progress) {
            this.progress = new Progress();
            this.again = element('button', { onclick: () => this.#act('POST', '/retry') }, icon('again'), ' Try again');
            this.cancel = element('button', { onclick: async () => {
                if (await ask(`“${title(job.filename)}” is not separated any further.`, 'Cancel it')) await this.#act('DELETE', '?only=unfinished');
            } }, icon('close'), ' Cancel');
            this.content.replaceChildren(this.progress, element('p', { class: 'row' }, this.again, this.cancel));
        }
        this.progress.show(job);
        const hasEnded = ['failed', 'dead', 'cancelled'].includes(job.state);
        this.again.hidden = !hasEnded || this.service.token != null;
        this.cancel.hidden = hasEnded || this.service.token != null;
    }

    #open(job) {
        this.player = new Player();
        this.content.replaceChildren(
            this.player, new TakeAway(this.service, job, this.player), this.service.token ? '' : new Share(this.service, job));
        this.player.open(this.service, job);
    }

    async #act(method, path) {
        try {
            await this.service.request(method, `/fetch/${this.id_}${path}`);
            this.problem.textContent = '';
            this.#follow();
        } catch (problem) {
            this.problem.textContent = problem.message;
        }
    }

    #lose(sentence) {
        this.#stream.stop();
        this.content.replaceChildren();
        this.problem.textContent = sentence;
    }
}

customElements.define('msaas-song', Song);
