"""Every view is for everybody: axe finds nothing serious, nothing is wider than a small phone, all is reached by the keyboard."""

import numpy
import studio
from axe_playwright_python.sync_playwright import Axe

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "device_scale_factor": 2}
LOOKS = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": PHONE, "dark phone": {**PHONE, "color_scheme": "dark"}}


def check(page, view):
    found = Axe().run(page).response["violations"]
    serious = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, f"{view}: " + "\n".join(serious)
    width = page.viewport_size["width"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width, f"{view} is wider than {width} px"
    # What can be pressed lies within the page, and is no smaller than WCAG 2.2 wants it (24 px).
    misplaced = page.evaluate("""() => {
        const all = (root) => [...root.querySelectorAll('*')].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
        return all(document).filter((one) => one.matches('button, select, input, summary, a.button'))
            .map((one) => ({ one, box: one.getBoundingClientRect() }))
            .filter(({ one, box }) => box.width && !one.closest('.hidden') && (box.left < 0 || box.right > innerWidth + 0.5 || box.height < 24 || box.width < 24))
            .map(({ one }) => one.outerHTML.slice(0, 120));
    }""")
    assert not misplaced, f"{view}: {misplaced}"


track = numpy.random.default_rng(1).integers(-9000, 9000, (20 * studio.RATE, 2), dtype=numpy.int16)
job = studio.store("A song with quite a long name, as they have them on old records (live, take 2).wav",
                   dict.fromkeys(["drums", "bass", "other", "vocals", "guitar", "piano"], track))

with studio.browser() as started:
    for look, options in LOOKS.items():
        # axe sets styles of its own, which the page's policy forbids.
        with studio.page(started, forgiven=["404"], bypass_csp=True, **options) as page:
            page.goto(studio.URL)
            page.locator("msaas-library .empty").filter(has_text="No song").wait_for()
            check(page, f"{look}: nothing there yet")
            page.get_by_text("How they are separated").click()
            check(page, f"{look}: options")
            studio.open_mixer(page, job)
            check(page, f"{look}: mixer")
            page.keyboard.press("l")
            page.keyboard.press("Shift+Digit2")
            check(page, f"{look}: mixer with a loop and a solo")
            page.goto(f"{studio.URL}/?song={'0' * 32}")
            studio.sentence(page, "There is no job")
            check(page, f"{look}: no such song")
    # Without a mouse: what is shown can be reached, one after the other.
    with studio.page(started, forgiven=["404"]) as page:
        studio.open_mixer(page, job)
        reached = set()
        for _ in range(80):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("""() => {
                let one = document.activeElement;
                while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
                return one.getAttribute('aria-label') ?? one.textContent.trim();
            }"""))
        wanted = {"Play", "A/B original", "Loop", "Place in the song", "Mute drums", "Solo piano", "Volume of vocals", "Place of bass", "Karaoke", "This mix", "Make a link"}
        assert wanted <= reached, wanted - reached
