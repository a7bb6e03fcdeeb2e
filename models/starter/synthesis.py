"""Two synthesisers: one for any part, and one for basses (detuned saws, sub, booms, plucks, FM)."""
from __future__ import annotations

import numpy as np
from scipy import signal

from effects import SAMPLE_RATE, add_at, low_pass, pan, saturate
from score import Note

KINDS = ("reese", "sub", "boom", "pluck", "square", "fm")


def render_synth(notes: list[Note], seconds: float, rng: np.random.Generator,
                 bass: bool) -> np.ndarray:
    """Play notes with a random patch of a small subtractive / FM synthesiser."""
    patch = {
        "shape": str(rng.choice(["saw", "square", "triangle", "fm", "saw"])),
        "voices": 1 if bass else int(rng.choice([1, 3, 5])),
        "detune": rng.uniform(0.002, 0.01), "attack": rng.choice([0.004, 0.01, 0.08]),
        "decay": rng.uniform(0.2, 2.0), "sustain": rng.uniform(0.2, 1.0),
        "ratio": float(rng.choice([0.5, 1, 2, 3])), "index": rng.uniform(0.5, 4),
    }
    if bass:
        patch["attack"] = 0.005
    track = np.zeros((int(seconds * SAMPLE_RATE), 2))
    for note in notes:
        add_at(track, synth_note(note, patch, rng), note.start)
    cutoff = rng.uniform(300, 2500) if bass else np.exp(rng.uniform(np.log(900), np.log(12000)))
    return low_pass(track, cutoff)


def synth_note(note: Note, patch: dict, rng: np.random.Generator) -> np.ndarray:
    """One note of a patch, stereo."""
    release = 0.08
    t = np.arange(int((max(note.duration, 0.05) + release) * SAMPLE_RATE)) / SAMPLE_RATE
    frequency = 440 * 2 ** ((note.pitch - 69) / 12)
    envelope = np.minimum(t / patch["attack"], 1) * (
        patch["sustain"] + (1 - patch["sustain"]) * np.exp(-t / patch["decay"]))
    envelope *= np.clip((t[-1] - t) / release, 0, 1)
    out = np.zeros((len(t), 2))
    for voice in range(patch["voices"]):
        offset = 0 if patch["voices"] == 1 else voice / (patch["voices"] - 1) * 2 - 1
        phase = frequency * (1 + offset * patch["detune"]) * t + rng.random()
        out += pan(oscillator(phase, patch, t), offset * 0.8)
    return out * envelope[:, None] * (note.velocity / 127) / patch["voices"] * 0.5


def oscillator(phase: np.ndarray, patch: dict, t: np.ndarray) -> np.ndarray:
    """Waveform of a patch from a phase in cycles."""
    if patch["shape"] == "saw":
        return signal.sawtooth(2 * np.pi * phase)
    if patch["shape"] == "square":
        return np.sign(np.sin(2 * np.pi * phase))
    if patch["shape"] == "triangle":
        return signal.sawtooth(2 * np.pi * phase, 0.5)
    index = patch["index"] * np.exp(-t / 0.4)
    return np.sin(2 * np.pi * phase + index * np.sin(2 * np.pi * phase * patch["ratio"]))


def render_bass(notes: list[Note], seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Play a bass line with a random patch; returns stereo audio and the kind of patch."""
    kind = str(rng.choice(KINDS))
    patch = {"detune": rng.uniform(0.003, 0.012), "decay": rng.uniform(0.15, 1.2),
             "sub": rng.uniform(0, 0.8), "index": rng.uniform(1, 6),
             "ratio": float(rng.choice([0.5, 1, 1, 2, 3])), "slide": rng.random() < 0.4,
             "dark": rng.uniform(150, 500), "bright": rng.uniform(700, 4000)}
    track = np.zeros(int(seconds * SAMPLE_RATE))
    for index, note in enumerate(notes):
        before = notes[index - 1].pitch if index and patch["slide"] else note.pitch
        add_at(track, bass_note(kind, note, before, patch, rng), note.start)
    if kind in ("reese", "boom") and rng.random() < 0.6 or rng.random() < 0.25:
        track = saturate(track, rng.uniform(1.5, 6))
    track = low_pass(track, rng.uniform(900, 6000))
    width = rng.uniform(0, 0.15)
    return pan(track, rng.uniform(-width, width)), kind


def bass_note(kind: str, note: Note, before: int, patch: dict, rng: np.random.Generator) -> np.ndarray:
    """One note, mono, with a two-stage filter envelope made by crossfading."""
    release = 0.05 if kind != "boom" else 0.25
    t = np.arange(int((max(note.duration, 0.06) + release) * SAMPLE_RATE)) / SAMPLE_RATE
    target = 440 * 2 ** ((note.pitch - 69) / 12)
    start = 440 * 2 ** ((before - 69) / 12)
    frequency = target + (start - target) * np.exp(-t / 0.03)
    if kind == "boom":
        frequency = frequency * (1 + 1.5 * np.exp(-t / 0.02))
    phase = np.cumsum(frequency) / SAMPLE_RATE + rng.random()
    wave = waveform(kind, phase, patch, t)
    if kind not in ("sub", "boom"):
        dark, bright = low_pass(wave, patch["dark"]), low_pass(wave, patch["bright"])
        open_ = np.exp(-t / patch["decay"])
        wave = dark + (bright - dark) * open_ + patch["sub"] * np.sin(2 * np.pi * phase)
    envelope = np.minimum(t / 0.004, 1) * np.clip((t[-1] - t) / release, 0, 1)
    if kind in ("pluck", "boom"):
        envelope = envelope * np.exp(-t / (patch["decay"] * (1 if kind == "pluck" else 2)))
    return wave * envelope * (note.velocity / 127) * 0.4


def waveform(kind: str, phase: np.ndarray, patch: dict, t: np.ndarray) -> np.ndarray:
    """Raw oscillators of a patch from a phase in cycles."""
    if kind == "reese":
        shifted = phase * (1 + patch["detune"])
        return (saw(phase) + saw(shifted) + saw(phase * (1 - patch["detune"]))) / 2
    if kind == "square":
        return np.tanh(8 * np.sin(2 * np.pi * phase))
    if kind == "pluck":
        return saw(phase) + 0.5 * np.tanh(5 * np.sin(4 * np.pi * phase))
    if kind == "fm":
        index = patch["index"] * np.exp(-t / patch["decay"])
        return np.sin(2 * np.pi * phase + index * np.sin(2 * np.pi * patch["ratio"] * phase))
    return np.sin(2 * np.pi * phase) + 0.1 * np.sin(4 * np.pi * phase)


def saw(phase: np.ndarray) -> np.ndarray:
    """Sawtooth from a phase in cycles."""
    return 2 * (phase % 1) - 1
