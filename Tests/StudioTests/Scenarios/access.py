"""Who is let in: a key for the page, a link for others, until it expires.

A link that has expired cannot be asked for; it is signed here as `TokenSigner` does it, with the service's own secret.
"""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import threading
import urllib.parse

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
    another_site_shows_it(started, link)
    a_link_expires(started, job)
