"""How soon the studio's mixer sounds, and what memory it takes, for a song of some minutes in a real Chromium.

    .venv-test/bin/python Benchmarks/studio.py .build/release [--minutes 10] [--rounds 5]

Starts the service in a folder of its own, puts a song with four stems into it (10 MB a minute and stem), and opens its mixer anew
for each round: play as soon as there is a button, and seek to a place of which nothing was fetched. Time counts until the audio clock passes the
place. Memory is what V8 and the buffers of its page hold, the highest of 20 seeks.
"""

import argparse
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("binaries", type=pathlib.Path)
parser.add_argument("--minutes", type=float, default=10)
parser.add_argument("--rounds", type=int, default=5)
arguments = parser.parse_args()

FIRST_SOUND = """async (part) => {
    const player = document.querySelector('msaas-player');
    const begin = performance.now();
    if (part === 0) player.toggle();
    else player.playback.seek(part * player.playback.duration);
    const place = part * player.playback.duration;
    while (!(player.playback.position > place)) await new Promise((resolve) => setTimeout(resolve, 2));
    return performance.now() - begin;
}"""


def measure(studio, numpy):
    track = numpy.random.default_rng(0).integers(-9000, 9000, (int(arguments.minutes * 60 * studio.RATE), 2), dtype=numpy.int16)
    job = studio.store("long.wav", dict.fromkeys(["drums", "bass", "other", "vocals"], track))
    first, seek, highest = [], [], 0
    with studio.browser() as started:
        for _ in range(arguments.rounds):
            with studio.page(started, forgiven=["404"]) as page:
                studio.open_mixer(page, job)
                first.append(page.evaluate(FIRST_SOUND, 0))
                seek.append(page.evaluate(FIRST_SOUND, 0.7))
                devtools = page.context.new_cdp_session(page)
                for step in range(20):
                    page.evaluate(FIRST_SOUND, step * 7 % 19 / 20 + 0.01)
                    usage = devtools.send("Runtime.getHeapUsage")
                    highest = max(highest, usage["usedSize"] + usage["embedderHeapUsedSize"] + usage["backingStorageSize"])
    for what, values in (("play → first sound", first), ("seek → sound", seek)):
        print(f"{what}: median {statistics.median(values):.0f} ms, longest {max(values):.0f} ms")
    print(f"memory: {highest / 1e6:.0f} MB at most")


with tempfile.TemporaryDirectory() as folder:
    msaas = arguments.binaries.resolve() / "msaas"
    service = subprocess.Popen([msaas, "up", "--data", f"{folder}/data", "--workers", "0"], stdout=subprocess.DEVNULL)
    try:
        while (exports := subprocess.run([msaas, "env", "--data", f"{folder}/data"], capture_output=True, text=True)).returncode:
            assert service.poll() is None, "the service did not start"
            time.sleep(0.1)
        for word in shlex.split(exports.stdout):
            if "=" in word:
                os.environ.update([word.rstrip(";").split("=", 1)])
        os.environ["STUDIO_URL"] = os.environ["MSAAS_URL"]
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests/StudioTests/Scenarios"))
        import numpy
        import studio

        measure(studio, numpy)
    finally:
        service.terminate()
        service.wait()
