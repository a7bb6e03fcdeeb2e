"""A song of ten minutes: the page holds what is around the place that is heard, and no more."""

import numpy
import studio

SECONDS = 600
LIMIT = 150e6

track = numpy.zeros((SECONDS * studio.RATE, 2), dtype=numpy.int16)
track[:: studio.RATE // 2] = 12000

with studio.browser() as started:
    job = studio.store("long.wav", dict.fromkeys(["drums", "bass", "other", "vocals"], track))
    with studio.page(started, forgiven=["404"]) as page:
        studio.open_mixer(page, job)
        devtools = page.context.new_cdp_session(page)
        highest = 0

        def measure():
            usage = devtools.send("Runtime.getHeapUsage")
            return usage["usedSize"] + usage["embedderHeapUsedSize"] + usage["backingStorageSize"]

        page.click("msaas-player .play")
        for place in numpy.random.default_rng(10).uniform(0, SECONDS - 10, 25):
            page.evaluate(f"() => document.querySelector('msaas-player').playback.seek({place})")
            page.wait_for_function(f"() => document.querySelector('msaas-player').playback.position > {place + 0.4}")
            page.keyboard.press("+" if place % 2 < 1 else "-")
            highest = max(highest, measure())
        # Not only what lies around for the collector: what is kept is some seconds of each track.
        held = page.evaluate("""() => document.querySelector('msaas-player').playback.tracks.reduce((sum, { audio }) =>
            sum + Array.from({ length: 500 }, (_, index) => audio.piece(index)).filter(Boolean).length, 0)""")
        print(f"{highest / 1e6:.0f} MB at most, {held} pieces in the end")
        assert held <= 4 * 9, f"{held} pieces of about half a megabyte are kept"
        assert highest < LIMIT, f"the page took {highest / 1e6:.0f} MB"
