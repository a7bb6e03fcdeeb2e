"""The sung melody of a song."""
from __future__ import annotations

import numpy as np

from form import Form
from patterns import MELODY_RHYTHMS, RAP_RHYTHMS, STEPS
from score import Note, Phrase


def vocals(form: Form, delivery: str) -> list[Phrase]:
    """Two-bar phrases; verse and chorus each have melodies that come back."""
    rng = form.rng
    if rng.random() < 0.04:
        return []
    density = rng.uniform(0.75, 1.0)
    melodies: dict[str, list[tuple[int, int, int]]] = {}
    phrases = []
    for section, bar, start, _ in form.walk_bars("vocals"):
        if bar % 2 or bar + 2 > section.bars or rng.random() > density:
            continue
        key = f"{section.name}-{bar % 8}"
        if key not in melodies:
            chords = [section.chords[(bar + i) % len(section.chords)] for i in (0, 1)]
            melodies[key] = melody(form, chords, section.name == "chorus", delivery)
        notes = [Note(step * form.step, length * form.step, pitch, 100)
                 for step, length, pitch in melodies[key]]
        phrases.append(Phrase(key, start, notes))
    return phrases


def melody(form: Form, chords: list[int], lift: bool, delivery: str) -> list[tuple[int, int, int]]:
    """A two-bar melody: random walk on the scale, chord notes on strong beats."""
    rng = form.rng
    rhythms = RAP_RHYTHMS if delivery == "rap" else MELODY_RHYTHMS
    rhythm = rhythms[int(rng.integers(len(rhythms)))]
    centre = form.voice_centre + (3 if lift else 0)
    ladder = [p for p in range(centre - 11, centre + 12)
              if (p - form.key) % 12 in form.scale]
    index = int(np.clip(len(ladder) // 2 + rng.integers(-2, 3), 0, len(ladder) - 1))
    notes = []
    for step, length in rhythm:
        index = int(np.clip(index + rng.choice([-2, -1, -1, 0, 0, 1, 1, 2, 3]), 0,
                            len(ladder) - 1))
        if step % 8 == 0 or length >= 6:
            index = nearest_chord_tone(form, ladder, index, chords[min(1, step // STEPS)])
        notes.append((step, length, ladder[index]))
    return notes


def nearest_chord_tone(form: Form, ladder: list[int], index: int, degree: int) -> int:
    """Index of the pitch of the ladder that is in the chord and nearest."""
    tones = {form.scale_pitch(degree + offset, 0) % 12 for offset in (0, 2, 4)}
    candidates = [i for i, pitch in enumerate(ladder) if pitch % 12 in tones]
    return min(candidates, key=lambda i: abs(i - index))
