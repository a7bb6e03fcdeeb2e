"""What goes wrong is said in a sentence, and when it is over it goes on."""

import os
import pathlib
import signal
import tempfile

import numpy
import studio

# The browser's own words about requests that failed.
AWAY = ["net::ERR_", "status of 50[0-9]"]


def refused_file(started):
    with tempfile.TemporaryDirectory() as folder, studio.page(started, forgiven=["status of 415"]) as page:
        letter = pathlib.Path(folder, "letter.txt")
        letter.write_text("Dear Sir or Madam")
        page.goto(studio.URL)
        page.locator("#files").set_input_files(letter)
        studio.sentence(page, "text", "msaas-uploads [role=alert]")
        # It can be tried again, and put away.
        page.get_by_role("button", name="Try again").click()
        studio.sentence(page, "text", "msaas-uploads [role=alert]")
        page.get_by_role("button", name="Cancel letter").click()
        page.locator("msaas-uploads li").wait_for(state="detached")


def lost_connection(started):
    track = numpy.random.default_rng(3).integers(-9000, 9000, (60 * studio.RATE, 2), dtype=numpy.int16)
    job = studio.store("road.wav", {"drums": track, "vocals": track})
    with studio.page(started, forgiven=["404", *AWAY]) as page:
        studio.open_mixer(page, job)
        page.click("msaas-player .play")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 0.5")
        page.context.set_offline(True)
        page.evaluate("() => document.querySelector('msaas-player').playback.seek(40)")
        studio.sentence(page, "cannot be reached", "msaas-player [role=alert]")
        page.context.set_offline(False)
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 40.5")
        page.wait_for_function("() => document.querySelector('msaas-player').shadowRoot.querySelector('[role=alert]').textContent === ''")
        page.evaluate("() => document.querySelector('msaas-player').playback.pause()")


def restarted_service(started):
    with studio.page(started, forgiven=AWAY) as page:
        page.goto(studio.URL)
        page.get_by_text("No song yet").wait_for()
        # `msaas up` starts anew what dies, as soon as it may.
        service = int(os.environ["STUDIO_SERVICE"])
        os.kill(service, signal.SIGSTOP)
        try:
            for process in host_processes(service):
                os.kill(process, signal.SIGKILL)
            studio.sentence(page, "cannot be reached", "msaas-library [role=alert]")
            page.locator("#files").set_input_files(studio.DEMO)
            studio.sentence(page, "cannot be reached", "msaas-uploads [role=alert]")
        finally:
            os.kill(service, signal.SIGCONT)
        page.wait_for_function("() => document.querySelector('msaas-library [role=alert]').textContent === ''")
        page.get_by_role("button", name="Try again").click()
        page.locator("msaas-library li").filter(has_text="song").wait_for()


def host_processes(parent):
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = entry.joinpath("status").read_text()
            name = entry.joinpath("cmdline").read_bytes().split(b"\0")[0]
        except OSError:
            continue
        if f"PPid:\t{parent}\n" in status and name.endswith(b"function-host"):
            yield int(entry.name)


def gone(started):
    with studio.page(started, forgiven=["404"]) as page:
        page.goto(f"{studio.URL}/?song={'0' * 32}")
        studio.sentence(page, "There is no job")
        page.get_by_role("link", name="All songs").click()
        page.get_by_role("heading", name="Drop a song").wait_for()


with studio.browser() as started:
    refused_file(started)
    lost_connection(started)
    gone(started)
    restarted_service(started)
