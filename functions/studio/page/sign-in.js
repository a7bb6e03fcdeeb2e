import { element } from './element.js';

/** The form for whoever has to show a key first. Tells of it by `signedin`, with the session. */
export class SignIn extends HTMLElement {
    constructor(service) {
        super();
        this.service = service;
    }

    connectedCallback() {
        const key = element('input', {
            id: 'key', name: 'key', type: 'password', autocomplete: 'current-password', required: true, spellcheck: 'false',
            'aria-describedby': 'key-problem',
        });
        const problem = element('p', { id: 'key-problem', class: 'problem', role: 'alert' });
        const button = element('button', { class: 'main' }, 'Come in');
        const form = element('form', { class: 'card narrow' },
            element('h1', { tabindex: '-1' }, 'Show your key'),
            element('p', {}, 'This service lets in whoever has an API key. It looks like msaas_… and comes from whoever runs the service.'),
            element('label', { for: 'key' }, 'API key'), key, problem, button);
        form.addEventListener('submit', async (event) => {
            event.preventDefault();
            button.disabled = true;
            problem.textContent = '';
            try {
                const session = await this.service.signIn(key.value.trim());
                this.dispatchEvent(new CustomEvent('signedin', { detail: session }));
            } catch (error) {
                problem.textContent = error.message;
                key.focus();
            } finally {
                button.disabled = false;
            }
        });
        this.replaceChildren(form);
    }
}

customElements.define('msaas-sign-in', SignIn);
