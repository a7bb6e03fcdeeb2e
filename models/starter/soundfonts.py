"""Instruments of a SoundFont, played by the library ``fluidsynth``."""
from __future__ import annotations

from pathlib import Path

import fluidsynth
import numpy as np

from effects import SAMPLE_RATE
from score import Note

GM_DRUM_KITS = (0, 0, 0, 8, 16, 24, 25, 32, 40)


class SoundFontPlayer:
    """Renders notes with one SoundFont.

    Every part gets a new synthesiser, so that no reverb tail, chorus phase or
    dither state of an earlier part can change the result. Samples are loaded
    only for the preset in use, which keeps that cheap.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = Path(path).stem
        if not Path(path).is_file():
            raise FileNotFoundError(f"no SoundFont {path}")

    def render(self, notes: list[Note], seconds: float, program: int,
               drums: bool = False) -> np.ndarray:
        """Render to a float array of shape (samples, 2)."""
        synth = fluidsynth.Synth(gain=0.35, samplerate=SAMPLE_RATE)
        try:
            synth.setting("synth.dynamic-sample-loading", 1)
            channel, bank = (9, 128) if drums else (0, 0)
            font = synth.sfload(self.path)
            if synth.program_select(channel, font, bank, program) != 0:
                synth.program_select(channel, font, bank, 0)
            return play(synth, channel, notes, seconds)
        finally:
            synth.delete()


def play(synth: fluidsynth.Synth, channel: int, notes: list[Note], seconds: float) -> np.ndarray:
    """Send the notes to a synthesiser channel and collect ``seconds`` of stereo audio."""
    total = int(seconds * SAMPLE_RATE)
    blocks, position = [], 0
    for time, pitch, velocity in note_events(notes):
        target = min(int(time * SAMPLE_RATE), total)
        if target > position:
            blocks.append(synth.get_samples(target - position))
            position = target
        if velocity:
            synth.noteon(channel, pitch, velocity)
        else:
            synth.noteoff(channel, pitch)
    if position < total:
        blocks.append(synth.get_samples(total - position))
    return np.concatenate(blocks).reshape(-1, 2).astype(np.float32) / 32768


def note_events(notes: list[Note]) -> list[tuple[float, int, int]]:
    """(time, pitch, velocity) with velocity 0 for note-off, in time order, offs first."""
    events = [(n.start, n.pitch, n.velocity) for n in notes if 0 <= n.pitch < 128]
    events += [(n.start + max(n.duration, 0.03), n.pitch, 0) for n in notes if 0 <= n.pitch < 128]
    return sorted(events, key=lambda event: (event[0], event[2] > 0))
