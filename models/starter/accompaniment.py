"""The accompanying parts of a song: chords, arpeggios, riffs and instrumental melodies."""
from __future__ import annotations

import numpy as np

from form import Form
from patterns import COMP_PATTERNS, STEPS
from score import Note, Part

# General MIDI programs by role; -1 asks for the built-in synthesiser.
PROGRAMS = {
    "comp": (0, 1, 2, 4, 5, 7, 16, 17, 18, 21, 25, 27, 28, 62, 61, -1),
    "strum": (24, 25, 26, 27, 28, 29, 30, 30, 29, 15, 105),
    "arpeggio": (0, 4, 5, 6, 8, 10, 11, 12, 13, 24, 25, 46, 45, 80, 81, 99, -1),
    "pad": (16, 19, 44, 48, 49, 50, 51, 88, 89, 90, 92, 94, 95, 61, -1),
    "riff": (27, 29, 30, 81, 80, 56, 61, 63, 66, 104, 4, 7, -1),
    "lead": (22, 26, 29, 30, 40, 42, 56, 57, 60, 64, 65, 66, 68, 71, 73, 75, 80, 81, 11),
}


def others(form: Form) -> list[Part]:
    """One to four parts with different roles."""
    rng = form.rng
    roles = list(rng.choice(["comp", "comp", "strum", "arpeggio", "pad", "riff", "lead"],
                            size=int(rng.integers(1, 5)), replace=False))
    if all(role in ("riff", "lead") for role in roles):
        roles[0] = "comp"
    return [other_part(form, str(role)) for role in roles]


def other_part(form: Form, role: str) -> Part:
    """One part: what plays it, and its notes."""
    return Part(role, int(form.rng.choice(PROGRAMS[role])), PLAYS[role](form))


def comp_notes(form: Form) -> list[Note]:
    """Short chords."""
    pattern = COMP_PATTERNS[int(form.rng.integers(len(COMP_PATTERNS)))]
    return chords(form, pattern, low=int(form.rng.integers(50, 62)), spread=0.003)


def strum_notes(form: Form) -> list[Note]:
    """Lower chords, string by string."""
    pattern = COMP_PATTERNS[int(form.rng.integers(2, len(COMP_PATTERNS)))]
    return chords(form, pattern, low=int(form.rng.integers(43, 52)), spread=0.015)


def pad_notes(form: Form) -> list[Note]:
    """Chords held for a bar."""
    return chords(form, ((0, 16),), low=int(form.rng.integers(48, 66)), spread=0.0)


def chords(form: Form, pattern: tuple[tuple[int, int], ...], low: int, spread: float) -> list[Note]:
    """The chord of each bar at a pattern's (step, length), its notes ``spread`` seconds apart."""
    gate = form.rng.uniform(0.5, 1.0)
    notes = []
    for _, _, start, degree in form.walk_bars("other"):
        for step, length in pattern:
            if form.rng.random() < 0.04:
                continue
            begin = form.time(start, step)
            for index, pitch in enumerate(form.voicing(degree, low)):
                notes.append(Note(begin + index * spread, length * form.step * gate, pitch,
                                  form.velocity(82)))
    return notes


def arpeggio_notes(form: Form) -> list[Note]:
    """The chord's notes over two octaves, one after another in a fixed order."""
    grid = int(form.rng.choice([1, 2, 2, 4]))
    order = [int(x) for x in form.rng.permutation(6)]
    low = int(form.rng.integers(48, 68))
    notes = []
    for _, _, start, degree in form.walk_bars("other"):
        voicing = form.voicing(degree, low)
        ladder = voicing + [pitch + 12 for pitch in voicing]
        for index, step in enumerate(range(0, STEPS, grid)):
            pitch = ladder[order[index % len(order)] % len(ladder)]
            notes.append(Note(form.time(start, step), grid * form.step * 1.2, pitch,
                              form.velocity(80)))
    return notes


def riff_notes(form: Form) -> list[Note]:
    """One figure of three to seven notes, moved with the chords."""
    steps = sorted(int(s) for s in form.rng.choice(STEPS, size=int(form.rng.integers(3, 8)),
                                                   replace=False))
    offsets = [int(x) for x in form.rng.integers(-2, 5, size=len(steps))]
    octave = int(form.rng.choice([2, 3, 3, 4]))
    notes = []
    for _, _, start, degree in form.walk_bars("other"):
        for index, (step, offset) in enumerate(zip(steps, offsets)):
            end = steps[index + 1] if index + 1 < len(steps) else STEPS
            pitch = form.scale_pitch(degree + offset, octave)
            notes.append(Note(form.time(start, step), (end - step) * form.step * 0.85, pitch,
                              form.velocity(90)))
    return notes


def lead_notes(form: Form) -> list[Note]:
    """An instrumental melody in the sections without singing, and answers elsewhere."""
    notes = []
    for section, bar, start, degree in form.walk_bars("other"):
        solo = "vocals" not in section.stems
        if not solo and (bar % 4 != 3 or form.rng.random() < 0.4):
            continue
        position = degree + int(form.rng.choice([0, 2, 4]))
        step = 0 if solo else 8
        while step < STEPS:
            length = int(form.rng.choice([1, 2, 2, 4, 4, 6]))
            if form.rng.random() < 0.85:
                notes.append(Note(form.time(start, step), length * form.step * 0.95,
                                  form.scale_pitch(position, 4), form.velocity(95)))
            position += int(form.rng.choice([-2, -1, -1, 0, 1, 1, 2]))
            position = int(np.clip(position, -3, 11))
            step += length
    return notes


PLAYS = {"comp": comp_notes, "strum": strum_notes, "arpeggio": arpeggio_notes, "pad": pad_notes,
         "riff": riff_notes, "lead": lead_notes}
