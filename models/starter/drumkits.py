"""Drum kits of the Hydrogen drum machine: recorded hits, often in several dynamic layers."""
from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from patterns import CLAP, CRASH, HAT, KICK, OPEN_HAT, PEDAL, RIDE, RIM, SNARE, TOMS
from score import Note
from effects import SAMPLE_RATE, add_at, pan
from one_shots import drum_balance

# Words in an instrument's name that tell which drum it is; the first match counts.
NAMES = (
    ("pedal", PEDAL), ("pd", PEDAL), ("open", OPEN_HAT), ("op ", OPEN_HAT), ("ohh", OPEN_HAT),
    ("hat", HAT), ("hh", HAT), ("kick", KICK), ("bass", KICK), ("thump", KICK), ("dununba", KICK),
    ("stick", RIM), ("rim", RIM), ("click", RIM), ("clap", CLAP), ("snap", CLAP), ("snare", SNARE),
    ("slap", SNARE), ("crash", CRASH), ("splash", CRASH), ("ride", RIDE), ("cymbal", CRASH),
    ("bell", 56), ("tom hi", TOMS[0]), ("hi", TOMS[0]), ("mid", TOMS[2]), ("low", TOMS[4]),
    ("floor", TOMS[4]), ("tom", TOMS[2]), ("bongo", 60), ("djembe", 62), ("tambourine", 54),
    ("maraca", 70), ("clave", 75), ("wood", 76),
)
STAND_INS = {CLAP: SNARE, RIM: SNARE, 40: SNARE, PEDAL: HAT, OPEN_HAT: HAT, RIDE: CRASH,
             CRASH: OPEN_HAT, TOMS[0]: TOMS[2], TOMS[1]: TOMS[0], TOMS[2]: SNARE,
             TOMS[3]: TOMS[2], TOMS[4]: TOMS[3], 54: HAT, 56: RIM, 60: RIM, 61: 60, 62: 61, 63: 62,
             64: 63, 69: HAT, 70: HAT, 75: RIM, 76: RIM, 82: HAT}


@dataclass
class Hit:
    """The layers of one instrument: upper velocity limit (0-1) and audio."""

    layers: list[tuple[float, np.ndarray]]

    def sound(self, velocity: float) -> np.ndarray:
        """The layer for a velocity."""
        return next((audio for limit, audio in self.layers if velocity <= limit),
                    self.layers[-1][1])


def drum_of(name: str) -> int | None:
    """General MIDI key of an instrument's name."""
    lower = name.lower()
    return next((key for word, key in NAMES if word in lower), None)


@lru_cache(maxsize=4)
def load_kit(folder: Path) -> dict[int, list[Hit]]:
    """All usable instruments of a kit by drum."""
    root = ElementTree.parse(folder / "drumkit.xml").getroot()
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    kit: dict[int, list[Hit]] = {}
    for instrument in root.iter("instrument"):
        key = drum_of(instrument.findtext("name") or "")
        layers = []
        for layer in instrument.iter("layer"):
            path = folder / (layer.findtext("filename") or "")
            if path.is_file():
                layers.append((float(layer.findtext("max") or 1), read_hit(path)))
        single = folder / (instrument.findtext("filename") or "")
        if not layers and single.is_file():
            layers.append((1.0, read_hit(single)))
        if key is not None and layers:
            kit.setdefault(key, []).append(Hit(sorted(layers, key=lambda item: item[0])))
    return kit


def read_hit(path: Path) -> np.ndarray:
    """At most 2.5 s of a sample, stereo, at the project's rate."""
    audio, rate = soundfile.read(path, always_2d=True)
    audio = audio[: int(2.5 * rate)]
    if audio.shape[1] == 1:
        audio = np.repeat(audio, 2, axis=1)
    if rate != SAMPLE_RATE:
        audio = signal.resample_poly(audio, SAMPLE_RATE, rate, axis=0)
    return audio[:, :2]


def is_complete(folder: Path) -> bool:
    """True if a kit has at least a kick, a snare and a hat."""
    kit = load_kit(folder)
    return all(key in kit for key in (KICK, SNARE, HAT))


def render_kit(notes: list[Note], seconds: float, folder: Path,
               rng: np.random.Generator) -> np.ndarray:
    """Play notes with a kit, slightly retuned; missing drums have stand-ins."""
    kit = load_kit(folder)
    chosen = {key: hits[int(rng.integers(len(hits)))] for key, hits in kit.items()}
    speed = rng.uniform(0.9, 1.12)
    cache: dict[tuple[int, int], np.ndarray] = {}
    track = np.zeros((int(seconds * SAMPLE_RATE), 2))
    places = {key: rng.uniform(-0.5, 0.5) for key in kit}
    for note in notes:
        key: int | None = note.pitch
        while key is not None and key not in chosen:
            key = STAND_INS.get(key)
        if key is None:
            continue
        sound = chosen[key].sound(note.velocity / 127)
        mark = (key, id(sound))
        if mark not in cache:
            cache[mark] = retune(sound, speed, 0.0 if key in (KICK, SNARE) else places[key])
        gain = (note.velocity / 127) ** 1.2 * rng.uniform(0.92, 1.08) * drum_balance(key)
        add_at(track, cache[mark] * gain, note.start)
    return track


def retune(sound: np.ndarray, speed: float, place: float) -> np.ndarray:
    """Resample by a factor, normalise and pan a stereo hit."""
    length = int(len(sound) / speed)
    position = np.linspace(0, len(sound) - 1, length)
    out = np.stack([np.interp(position, np.arange(len(sound)), channel) for channel in sound.T], 1)
    out *= 0.8 / (np.abs(out).max() + 1e-9)
    return out * pan(np.ones(1), place)
