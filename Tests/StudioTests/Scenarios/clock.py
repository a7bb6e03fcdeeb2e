"""All stems run on one clock, to the sample: over seeks, loops and what is heard between them."""

import numpy
import studio

SECONDS = 90


def clicks():
    """A click each tenth of a second, on both sides."""
    track = numpy.zeros((SECONDS * studio.RATE, 2), dtype=numpy.int16)
    track[:: studio.RATE // 10] = 24000
    track[1 :: studio.RATE // 10] = -24000
    return track


def silence_of_inverted_twins(started):
    track = clicks()
    job = studio.store("clicks.wav", {"drums": track, "bass": track, "other": -track, "vocals": -track})
    with studio.page(started, forgiven=["404"], bypass_csp=True) as page:
        studio.open_mixer(page, job)
        page.click("msaas-player .play")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 0.2")
        tap = studio.Tap(page)
        tap.begin()
        places = numpy.random.default_rng(20).uniform(0, SECONDS - 10, 20)
        for place in places:
            page.evaluate(f"() => document.querySelector('msaas-player').playback.seek({place})")
            page.wait_for_function(f"() => document.querySelector('msaas-player').playback.position > {place + 0.15}")
        # A loop of two fifths of a second, five times and a little.
        page.evaluate("() => { const { playback } = document.querySelector('msaas-player'); playback.setLoop({ start: 10, end: 10.4 }); playback.seek(10); }")
        tap.wait(int(5.5 * 0.4 * studio.RATE))
        assert tap.peak < 10 ** (-90 / 20), f"{tap.peak} is heard of tracks that cancel each other"
        # The tap hears: one of the twins alone is loud.
        page.keyboard.press("3")
        page.keyboard.press("4")
        tap.begin()
        tap.wait(studio.RATE // 2)
        assert tap.peak > 1.2, f"only {tap.peak} is heard of two clicking tracks"


def every_sample_in_its_place(started):
    noise = numpy.random.default_rng(7).integers(-9000, 9000, (SECONDS * studio.RATE, 2), dtype=numpy.int16)
    still = numpy.zeros_like(noise)
    job = studio.store("noise.wav", {"drums": still, "bass": still, "other": noise, "vocals": still})
    with studio.page(started, forgiven=["404"], bypass_csp=True) as page:
        studio.open_mixer(page, job)
        page.click("msaas-player .play")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 0.2")
        tap = studio.Tap(page)
        tap.wait(studio.RATE)
        # Over the borders of pieces.
        heard = tap.record(3 * studio.RATE)
        song = noise[:, 0] / 32768
        start = find(song, heard[:4096])
        assert numpy.abs(heard - song[start : start + len(heard)]).max() < 0.5 / 32768, "samples are missing, doubled or moved"
        # Over the end of a loop whose ends lie within pieces.
        first, last = 400_123, 430_456
        page.evaluate(f"""() => {{
            const {{ playback }} = document.querySelector('msaas-player');
            playback.setLoop({{ start: {first} / {studio.RATE}, end: {last} / {studio.RATE} }});
            playback.seek({first} / {studio.RATE});
        }}""")
        tap.wait(studio.RATE)
        heard = tap.record(3 * (last - first))
        part = song[first:last]
        start = find(numpy.tile(part, 2), heard[:4096])
        expected = numpy.tile(part, 8)[start : start + len(heard)]
        assert numpy.abs(heard - expected).max() < 0.5 / 32768, "the loop does not join to the sample"


def find(song, piece):
    """Where `piece` is in `song`."""
    spectrum = numpy.fft.rfft(song, 2 ** 22)
    match = numpy.fft.irfft(spectrum * numpy.conj(numpy.fft.rfft(piece, 2 ** 22)))[: len(song)]
    return int(numpy.argmax(match))


with studio.browser() as started:
    silence_of_inverted_twins(started)
    every_sample_in_its_place(started)
