// The page: who is here, which view is shown.

import { Drop } from './drop.js';
import { element } from './element.js';
import { Library } from './library.js';
import { Options } from './options.js';
import { Service } from './service.js';
import { SignIn } from './sign-in.js';
import { Song } from './song.js';
import { Uploads } from './uploads.js';

const picture = new URL('icon.svg', import.meta.url).href;

class Studio extends HTMLElement {
    async connectedCallback() {
        this.service = new Service(location.origin, new URL(location).searchParams.get('token'));
        this.service.addEventListener('signedout', () => this.#signIn());
        this.owner = element('span', { class: 'quiet' });
        this.leave = element('button', { class: 'plain', hidden: true, onclick: () => this.#signOut() }, 'Sign out');
        this.main = element('main', { id: 'main' });
        this.replaceChildren(
            element('a', { href: '#main', class: 'skip' }, 'To the content'),
            element('header', {},
                element('a', { href: '/', class: 'brand' }, element('img', { src: picture, alt: '', width: '28', height: '28' }), 'msaas studio'),
                element('span', { class: 'grow' }), this.owner, this.leave),
            this.main);
        // Links within the page show another view without a reload; uploads go on meanwhile.
        this.addEventListener('click', (event) => {
            const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
            const isPlain = !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
            if (!link || !isPlain || link.hasAttribute('download') || link.hash) return;
            if (link.origin !== location.origin || link.pathname !== '/') return;
            event.preventDefault();
            history.pushState(null, '', link.href);
            this.#show();
        });
        addEventListener('popstate', () => this.#show());
        await this.#begin();
    }

    async #begin() {
        // Whoever comes with a link needs no key.
        if (this.service.token) return this.#show();
        try {
            const session = await this.service.session();
            if (!session) return this.#signIn();
            this.#welcome(session);
        } catch (problem) {
            this.main.replaceChildren(element('p', { class: 'problem', role: 'alert' }, problem.message));
            setTimeout(() => this.#begin(), 3000);
        }
    }

    #welcome(session) {
        this.owner.textContent = session.owner ?? '';
        this.leave.hidden = session.open;
        this.#show();
    }

    #signIn() {
        if (this.main.firstChild instanceof SignIn) return;
        this.leave.hidden = true;
        this.owner.textContent = '';
        document.title = 'msaas studio';
        const form = new SignIn(this.service);
        form.addEventListener('signedin', (event) => this.#welcome(event.detail));
        this.main.replaceChildren(form);
    }

    async #signOut() {
        try {
            await this.service.signOut();
        } catch (problem) {
            if (problem.status !== 401) return void (this.owner.textContent = problem.message);
        }
        this.home = null;
        this.#signIn();
    }

    #show() {
        const song = new URL(location).searchParams.get('song');
        document.title = 'msaas studio';
        this.main.replaceChildren(song ? new Song(this.service, song) : this.#home());
        this.main.querySelector('h1')?.focus({ preventScroll: true });
        scrollTo(0, 0);
    }

    /** Drop, options, uploads, library; kept while a song is shown, since songs may be on their way. */
    #home() {
        if (this.home) return this.home;
        const [drop, options, uploads] = [new Drop(), new Options(this.service), new Uploads(this.service)];
        const said = element('p', { class: 'quiet', role: 'status' });
        drop.addEventListener('songs', ({ detail: files }) => {
            said.textContent = '';
            uploads.add(files, options.value);
        });
        drop.addEventListener('nosongs', () => { said.textContent = 'There is no music in that folder.'; });
        this.home = element('div', { class: 'home' }, drop, options, said, uploads, new Library(this.service));
        uploads.addEventListener('arrived', async ({ detail: { job } }) => {
            try {
                this.home.querySelector('msaas-library').show(await this.service.json('GET', `/fetch/${job}`), true);
            } catch {
                // The library hears of it from the service.
            }
        });
        return this.home;
    }
}

customElements.define('msaas-studio', Studio);
