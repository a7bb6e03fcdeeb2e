import { element } from './element.js';

/** Asks whether something that cannot be taken back is meant. */
export function ask(sentence, yes) {
    const dialog = element('dialog', { 'aria-labelledby': 'question' },
        element('form', { method: 'dialog' },
            element('p', { id: 'question' }, sentence),
            element('p', { class: 'row' },
                element('button', { value: 'yes', class: 'danger' }, yes),
                element('button', { value: 'no', autofocus: true }, 'Keep it'))));
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener('close', () => {
        dialog.remove();
        resolve(dialog.returnValue === 'yes');
    }));
}
