"""Who is let in: a key for the page, a link for others, until it expires.

A link that has expired cannot be asked for; it is signed here as `TokenSigner` does it, with the service's own secret.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import threading
import urllib.parse
import urllib.request

import numpy
import studio
from playwright.sync_api import expect

KEY = os.environ["STUDIO_KEY"]
OWNER = "anna"


def a_key_opens_the_page(started, job):
    # The browser itself notes each refusal.
    with studio.page(started, forgiven=["status of 401", "404"]) as page:
        page.goto(f"{studio.URL}/?song={job}")
        key = page.get_by_label("API key")
        key.fill("msaas_wrong")
        page.get_by_role("button", name="Come in").click()
        studio.sentence(page, "not known here")
        key.fill(KEY)
        key.press("Enter")
        # It goes on where one wanted to go.
        page.get_by_role("heading", name="Ours").wait_for()
        page.get_by_text(OWNER, exact=True).wait_for()
        page.wait_for_selector("msaas-player .strip >> nth=0")
        assert KEY not in page.evaluate("() => document.cookie + JSON.stringify(localStorage) + document.documentElement.innerHTML")

        # Things that change something work with the session.
        page.get_by_role("button", name="Make a link").click()
        shown = page.get_by_label("The link")
        expect(shown).to_have_value(re.compile(re.escape(f"{studio.URL}/?song={job}&token=")), timeout=90_000)
        link = shown.input_value()

        # A session that ended is begun anew, at the same place.
        page.context.clear_cookies()
        page.get_by_role("button", name="Make a link").click()
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Come in").click()
        page.get_by_role("heading", name="Ours").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("API key").wait_for()
        page.reload()
        page.get_by_label("API key").wait_for()
        return link


def a_link_is_for_listening(started, link):
    with studio.page(started, forgiven=["404"]) as page:
        page.goto(link)
        page.wait_for_selector("msaas-player .strip >> nth=0")
        page.click("msaas-player .play")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 0.3")
        for name in ("Make a link", "Sign out", "Cancel", "Try again"):
            assert page.get_by_role("button", name=name).count() == 0, name
        assert page.get_by_role("link", name="All songs").count() == 0
        token = link.split("token=")[1]
        assert all(token in one for one in page.locator("msaas-take-away a").evaluate_all("(all) => all.map((one) => one.href)"))


def another_site_shows_it(started, link):
    """`<msaas-player>` in a page of an origin that is allowed, and in the same page under a name that is not."""
    page_of_theirs = f"""<!doctype html><title>A band</title><h1>Our song</h1>
        <script type="module" src="{studio.URL}/studio/player.js"></script><msaas-player src="{link.replace("&", "&amp;")}"></msaas-player>"""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page_of_theirs.encode())

        def log_message(self, *_):
            pass

    site = urllib.parse.urlsplit(os.environ["MSAAS_ALLOWED_ORIGINS"])
    server = http.server.ThreadingHTTPServer((site.hostname, site.port), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with studio.page(started, forgiven=["404"], hosts=[site.netloc]) as page:
        page.goto(site.geturl())
        page.click("msaas-player .play")
        page.wait_for_function("() => document.querySelector('msaas-player').playback.position > 0.3")
        # The keys of their page are theirs.
        page.evaluate("() => document.querySelector('msaas-player').blur()")
        page.keyboard.press("1")
        assert page.evaluate("() => document.querySelector('msaas-player').mix.tracks.every((track) => track.gain === 1)")
    with studio.page(started, forgiven=["CORS", "net::ERR_FAILED", "status of"], hosts=[f"localhost:{site.port}"]) as page:
        page.goto(f"http://localhost:{site.port}")
        studio.sentence(page, "cannot be reached", "msaas-player [role=alert]")


# What a page of theirs does with the service, by itself; the first thing that does not work is the error.
USE = """async ({ service, key, job, song, token }) => {
    const headers = { 'X-API-Key': key };
    const bytes = Uint8Array.from(atob(song), (letter) => letter.charCodeAt(0));
    const good = async (promise) => {
        const answer = await promise;
        if (!answer.ok) throw new Error(`${answer.url}: ${await answer.text()}`);
        return answer;
    };
    const jobs = [];
    const raw = await good(fetch(`${service}/upload?filename=raw.wav`, { method: 'POST', headers, body: bytes }));
    jobs.push((await raw.json()).job);
    const form = new FormData();
    form.append('file', new Blob([bytes]), 'form.wav');
    jobs.push((await (await good(fetch(`${service}/upload`, { method: 'POST', headers, body: form }))).json()).job);
    const place = await (await good(fetch(`${service}/upload?presign=1&filename=put.wav`, { method: 'POST', headers }))).json();
    await good(fetch(place.url, { method: place.method, headers: place.headers, body: bytes }));
    jobs.push(place.job);
    for (const one of jobs) {
        const abort = new AbortController();
        const events = (await good(fetch(`${service}/fetch/${one}/events`, { headers, signal: abort.signal }))).body
            .pipeThrough(new TextDecoderStream()).getReader();
        for (let text = ''; !text.includes('"queued"');) {
            const { value, done } = await events.read();
            if (done) throw new Error(`the events of ${one} ended`);
            text += value;
        }
        abort.abort();
    }
    const sound = new Audio();
    sound.crossOrigin = 'anonymous';
    sound.src = `${service}/fetch/${job}/drums?token=${token}`;
    await new Promise((resolve, reject) => { sound.onloadedmetadata = resolve; sound.onerror = () => reject(new Error('no sound')); });
    const sought = new Promise((resolve) => { sound.onseeked = resolve; });
    sound.currentTime = 15;
    await sought;
    if (sound.currentTime !== 15 || sound.readyState < 2) throw new Error(`at ${sound.currentTime}`);
    return [...new Set(jobs)].length;
}"""

# What was refused of the same, from a page that nobody named.
TRY = """async ({ service, key, job, song, presigned, token }) => {
    const headers = { 'X-API-Key': key };
    const form = new FormData();
    form.append('file', new Blob([song]), 'form.wav');
    const all = [
        fetch(`${service}/upload?filename=raw.wav`, { method: 'POST', headers, body: song }),
        fetch(`${service}/upload`, { method: 'POST', headers, body: form }),
        fetch(presigned.url, { method: presigned.method, headers: presigned.headers, body: song }),
        fetch(`${service}/fetch/${job}/events`, { headers }),
        fetch(`${service}/fetch/${job}/drums`, { headers }),
        new Promise((resolve, reject) => {
            const sound = new Audio();
            sound.crossOrigin = 'anonymous';
            [sound.onloadedmetadata, sound.onerror] = [resolve, reject];
            sound.src = `${service}/fetch/${job}/drums?token=${token}`;
        }),
    ];
    return (await Promise.allSettled(all)).map((one) => one.status);
}"""


def another_site_uses_the_service(started, job, link):
    """Uploads in every way, events, a stem with seeking: from an origin that is allowed, and from the same page under another name."""
    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>A choir</title><link rel=icon href=data:,>")

        def log_message(self, *_):
            pass

    site = urllib.parse.urlsplit(os.environ["MSAAS_ALLOWED_ORIGINS"])
    server = http.server.ThreadingHTTPServer((site.hostname, site.port), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    quiet = numpy.zeros((1000, 2), dtype=numpy.int16)
    request = urllib.request.Request(f"{studio.URL}/upload?presign=1&filename=theirs.wav", method="POST", headers={"X-API-Key": KEY})
    with urllib.request.urlopen(request) as answer:
        presigned = json.load(answer)
    facts = {
        "service": studio.URL, "key": KEY, "job": job, "song": base64.b64encode(studio.wave(quiet)).decode(), "presigned": presigned,
        "token": link.split("token=")[1]}
    storage = urllib.parse.urlsplit(presigned["url"]).netloc
    with studio.page(started, hosts=[site.netloc, storage]) as page:
        page.goto(site.geturl())
        assert page.evaluate(USE, facts) == 3
    with studio.page(started, forgiven=["CORS", "net::ERR_FAILED", "status of"], hosts=[f"localhost:{site.port}", storage]) as page:
        page.goto(f"http://localhost:{site.port}")
        assert page.evaluate(TRY, facts) == ["rejected"] * 6
    server.shutdown()
    server.server_close()


def a_link_expires(started, job):
    end = "1700000000"
    secret = json.loads(pathlib.Path(os.environ["STUDIO_DATA"], "secrets.json").read_text())["signingSecret"]
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    key = hashlib.sha256(f"key {digest}".encode()).hexdigest()[:16]
    text = "".join(f"{len(part)}:{part}" for part in ("share", job, end, digest))
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()[:16].hex()
    with studio.page(started, forgiven=["status of 40[14]"]) as page:
        page.goto(f"{studio.URL}/?song={job}&token={end}.{key}.{mac}")
        studio.sentence(page, "This link has expired")
        page.goto(f"{studio.URL}/?song={job}&token={end}.{key}.{'0' * 32}")
        studio.sentence(page, "this link is not its own")


with studio.browser() as started:
    noise = numpy.random.default_rng(2).integers(-9000, 9000, (20 * studio.RATE, 2), dtype=numpy.int16)
    job = studio.store("Ours.wav", {"drums": noise, "vocals": noise}, owner=OWNER)
    link = a_key_opens_the_page(started, job)
    a_link_is_for_listening(started, link)
    another_site_uses_the_service(started, job, link)
    another_site_shows_it(started, link)
    a_link_expires(started, job)
