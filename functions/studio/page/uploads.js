import { element, icon, size, title } from './element.js';

const atOnce = 2;

/** The songs on their way to the service: how far, cancel, again. Tells of each that arrived by `arrived`, with the job's id. */
export class Uploads extends HTMLElement {
    #waiting = [];
    #running = 0;

    constructor(service) {
        super();
        this.service = service;
    }

    connectedCallback() {
        // They go on while another view is shown.
        if (this.list) return;
        this.list = element('ul', { class: 'rows', 'aria-label': 'Uploads' });
        this.replaceChildren(this.list);
        addEventListener('beforeunload', (event) => {
            if (this.#running || this.#waiting.length) event.preventDefault();
        });
    }

    /** Sends files, a few at a time, in their order. */
    add(files, options) {
        for (const file of files) {
            // The same upload sent again is the same job.
            const upload = { file, options, key: crypto.getRandomValues(new Uint32Array(4)).join('-') };
            upload.row = this.#row(upload);
            this.list.append(upload.row.element);
            this.#waiting.push(upload);
        }
        this.#next();
    }

    #next() {
        while (this.#running < atOnce && this.#waiting.length) this.#send(this.#waiting.shift());
    }

    async #send(upload) {
        this.#running += 1;
        upload.cancel = new AbortController();
        const { row } = upload;
        row.say(`0 % of ${size(upload.file.size)}`, 0);
        try {
            const accepted = await this.service.upload(upload.file, upload.options, {
                key: upload.key, signal: upload.cancel.signal,
                onprogress: (part) => row.say(
                    part < 1 ? `${Math.floor(part * 100)} % of ${size(upload.file.size)}` : 'Arrived; the service looks at it', part),
            });
            row.element.remove();
            this.dispatchEvent(new CustomEvent('arrived', { detail: accepted }));
        } catch (problem) {
            if (problem.name === 'AbortError') row.element.remove();
            else row.fail(problem.message);
        }
        this.#running -= 1;
        this.#next();
    }

    #row(upload) {
        const name = title(upload.file.name);
        const bar = element('progress', { max: '1', value: '0', 'aria-label': `Upload of ${name}` });
        const text = element('span', { class: 'quiet' }, 'Waits for its turn');
        const again = element('button', { class: 'plain', hidden: true, onclick: () => {
            again.hidden = true;
            item.classList.remove('failed');
            text.removeAttribute('role');
            this.#waiting.push(upload);
            this.#next();
        } }, icon('again'), ' Try again');
        const cancel = element('button', { class: 'plain', 'aria-label': `Cancel ${name}`, onclick: () => {
            this.#waiting = this.#waiting.filter((other) => other !== upload);
            if (upload.cancel && !item.classList.contains('failed')) upload.cancel.abort();
            else item.remove();
        } }, icon('close'));
        const item = element('li', {}, element('div', { class: 'what' }, element('strong', {}, name), text, bar), again, cancel);
        return {
            element: item,
            say(sentence, part) {
                text.textContent = sentence;
                bar.value = part;
                bar.hidden = false;
            },
            fail(sentence) {
                text.setAttribute('role', 'alert');
                text.textContent = sentence;
                item.classList.add('failed');
                bar.hidden = true;
                again.hidden = false;
            },
        };
    }
}

customElements.define('msaas-uploads', Uploads);
