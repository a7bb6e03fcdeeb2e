"""A song is dropped, followed, mixed and taken away."""

import subprocess
import tempfile
import urllib.parse
import wave

import numpy
import studio


def move(page, fader, value):
    page.get_by_role("slider", name=fader, exact=True).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value)


def samples(path):
    with wave.open(str(path)) as file:
        assert file.getframerate() == studio.RATE and file.getsampwidth() == 2
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2).astype(float)


def fetched(page, path, folder):
    answer = page.request.get(studio.URL + path)
    assert answer.ok
    target = f"{folder}/{path.split('/')[-1]}"
    with open(target, "wb") as file:
        file.write(answer.body())
    return target



with tempfile.TemporaryDirectory() as folder, studio.browser() as started:
    clip = f"{folder}/My “song” & <b>.mp3"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-t", "10", "-i", studio.DEMO, "-c", "copy", clip], check=True)
    with studio.page(started) as page:
        page.goto(studio.URL)
        page.get_by_text("No song yet").wait_for()

        # Chosen once, kept by the browser.
        page.get_by_text("How they are separated").click()
        page.get_by_label("Kept as").select_option("wav")
        page.reload()
        page.get_by_text("How they are separated").click()
        assert page.get_by_label("Kept as").input_value() == "wav"
        page.get_by_label("Kept as").select_option("flac")

        # Dropped somewhere, as a file manager does it.
        page.get_by_text("No song yet").wait_for()
        devtools = page.context.new_cdp_session(page)
        data = {"items": [], "files": [clip], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 640, "y": 700, "data": data})

        # In the library as soon as it has arrived, and live from then on.
        row = page.locator("msaas-library li").filter(has_text="My “song” & <b>")
        row.wait_for()
        row.get_by_role("link").click()
        page.get_by_role("heading", name="My “song” & <b>").wait_for()
        page.locator("msaas-progress").wait_for()

        # The mixer comes by itself.
        page.wait_for_selector("msaas-player .strip >> nth=3")
        names = page.locator("msaas-player .strip").evaluate_all("(all) => all.map((one) => one.dataset.track)")
        assert names == ["drums", "bass", "other", "vocals", "original"], names
        page.keyboard.press("Space")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 1")

        # Keys: solo the vocals, mute the drums, a place, a loop.
        heard = "() => document.querySelector('msaas-player').mix.tracks.filter((track) => track.gain > 0).map((track) => track.name)"
        page.keyboard.press("Shift+Digit4")
        assert page.evaluate(heard) == ["vocals"]
        assert page.get_by_role("button", name="Solo vocals").get_attribute("aria-pressed") == "true"
        page.keyboard.press("Shift+Digit4")
        page.keyboard.press("1")
        assert page.evaluate(heard) == ["bass", "other", "vocals"]
        page.get_by_role("button", name="A cappella").click()
        assert page.evaluate(heard) == ["vocals"]
        page.get_by_role("button", name="Everything").click()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position >= 5")
        # On a busy machine it may have come to its end.
        if page.evaluate("() => document.querySelector('msaas-player').playback.isPlaying"):
            page.keyboard.press("Space")
        page.wait_for_function("() => !document.querySelector('msaas-player').playback.isPlaying")

        # A drag over the waveforms makes a loop, which is what is taken away.
        lane = page.locator("msaas-player .lane").nth(1).bounding_box()
        page.mouse.move(lane["x"] + lane["width"] * 0.2, lane["y"] + 20)
        page.mouse.down()
        page.mouse.move(lane["x"] + lane["width"] * 0.6, lane["y"] + 22, steps=4)
        page.mouse.up()
        page.get_by_text("Repeats from 0:02 to 0:06.").wait_for()
        page.get_by_text("as the loop is set").wait_for()

        # This mix, as it is set: what the service renders is our own sum of the stems, to the last bit but one.
        page.get_by_role("button", name="Mute drums").click()
        move(page, "Volume of bass", 70)
        move(page, "Place of other", -40)
        page.get_by_role("combobox", name="As", exact=True).select_option("wav")
        with page.expect_download() as download:
            page.get_by_role("link", name="This mix").click()
        rendered = samples(download.value.path())
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(download.value.url).query)
        first, last = (round(float(query[name][0]) * studio.RATE) for name in ("start", "end"))
        job = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["song"][0]
        expected = sum(
            samples(fetched(page, f"/fetch/{job}/{name}.wav", folder))[first:last] * numpy.array([left, right]) * gain
            for name, gain, left, right in [("bass", 0.7 ** 2, 1, 1), ("other", 1, 1, 0.6), ("vocals", 1, 1, 1)])
        assert rendered.shape == expected.shape, (rendered.shape, expected.shape)
        assert numpy.abs(rendered - numpy.clip(expected, -32768, 32767)).max() <= 1

        # A/B with the song itself, as loud as the mix is.
        page.get_by_role("button", name="A/B original").click()
        page.wait_for_function("() => document.querySelector('msaas-player').playback.isComparing")
        page.keyboard.press("Space")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.equalGain > 0")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 2.5")
        assert page.evaluate("() => document.querySelector('msaas-player').playback.equalGain") < 1, "a quieter mix, a quieter original"
        page.keyboard.press("Space")

        # Gone for good, after a question.
        page.get_by_role("link", name="All songs").click()
        page.get_by_role("button", name="Delete My “song” & <b>").click()
        page.get_by_role("button", name="Delete it").click()
        page.get_by_text("No song yet").wait_for()
