"""Instruments of a Gravis patch set (such as FreePats), played by the program ``timidity``."""
from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile

from effects import SAMPLE_RATE, fit
from score import Note
from soundfonts import note_events

TICKS = 480  # a quarter note; at the default tempo half a second


class PatchSetPlayer:
    """Renders notes with the patches that a TiMidity configuration lists."""

    def __init__(self, configuration: str) -> None:
        self.path = configuration
        self.name = Path(configuration).stem
        melodic = Path(configuration).read_text().split("\nbank 0", 1)[-1]
        self.programs = [int(number) for number in re.findall(r"^\s*(\d+)\s+\S+\.pat", melodic, re.M)]
        if not self.programs:
            raise ValueError(f"no patches of bank 0 in {configuration}")

    def render(self, notes: list[Note], seconds: float, program: int,
               drums: bool = False) -> np.ndarray:
        """Render to a float array of shape (samples, 2); a missing program has a neighbour as stand-in."""
        if not drums:
            family = [x for x in self.programs if x // 8 == program // 8]
            program = min(family or self.programs, key=lambda x: abs(x - program))
        with tempfile.TemporaryDirectory() as folder:
            song, sound = Path(folder, "song.mid"), Path(folder, "song.wav")
            midi_file(notes, seconds, 9 if drums else 0, 0 if drums else program).save(song)
            subprocess.run(["timidity", "-c", self.path, "-Ow", "-s", str(SAMPLE_RATE), "-A", "60",
                            "-EFreverb=d", "-EFchorus=d", "--quiet=7", "-o", str(sound), str(song)],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            audio, _ = soundfile.read(sound, dtype="float32", always_2d=True)
        return fit(audio, seconds)


def midi_file(notes: list[Note], seconds: float, channel: int, program: int) -> mido.MidiFile:
    """A MIDI file of one track whose last event is at ``seconds``."""
    track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
    now = 0
    for time, pitch, velocity in note_events(notes):
        tick = int(time * 2 * TICKS)
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=velocity,
                                  time=tick - now))
        now = tick
    end = max(0, int(seconds * 2 * TICKS) - now)
    track.append(mido.MetaMessage("end_of_track", time=end))
    return mido.MidiFile(ticks_per_beat=TICKS, tracks=[track])
