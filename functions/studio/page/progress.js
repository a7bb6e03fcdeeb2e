import { clock, element, span } from './element.js';

/** A job's state in a few words. */
export function stateText(job) {
    const eta = job.etaSeconds == null ? '' : `, ready in ${span(job.etaSeconds)}`;
    switch (job.state) {
        case 'awaiting-upload': return 'Not here yet: an address was given out for its upload';
        case 'uploaded': return 'Arrived';
        case 'queued': return job.position > 1 ? `Number ${job.position} in the queue${eta}` : `Next in the queue${eta}`;
        case 'running': return job.progress > 0 ? `${Math.floor(job.progress * 100)} % separated${eta}` : `Being separated${eta}`;
        case 'done': return 'Ready';
        case 'cancelled': return 'Cancelled';
        case 'dead': return `Given up: ${job.error ?? 'no reason is known'}`;
        default: return `Failed: ${job.error ?? 'no reason is known'}`;
    }
}

/** How a song that is not ready is doing; spoken as well, but not at every percent. */
export class Progress extends HTMLElement {
    connectedCallback() {
        this.bar = element('progress', { max: '1', 'aria-label': 'Progress' });
        this.text = element('p', { class: 'state' });
        this.spoken = element('p', { class: 'hidden', role: 'status' });
        this.warnings = element('ul', { class: 'quiet' });
        this.replaceChildren(element('div', { class: 'card' }, this.text, this.bar, this.warnings), this.spoken);
    }

    show(job) {
        this.text.textContent = stateText(job) + (job.audioSeconds ? ` · ${clock(job.audioSeconds)} long` : '');
        const isFailed = job.state === 'failed' || job.state === 'dead';
        this.text.classList.toggle('problem', isFailed);
        this.bar.hidden = job.state !== 'running';
        this.bar.value = job.progress;
        const words = job.state === 'running' ? `Being separated, ${Math.floor(job.progress * 4) * 25} %` : stateText(job);
        if (this.spoken.textContent !== words) this.spoken.textContent = words;
        this.warnings.replaceChildren(...job.warnings.map((sentence) => element('li', {}, sentence)));
        this.warnings.hidden = !job.warnings.length;
    }
}

customElements.define('msaas-progress', Progress);
