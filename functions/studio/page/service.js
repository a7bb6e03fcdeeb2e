// The service as the page sees it: requests, what goes wrong as a sentence, uploads, events.

/** Something that did not work, with a sentence for the person before the page. */
export class Problem extends Error {
    /** `status` is 0 where there was no answer; `type` is the last word of the service's own type. */
    constructor(sentence, status = 0, type = '') {
        super(sentence);
        this.status = status;
        this.type = type;
    }

    /** Whether the same request may well succeed in a moment. */
    get isPassing() {
        return this.status === 0 || this.status === 429 || this.status >= 502;
    }

    /** What an answer that is none of the good ones says. */
    static async of(response) {
        let document = {};
        try {
            document = await response.json();
        } catch {
            // Some proxy's page, or nothing.
        }
        const sentence = document.detail ?? document.title ?? `The service answered with status ${response.status}.`;
        return new Problem(sentence, response.status, String(document.type ?? '').split(':').pop());
    }

    static away() {
        return new Problem('The service cannot be reached. Check your connection; this page goes on by itself once it is back.');
    }
}

/** A host, as its own page or, with a share link's token, as anybody's. */
export class Service extends EventTarget {
    #csrf = null;

    constructor(base = location.origin, token = null) {
        super();
        this.base = base;
        this.token = token;
    }

    /** The address of a path here, with what is needed to be let in. */
    url(path, query = {}) {
        const url = new URL(path, this.base);
        for (const [name, values] of Object.entries(query)) {
            for (const value of [values].flat()) if (value != null && value !== '') url.searchParams.append(name, value);
        }
        if (this.token) url.searchParams.set('token', this.token);
        return url.href;
    }

    /** An answer that is good. Throws a `Problem` otherwise; a 401 tells everybody (`signedout`). */
    async request(method, path, { query, json, headers = {}, signal } = {}) {
        const all = new Headers(headers);
        if (json !== undefined) all.set('Content-Type', 'application/json');
        if (method !== 'GET' && this.#csrf) all.set('X-CSRF-Token', this.#csrf);
        let response;
        try {
            const body = json === undefined ? undefined : JSON.stringify(json);
            response = await fetch(this.url(path, query), { method, headers: all, body, signal });
        } catch (error) {
            throw error.name === 'AbortError' ? error : Problem.away();
        }
        if (response.ok) return response;
        const problem = await Problem.of(response);
        if (response.status === 401 && !this.token && path !== '/session') this.dispatchEvent(new Event('signedout'));
        throw problem;
    }

    /** The JSON of a good answer; nothing for one without a body. */
    async json(method, path, options) {
        const response = await this.request(method, path, options);
        return response.status === 204 ? null : response.json();
    }

    /** Who one is here: `{open, owner, admin}`, or null for whoever has to show a key first. */
    async session() {
        try {
            const session = await this.json('GET', '/session');
            this.#csrf = session.csrf;
            return session;
        } catch (problem) {
            if (problem.status === 401) return null;
            throw problem;
        }
    }

    /** Shows a key, for which the browser gets a cookie that no script can read. */
    async signIn(key) {
        await this.request('POST', '/session', { json: { key } });
        return this.session();
    }

    async signOut() {
        await this.request('DELETE', '/session');
        this.#csrf = null;
    }

    /**
     * Sends a song. `fetch` does not tell how much of a body has left, so this is an XMLHttpRequest.
     *
     * `key` names this upload: sent twice, it is one job. `onprogress` gets 0…1.
     */
    upload(file, options, { key, onprogress, signal }) {
        return new Promise((resolve, reject) => {
            const request = new XMLHttpRequest();
            request.open('POST', this.url('/upload', { filename: file.name, ...options }));
            request.responseType = 'text';
            request.setRequestHeader('Content-Type', /^(audio|video)\//.test(file.type) ? file.type : 'application/octet-stream');
            request.setRequestHeader('Idempotency-Key', key);
            if (this.#csrf) request.setRequestHeader('X-CSRF-Token', this.#csrf);
            request.upload.onprogress = (event) => onprogress(event.loaded / Math.max(1, event.total));
            request.onload = async () => {
                const response = new Response(request.response, { status: request.status });
                if (response.ok) return resolve(await response.json());
                if (request.status === 401) this.dispatchEvent(new Event('signedout'));
                reject(await Problem.of(response));
            };
            request.onerror = () => reject(Problem.away());
            request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
            signal.addEventListener('abort', () => request.abort());
            request.send(file);
        });
    }

    /**
     * Follows an event stream until `stop()` is called on what this returns. A stream that ends or breaks is asked for again, with
     * growing pauses; whoever listens hears of it by `onlost` (with a `Problem`) and `onback`.
     */
    follow(path, { events, onlost = () => {}, onback = () => {} }) {
        let source = null;
        let timer = null;
        let told = null;
        let pause = 1000;
        let stopped = false;
        const open = () => {
            source = new EventSource(this.url(path));
            source.onopen = () => {
                pause = 1000;
                clearTimeout(told);
                onback();
            };
            for (const [kind, listener] of Object.entries(events)) {
                source.addEventListener(kind, (event) => listener(JSON.parse(event.data)));
            }
            source.onerror = async () => {
                clearTimeout(told);
                // A stream that came to its end is opened again by the browser itself, mostly in a moment.
                if (source.readyState === EventSource.CONNECTING) return void (told = setTimeout(() => onlost(Problem.away()), 2500));
                const problem = await this.#reason(path);
                if (stopped) return;
                onlost(problem);
                if (problem.status && !problem.isPassing) return;
                timer = setTimeout(open, pause);
                pause = Math.min(15000, pause * 2);
            };
        };
        open();
        return {
            stop() {
                stopped = true;
                clearTimeout(timer);
                clearTimeout(told);
                source.close();
            },
        };
    }

    /** Why a stream was refused, which its error does not tell. */
    async #reason(path) {
        const cut = new AbortController();
        try {
            await this.request('GET', path, { signal: cut.signal });
            return Problem.away();
        } catch (problem) {
            return problem;
        } finally {
            cut.abort();
        }
    }
}
