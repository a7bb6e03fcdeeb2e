/** A track's waveform between two places of the song. */
export class Waveform {
    constructor(peaks, rate) {
        Object.assign(this, { peaks, rate, canvas: document.createElement('canvas'), view: { from: 0, to: 1 }, isDue: false });
        this.canvas.setAttribute('aria-hidden', 'true');
        for (const source of [peaks, peaks.scale]) source.addEventListener('change', () => this.draw());
        new ResizeObserver(() => this.draw()).observe(this.canvas);
    }

    /** Shows from one second to another. */
    show(view) {
        this.view = view;
        this.draw();
    }

    /** Draws before the next picture, once. */
    draw() {
        if (this.isDue) return;
        this.isDue = true;
        requestAnimationFrame(() => {
            this.isDue = false;
            this.#draw();
        });
    }

    #draw() {
        const { canvas } = this;
        const density = devicePixelRatio || 1;
        const [width, height] = [Math.round(canvas.clientWidth * density), Math.round(canvas.clientHeight * density)];
        if (!width || !height) return;
        if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
        const drawing = canvas.getContext('2d');
        drawing.clearRect(0, 0, width, height);
        drawing.fillStyle = getComputedStyle(canvas).color;
        const middle = height / 2;
        const framesPerPixel = (this.view.to - this.view.from) * this.rate / width;
        const level = this.peaks.level(framesPerPixel);
        drawing.fillRect(0, middle - density / 2, width, density);
        if (!level) return;
        const first = this.view.from * this.rate;
        const scale = (middle - density) / this.peaks.scale.highest;
        for (let x = 0; x < width; x += 1) {
            const from = Math.floor((first + x * framesPerPixel) / level.zoom);
            const to = Math.max(from + 1, Math.floor((first + (x + 1) * framesPerPixel) / level.zoom));
            let [low, high] = [0, 0];
            for (let pair = Math.max(0, from); pair < Math.min(to, level.low.length); pair += 1) {
                if (level.low[pair] < low) low = level.low[pair];
                if (level.high[pair] > high) high = level.high[pair];
            }
            const top = middle - high * scale;
            drawing.fillRect(x, top, 1, Math.max(density, middle - low * scale - top));
        }
    }
}
