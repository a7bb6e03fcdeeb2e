"""What the scenarios share: a browser that forgives nothing, made-up songs in the storage, a tap on what is heard."""

import base64
import contextlib
import datetime
import io
import json
import os
import pathlib
import re
import struct
import urllib.parse
import uuid

import boto3
import numpy
from playwright.sync_api import sync_playwright

URL = os.environ["STUDIO_URL"]
RATE = 44100
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEMO = REPOSITORY / "models/starter/demo/song.mp3"

storage = boto3.client("s3")


def wave(samples, rate=RATE):
    """The bytes of a WAV file of 16 bits; `samples` are frames × channels."""
    data = numpy.ascontiguousarray(samples, dtype="<i2").tobytes()
    channels = samples.shape[1]
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + form + b"data" + struct.pack("<I", len(data)) + data


def store(name, stems, rate=RATE, owner=None):
    """A job that is done, as a worker leaves it: the stems, then the manifest. Gives back its id."""
    job = uuid.uuid4().hex
    records = []
    known = {}
    for stem, samples in stems.items():
        key = f"{job}/{stem}.wav"
        twin = known.get(id(samples))
        if twin:
            answer = storage.copy_object(Bucket="output", Key=key, CopySource={"Bucket": "output", "Key": twin})["CopyObjectResult"]
        else:
            answer = storage.put_object(Bucket="output", Key=key, Body=io.BytesIO(wave(samples, rate)), ContentType="audio/wav")
            known[id(samples)] = key
        records.append({
            "name": stem, "file": f"{stem}.wav", "size": 44 + samples.size * 2, "eTag": answer["ETag"].strip('"'),
            "contentType": "audio/wav"})
    frames = next(iter(stems.values())).shape[0]
    manifest = {
        "job": job, "model": "made-up", "filename": name, "duration": frames / rate, "sampleRate": rate, "stems": records,
        "separationSeconds": 1, "warnings": [], "finishedAt": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    if owner:
        manifest["owner"] = owner
    storage.put_object(Bucket="output", Key=f"{job}/manifest.json", Body=json.dumps(manifest).encode())
    return job


class Watch:
    """What a page did that it should not have: errors in its console, requests to other hosts."""

    def __init__(self, page, forgiven=(), hosts=()):
        self.page = page
        self.hosts = {urllib.parse.urlsplit(URL).netloc, *hosts}
        #: Patterns of messages that belong to the fault that a scenario makes.
        self.forgiven = list(forgiven)
        self.troubles = []
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.troubles.append(f"uncaught: {error}"))
        page.on("request", self.request)

    def console(self, message):
        text = f"{message.type}: {message.text} ({message.location.get('url', '')})"
        if message.type in ("error", "warning") and not any(re.search(pattern, text) for pattern in self.forgiven):
            self.troubles.append(text)

    def request(self, request):
        if urllib.parse.urlsplit(request.url).netloc not in self.hosts:
            self.troubles.append(f"a request to another host: {request.url}")


@contextlib.contextmanager
def browser():
    with sync_playwright() as playwright:
        # Chromium's sandbox wants rights that root in a container does not have.
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield started
        started.close()


@contextlib.contextmanager
def page(started, forgiven=(), hosts=(), **options):
    """A page of a person of its own, which must have made no trouble in the end."""
    context = started.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
    shown = context.new_page()
    shown.set_default_timeout(90_000)
    shown.watch = Watch(shown, forgiven, hosts)
    yield shown
    if folder := os.environ.get("STUDIO_PICTURES"):
        shown.screenshot(path=f"{folder}/{uuid.uuid4().hex[:6]}.png", full_page=True)
    context.close()
    assert not shown.watch.troubles, "\n".join(shown.watch.troubles)


def open_mixer(shown, job):
    shown.goto(f"{URL}/?song={job}")
    shown.wait_for_selector("msaas-player .strip >> nth=0")


def sentence(shown, text, where="[role=alert]"):
    """Waits until the page says it where it says what is wrong."""
    return shown.locator(where).filter(has_text=text).first.wait_for()


TAP = """
registerProcessor('tap', class extends AudioWorkletProcessor {
    process([input], [output]) {
        input.forEach((samples, side) => output[side]?.set(samples));
        const [left, right] = [input[0] ?? new Float32Array(128), input[1] ?? input[0] ?? new Float32Array(128)];
        this.port.postMessage({ frame: currentFrame, left: left.slice(), right: right.slice() });
        return true;
    }
});
"""


class Tap:
    """Records what leaves the mixer, block by block. The page plays already, and was opened with `bypass_csp`: its policy takes no
    script of a test's."""

    def __init__(self, shown):
        self.page = shown
        shown.evaluate("""async (code) => {
            const { playback } = document.querySelector('msaas-player');
            await playback.context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
            const node = new AudioWorkletNode(playback.context, 'tap', { channelCount: 2, channelCountMode: 'explicit', outputChannelCount: [2] });
            // In the way of the sound, not beside it: what is heard passes here.
            playback.masterGain.disconnect();
            playback.masterGain.connect(node).connect(playback.context.destination);
            window.tap = { frames: 0, next: null, gaps: 0, blocks: [], peak: 0 };
            node.port.onmessage = ({ data }) => {
                if (tap.next !== null && data.frame !== tap.next) tap.gaps += 1;
                tap.next = data.frame + 128;
                tap.frames += 128;
                if (tap.keeps) tap.blocks.push(data.left);
                for (const sample of data.left) tap.peak = Math.max(tap.peak, Math.abs(sample));
                for (const sample of data.right) tap.peak = Math.max(tap.peak, Math.abs(sample));
            };
        }""", TAP)

    def begin(self, keeps=False):
        self.page.evaluate(f"() => Object.assign(tap, {{ frames: 0, gaps: 0, blocks: [], peak: 0, keeps: {str(keeps).lower()} }})")

    def wait(self, frames):
        """Waits until so many more frames were heard."""
        now = self.page.evaluate("() => tap.frames")
        self.page.wait_for_function(f"() => tap.frames >= {now + frames}")

    @property
    def peak(self):
        return self.page.evaluate("() => tap.peak")

    def record(self, frames):
        """The left side of so many frames that were played in one go.

        On a machine that is too busy for it, Chromium leaves out blocks of sound or lets the page wait; then it is tried again.
        """
        interruptions = "() => document.querySelector('msaas-player').playback.interruptions"
        for _ in range(20):
            before = self.page.evaluate(interruptions)
            self.begin(keeps=True)
            self.wait(frames)
            recorded = self._samples()
            if self.page.evaluate("() => tap.gaps") == 0 and self.page.evaluate(interruptions) == before:
                return recorded
        raise AssertionError("nothing was played in one go")

    def _samples(self):
        text = self.page.evaluate("""() => {
            tap.keeps = false;
            const all = new Float32Array(tap.blocks.length * 128);
            tap.blocks.forEach((block, index) => all.set(block, index * 128));
            const bytes = new Uint8Array(all.buffer);
            let text = '';
            for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
            return btoa(text);
        }""")
        return numpy.frombuffer(base64.b64decode(text), dtype="<f4")
