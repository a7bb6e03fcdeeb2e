import { element, icon } from './element.js';

/** Where songs are dropped or chosen: files, several, folders. Tells of them by `songs`, with an array of files. */
export class Drop extends HTMLElement {
    connectedCallback() {
        const files = element('input', { type: 'file', multiple: true, class: 'hidden', id: 'files', tabindex: '-1', 'aria-hidden': 'true' });
        const folder = element('input', { type: 'file', class: 'hidden', id: 'folder', tabindex: '-1', 'aria-hidden': 'true' });
        folder.webkitdirectory = true;
        for (const input of [files, folder]) {
            input.addEventListener('change', () => {
                this.#take([...input.files], input === folder);
                input.value = '';
            });
        }
        this.replaceChildren(
            element('section', { class: 'drop', 'aria-labelledby': 'drop-title' },
                icon('up'),
                element('h1', { id: 'drop-title', tabindex: '-1' }, 'Drop a song'),
                element('p', {}, 'Drums, bass, vocals and the rest come out one by one. Any recording will do: MP3, WAV, FLAC, M4A, a video.'),
                element('p', { class: 'row' },
                    element('button', { class: 'main', onclick: () => files.click() }, 'Choose songs'),
                    element('button', { onclick: () => folder.click() }, 'Choose a folder')),
                files, folder));
        for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) document.addEventListener(kind, this.#drag);
    }

    disconnectedCallback() {
        for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) document.removeEventListener(kind, this.#drag);
    }

    // The whole page takes songs: nobody has to aim.
    #drag = async (event) => {
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        const isOver = event.type === 'dragenter' || event.type === 'dragover';
        this.firstChild.classList.toggle('over', isOver);
        if (event.type !== 'drop') return;
        // Entries are gone after the first pause, so they are taken all at once.
        const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
        const [single, folders] = [entries.filter((entry) => entry.isFile), entries.filter((entry) => entry.isDirectory)];
        this.#take(await Promise.all(single.map(fileOf)), false);
        for (const entry of folders) this.#take(await filesBelow(entry), true);
    };

    /** What was chosen one by one is sent as it is; of a folder, what may be music. */
    #take(files, isFolder) {
        const songs = isFolder ? files.filter(isPerhapsMusic) : files;
        if (songs.length) this.dispatchEvent(new CustomEvent('songs', { detail: songs }));
        else if (isFolder) this.dispatchEvent(new CustomEvent('nosongs'));
    }
}

const isPerhapsMusic = (file) =>
    !file.name.startsWith('.')
    && (/^(audio|video)\//.test(file.type) || /\.(aiff?|flac|m4a|mka|mp3|oga|ogg|opus|wav|wma|wv)$/i.test(file.name));

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

async function filesBelow(folder) {
    const reader = folder.createReader();
    const files = [];
    for (;;) {
        const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!entries.length) return files;
        for (const entry of entries) {
            if (entry.isDirectory) files.push(...await filesBelow(entry));
            else files.push(await fileOf(entry));
        }
    }
}

customElements.define('msaas-drop', Drop);
