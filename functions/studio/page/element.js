// Makes elements. Nothing here parses HTML, so no name of a song becomes markup.

/**
 * An element with attributes, listeners and children.
 *
 * `on…` adds a listener, `true` and `false` set and leave out, `.name` sets a property; children may be texts, nodes, or nothing.
 */
export function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
        else if (name.startsWith('.')) made[name.slice(1)] = value;
        else if (value === true) made.setAttribute(name, '');
        else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children.flat().filter((child) => child != null && child !== false));
    return made;
}

const paths = {
    play: 'M8 5v14l11-7z',
    pause: 'M7 5h4v14H7zM13 5h4v14h-4z',
    loop: 'M7 7h9V4l5 4.5L16 13v-3H9v3H6V8q0-1 1-1zM17 17H8v3l-5-4.5L8 11v3h7v-3h3v5q0 1-1 1z',
    bin: 'M9 3h6l1 2h4v2H4V5h4zM6 9h12l-1 12H7z',
    again: 'M12 5V2l5 4.5L12 11V8a5 5 0 1 0 5 5h3a8 8 0 1 1-8-8z',
    close: 'M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z',
    down: 'M11 4h2v9l3.5-3.5L18 11l-6 6-6-6 1.5-1.5L11 13zM5 19h14v2H5z',
    up: 'M11 17V8l-3.5 3.5L6 10l6-6 6 6-1.5 1.5L13 8v9zM5 19h14v2H5z',
    back: 'M14 5 7 12l7 7 1.5-1.5L10 12l5.5-5.5z',
    link: 'M10 7h4v2h-4a3 3 0 0 0 0 6h4v2h-4a5 5 0 0 1 0-10zm4 0h0a5 5 0 0 1 0 10v-2a3 3 0 0 0 0-6zM9 11h6v2H9z',
};

/** A picture beside a text, or in a button that has a label. */
export function icon(name) {
    const space = 'http://www.w3.org/2000/svg';
    const picture = document.createElementNS(space, 'svg');
    picture.setAttribute('viewBox', '0 0 24 24');
    picture.setAttribute('aria-hidden', 'true');
    picture.setAttribute('class', 'icon');
    const path = document.createElementNS(space, 'path');
    path.setAttribute('d', paths[name]);
    picture.append(path);
    return picture;
}

/** 75 is `1:15`. */
export function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const tail = String(rest).padStart(2, '0');
    return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** 90 is `2 minutes`, as far as one cares while one waits. */
export function span(seconds) {
    if (seconds < 1.5) return 'a second';
    if (seconds < 90) return `${Math.round(seconds)} seconds`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
    return `${Math.round(seconds / 3600)} hours`;
}

/** 1500000 is `1.5 MB`. */
export function size(bytes) {
    const units = ['bytes', 'kB', 'MB', 'GB'];
    let [value, unit] = [bytes, 0];
    while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
    return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A song's name without `.mp3` and the like. */
export const title = (filename) => filename.replace(/(.)\.[^. ]{1,5}$/, '$1');
