"""Drums and bass of a song."""
from __future__ import annotations

from form import Form
from patterns import (BASS_PATTERNS, CLAP, CRASH, DRUM_GROOVES, HAT, KICK, OPEN_HAT, PERCUSSION, RIDE, RIM,
                      SNARE, STEPS, TOMS)
from score import Note


def drums(form: Form) -> list[Note]:
    """A groove for each kind of section, with fills, crashes and a percussion; now and then nothing."""
    rng = form.rng
    if rng.random() < 0.03:
        return []
    grooves = DRUM_GROOVES[form.style]
    patterns = {name: {lane: str(rng.choice(grooves[lane])) for lane in grooves}
                for name in ("verse", "chorus", "break", "intro", "outro")}
    snare = int(rng.choice([SNARE, SNARE, SNARE, 40, CLAP, RIM]))
    cymbal = {"verse": HAT, "chorus": int(rng.choice([HAT, RIDE, OPEN_HAT]))}
    percussion = percussion_lane(form)
    notes: list[Note] = []
    for section, bar, start, _ in form.walk_bars("drums"):
        last = bar == section.bars - 1
        fill_from = 16 - int(rng.choice([4, 8])) if last and rng.random() < 0.7 else STEPS
        lanes = [("kick", KICK, 105), ("snare", snare, 108),
                 ("hat", cymbal.get(section.name, HAT), 80)]
        for lane, key, level in lanes:
            limit = STEPS if lane == "kick" else fill_from
            notes += drum_lane(form, patterns[section.name][lane][:limit], start, key, level)
        notes += drum_lane(form, percussion[1], start, percussion[0], 75)
        if bar == 0 and rng.random() < 0.8:
            notes.append(Note(form.time(start, 0), 1.0, CRASH, form.velocity(105)))
        notes += drum_fill(form, start, fill_from, snare)
    return notes


def percussion_lane(form: Form) -> tuple[int, str]:
    """A percussion's key and its pattern for all bars, silent in every second song or so."""
    if form.rng.random() < 0.55:
        return 54, "." * STEPS
    density = form.rng.uniform(0.15, 0.5)
    lane = "".join("x" if form.rng.random() < density else "." for _ in range(STEPS))
    return int(form.rng.choice(PERCUSSION)), lane


def drum_lane(form: Form, pattern: str, start: float, key: int, level: int) -> list[Note]:
    """One drum's hits in a bar."""
    notes = []
    for step, mark in enumerate(pattern):
        if mark == "." or form.rng.random() < 0.03:
            continue
        hit = key
        if key == HAT and step % 4 == 2 and form.rng.random() < 0.06:
            hit = OPEN_HAT
        velocity = form.velocity(level if mark == "x" else level - 45)
        notes.append(Note(form.time(start, step), 0.2, hit, velocity))
    return notes


def drum_fill(form: Form, start: float, fill_from: int, snare: int) -> list[Note]:
    """Snare and descending toms from a step to the end of the bar."""
    notes = []
    for step in range(fill_from, STEPS):
        if form.rng.random() < 0.25:
            continue
        where = (step - fill_from) * len(TOMS) // max(1, STEPS - fill_from)
        key = snare if form.rng.random() < 0.4 else TOMS[where]
        notes.append(Note(form.time(start, step), 0.2, key, form.velocity(100)))
    return notes


def bass_program(form: Form) -> int:
    """General MIDI bass program 32-39; -1 asks for the built-in synthesiser."""
    if form.rng.random() < (0.5 if form.style in ("dance", "hiphop", "halftime") else 0.1):
        return -1
    return int(form.rng.choice([32, 33, 33, 34, 34, 35, 36, 37, 38, 39]))


def bass(form: Form) -> list[Note]:
    """A pattern for each kind of section, on the chords; now and then nothing."""
    rng = form.rng
    if rng.random() < 0.03:
        return []
    families = list(BASS_PATTERNS)
    chosen = {name: BASS_PATTERNS[str(rng.choice(families))]
              for name in ("verse", "chorus", "break", "intro", "outro")}
    variant = {name: int(rng.integers(len(items))) for name, items in chosen.items()}
    gate = rng.uniform(0.6, 1.0)
    notes = []
    for section, bar, start, degree in form.walk_bars("bass"):
        following = section.chords[(bar + 1) % len(section.chords)]
        pattern = chosen[section.name][variant[section.name]]
        for step, length, what in pattern:
            pitch = bass_pitch(form, degree, following, what)
            notes.append(Note(form.time(start, step, 0.003), length * form.step * gate,
                              pitch, form.velocity(100)))
    return notes


def bass_pitch(form: Form, degree: int, following: int, what: str) -> int:
    """Pitch of a root, fifth, third, octave or approach to the next chord (``r f t o a``)."""
    low = 28
    offsets = {"r": 0, "f": 4, "t": 2, "o": 0, "a": 0}
    pitch = form.scale_pitch(degree + offsets[what], 0)
    if what == "a":
        pitch = form.scale_pitch(following, 0) + int(form.rng.choice([-1, 1, 2, -2]))
    while pitch < low:
        pitch += 12
    return pitch + (12 if what == "o" else 0)
