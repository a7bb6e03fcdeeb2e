"""The form of a song: tempo, key, sections with their chords, and who plays when. No notes yet."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from patterns import DORIAN, DRUM_GROOVES, MAJOR, MINOR, MIXOLYDIAN, PROGRESSIONS, STEPS, TEMPOS
from score import Section


class Form:
    """What all parts of one song share, drawn from a random generator that the parts go on with."""

    def __init__(self, rng: np.random.Generator, seconds: float, voice_centre: int) -> None:
        self.rng = rng
        self.style = str(rng.choice(list(DRUM_GROOVES)))
        self.tempo = float(rng.uniform(*TEMPOS[self.style]))
        self.step = 60.0 / self.tempo / 4
        self.swing = float(rng.choice([0, 0, 0, 0.1, 0.2, 0.33]))
        self.key = int(rng.integers(12))
        scales = (MAJOR, MAJOR, MINOR, MINOR, DORIAN, MIXOLYDIAN)
        self.scale = scales[int(rng.integers(len(scales)))]
        self.voice_centre = voice_centre
        self.sevenths = rng.random() < 0.3
        self.sections = self._sections(seconds)

    # -- structure ---------------------------------------------------------

    def _sections(self, seconds: float) -> list[Section]:
        """Intro, verses, choruses and breaks until the song is long enough."""
        rng = self.rng
        full = frozenset({"drums", "bass", "other", "vocals"})
        harmony = {name: PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))]
                   for name in ("verse", "chorus", "break")}
        harmony["intro"] = harmony["outro"] = harmony["verse"]
        plan = [("intro", 2), ("verse", 8), ("chorus", 8), ("break", 4), ("verse", 8),
                ("chorus", 8), ("break", 4), ("chorus", 8), ("outro", 2)]
        bar = STEPS * self.step
        sections: list[Section] = []
        used = 0.0
        for name, bars in plan:
            if used >= seconds:
                break
            bars = min(bars, max(2, round((seconds - used) / bar)))
            sections.append(Section(name, bars, harmony[name], self._sounding(name, full)))
            used += bars * bar
        return sections

    def _sounding(self, name: str, full: frozenset[str]) -> frozenset[str]:
        """Choose which stems play in a section; most of the time all of them."""
        drop: set[str] = set()
        if name in ("intro", "outro"):
            drop.add("vocals")
            drop.update(self._maybe(0.3, "drums") | self._maybe(0.3, "bass"))
        elif name == "break":
            drop.update(self._maybe(0.7, "vocals") | self._maybe(0.4, "drums"))
            drop.update(self._maybe(0.3, "bass") | self._maybe(0.25, "other"))
        elif name == "verse":
            drop.update(self._maybe(0.12, "drums") | self._maybe(0.12, "bass"))
            drop.update(self._maybe(0.1, "other"))
        left = full - drop
        return left if left else full

    def _maybe(self, probability: float, name: str) -> set[str]:
        return {name} if self.rng.random() < probability else set()

    def walk_bars(self, stem: str) -> Iterator[tuple[Section, int, float, int]]:
        """Yield (section, bar within section, bar start time, chord degree) where a stem plays."""
        bar_seconds = STEPS * self.step
        position = 0
        for section in self.sections:
            for bar in range(section.bars):
                if stem in section.stems:
                    yield section, bar, (position + bar) * bar_seconds, \
                        section.chords[bar % len(section.chords)]
            position += section.bars

    def time(self, bar_start: float, step: float, loose: float = 0.004) -> float:
        """Time of a step with swing on off-beat sixteenths and human looseness."""
        shift = self.swing * self.step if int(step) % 2 == 1 else 0.0
        return max(0.0, bar_start + step * self.step + shift + self.rng.normal(0, loose))

    def velocity(self, base: int) -> int:
        """A key velocity near ``base``."""
        return int(np.clip(base + self.rng.normal(0, 8), 25, 127))

    # -- harmony -----------------------------------------------------------

    def scale_pitch(self, degree: int, octave: int) -> int:
        """MIDI pitch of a scale degree (may lie outside 0-6)."""
        return 12 * (octave + 1 + degree // 7) + self.key + self.scale[degree % 7]

    def voicing(self, degree: int, low: int) -> list[int]:
        """A chord voicing whose lowest note is at or above ``low``."""
        degrees = [degree, degree + 2, degree + 4] + ([degree + 6] if self.sevenths else [])
        pitches = []
        for item in degrees:
            pitch = self.scale_pitch(item, 0)
            while pitch < low:
                pitch += 12
            pitches.append(pitch)
        return sorted(pitches)
