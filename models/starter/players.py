"""Who plays the notes: a choice of instrument banks, and other timbres made from their samples."""
from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Protocol

import numpy as np
from scipy import signal

from effects import fit
from patchsets import PatchSetPlayer
from score import Note
from soundfonts import SoundFontPlayer

SHIFTS = (-7, -5, -4, -3, -2, 2, 3, 4, 5, 7, 9, 12)  # semitones by which a timbre moves


class Player(Protocol):
    """A bank of General MIDI instruments."""

    name: str

    def render(self, notes: list[Note], seconds: float, program: int,
               drums: bool = False) -> np.ndarray:
        """Stereo audio (samples, 2) of ``seconds``."""


class Players:
    """Banks to choose from for every part; some parts get a timbre that no bank has.

    ``revoice``: share of the parts that are played with a shifted timbre or doubled.
    """

    def __init__(self, soundfonts: list[str], patch_sets: list[str], revoice: float) -> None:
        self.banks: list[Player] = [*map(SoundFontPlayer, soundfonts), *map(PatchSetPlayer, patch_sets)]
        self.revoice = revoice

    def choose(self, rng: np.random.Generator) -> Player:
        """One of the banks."""
        return self.banks[int(rng.integers(len(self.banks)))]

    def play(self, player: Player, notes: list[Note], seconds: float, program: int,
             rng: np.random.Generator) -> np.ndarray:
        """A part as the bank has it or, by chance, doubled by another bank or revoiced."""
        if not self.revoice or rng.random() >= self.revoice:
            return player.render(notes, seconds, program)
        if rng.random() < 0.25:
            double = self.choose(rng)
            return (player.render(notes, seconds, program)
                    + rng.uniform(0.3, 1) * double.render(notes, seconds, program))
        return revoiced(player, notes, seconds, program, int(rng.choice(SHIFTS)))


def revoiced(player: Player, notes: list[Note], seconds: float, program: int,
             semitones: int) -> np.ndarray:
    """Another timbre from the same samples: played ``semitones`` lower, then sped up to pitch."""
    speed = Fraction(2 ** (semitones / 12)).limit_denominator(64)
    slow = [replace(note, start=note.start * float(speed), duration=note.duration * float(speed),
                    pitch=note.pitch - semitones) for note in notes]
    audio = player.render(slow, seconds * float(speed), program)
    audio = signal.resample_poly(audio, speed.denominator, speed.numerator, axis=0)
    return fit(audio, seconds)
