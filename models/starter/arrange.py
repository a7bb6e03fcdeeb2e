"""Arrangements nearer to records: power chords, human timing and dynamics, solos and gaps."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from compose import Composer
from patterns import STEPS
from score import Note, Part

RIFF_STYLES = ("rock", "metal", "funk", "halftime")


class RecordComposer(Composer):
    """Composer with guitar-driven parts and longer passages of single stems."""

    def others(self) -> list[Part]:
        parts = super().others()
        if self.style in RIFF_STYLES and self.rng.random() < 0.7:
            part = Part("power", int(self.rng.choice([27, 28, 29, 30, 30])))
            part.notes = self._power_notes()
            parts[0] = part
        return parts

    def _power_notes(self) -> list[Note]:
        """Root, fifth and octave in the low register, palm-muted or held."""
        rng = self.rng
        grid = int(rng.choice([2, 2, 4, 8]))
        played = [step for step in range(0, STEPS, grid) if step == 0 or rng.random() < 0.8]
        muted = rng.random() < 0.5
        notes = []
        for _, _, start, degree in self.walk_bars("other"):
            root = self.scale_pitch(degree, 0)
            while root < 40:
                root += 12
            for index, step in enumerate(played):
                end = played[index + 1] if index + 1 < len(played) else STEPS
                short = muted and step % 8 != 0
                length = self.step if short else (end - step) * self.step * 0.95
                begin = self.time(start, step)
                for number, interval in enumerate((0, 7, 12) if not short else (0, 7)):
                    notes.append(Note(begin + 0.004 * number, length, root + interval,
                                      self.velocity(70 if short else 100)))
        return notes

    def _sounding(self, name: str, full: frozenset[str]) -> frozenset[str]:
        """Now and then a section is left to one or two stems."""
        if self.rng.random() < 0.15:
            count = int(self.rng.integers(1, 3))
            return frozenset(str(x) for x in self.rng.choice(sorted(full), count, replace=False))
        return super()._sounding(name, full)


def humanise(notes: list[Note], rng: np.random.Generator, seconds: float) -> list[Note]:
    """Play ahead or behind, drift slowly, swell over phrases and vary the touch."""
    if not notes:
        return notes
    lag = rng.normal(0, 0.008)
    loose = rng.uniform(0.002, 0.012)
    drift_depth, drift_rate = rng.uniform(0, 0.008), rng.uniform(0.05, 0.2)
    swell, period, phase = rng.uniform(0, 0.3), rng.uniform(4, 16), rng.random() * 6
    touch = rng.uniform(2, 12)
    out = []
    for note in notes:
        drift = drift_depth * np.sin(2 * np.pi * drift_rate * note.start + phase)
        start = float(np.clip(note.start + lag + drift + rng.normal(0, loose), 0, seconds))
        level = 1 - swell * (0.5 + 0.5 * np.sin(2 * np.pi * note.start / period + phase))
        velocity = int(np.clip(note.velocity * level + rng.normal(0, touch), 20, 127))
        out.append(replace(note, start=start, velocity=velocity,
                           duration=note.duration * float(rng.uniform(0.8, 1.05))))
    return sorted(out, key=lambda note: note.start)
