"""Mixing like a record: shared room, bus compression, limiting, width and automation.

Everything that acts on the mixture is applied as a gain curve or a linear
effect to every stem, so that the stems still add up to the mixture.
"""
from __future__ import annotations

import numpy as np
from scipy import signal

from effects import SAMPLE_RATE, db, db_array, high_pass, low_pass, rms

BLOCK = 128


def block_peaks(audio: np.ndarray) -> np.ndarray:
    """Peak of each block of :data:`BLOCK` samples."""
    count = len(audio) // BLOCK
    return np.abs(audio[: count * BLOCK]).max(axis=1).reshape(count, BLOCK).max(axis=1)


def spread_gain(gain: np.ndarray, length: int) -> np.ndarray:
    """Gain of each sample from the gain of each block."""
    centres = (np.arange(gain.size) + 0.5) * BLOCK
    return np.interp(np.arange(length), centres, gain)[:, None]


def bus_compressor(mixture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gain curve of a slow compressor that listens to the mixture ("glue", "pumping")."""
    blocks = block_peaks(mixture)
    release = rng.uniform(0.93, 0.985)
    smooth = signal.lfilter([1 - release], [1, -release], blocks)
    level = 20 * np.log10(np.maximum(smooth, 1e-5))
    threshold = float(np.percentile(level, rng.uniform(20, 60)))
    ratio = rng.uniform(1.5, 5)
    gain = db_array(-np.maximum(level - threshold, 0) * (1 - 1 / ratio))
    return spread_gain(gain, len(mixture))


def limiter(mixture: np.ndarray, ceiling: float) -> np.ndarray:
    """Gain curve that keeps the mixture's block peaks below ``ceiling``, with look-ahead."""
    needed = np.minimum(1.0, ceiling / np.maximum(block_peaks(mixture), 1e-9))
    width = 9
    padded = np.pad(needed, width // 2, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, width).min(axis=1)
    release = 0.97
    gain, state = np.empty_like(lowest), 1.0
    for index, value in enumerate(lowest):
        state = min(value, 1 - (1 - state) * release)
        gain[index] = state
    return spread_gain(gain, len(mixture))


def room(rng: np.random.Generator) -> np.ndarray:
    """A stereo room: early reflections and a tail whose treble decays sooner."""
    seconds = rng.uniform(0.3, 2.2)
    length = int(seconds * SAMPLE_RATE)
    time = np.arange(length) / length
    noise = rng.standard_normal((length, 2))
    low = low_pass(noise, 1500) * np.exp(-6.9 * time)[:, None]
    high = high_pass(noise, 1500) * np.exp(-6.9 * time * rng.uniform(1.3, 3))[:, None]
    response = low + rng.uniform(0.2, 0.9) * high
    for _ in range(int(rng.integers(3, 9))):
        at = int(rng.uniform(0.004, 0.06) * SAMPLE_RATE)
        response[min(at, length - 1), int(rng.integers(2))] += rng.uniform(2, 8)
    response = high_pass(response, 180)
    before = np.zeros((int(rng.uniform(0, 0.04) * SAMPLE_RATE), 2))
    response = np.concatenate([before, response])
    return response / (np.sqrt((response ** 2).sum(axis=0)) + 1e-9)


def shared_room(stems: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Send every stem to one room, each by its own amount."""
    response = room(rng)
    amounts = {"drums": (0.0, 0.2), "bass": (0.0, 0.04), "other": (0.03, 0.3), "vocals": (0.03, 0.3)}
    out = {}
    for name, audio in stems.items():
        wet = signal.oaconvolve(audio, response, axes=0)[: len(audio)]
        out[name] = audio + rng.uniform(*amounts[name]) * wet
    return out


def duck(stems: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Side-chain: the drums push down the bass and the accompaniment."""
    blocks = block_peaks(stems["drums"])
    if blocks.max(initial=0) < 1e-3:
        return stems
    release = rng.uniform(0.95, 0.985)
    hold = signal.lfilter([1 - release], [1, -release], blocks > 0.5 * blocks.max())
    depth = rng.uniform(0.3, 0.8)
    curve = spread_gain(1 - depth * hold / (hold.max() + 1e-9), len(stems["drums"]))
    return {name: audio * curve if name in ("bass", "other") else audio
            for name, audio in stems.items()}


def passages(stems: dict[str, np.ndarray], rng: np.random.Generator,
             bar: float) -> dict[str, np.ndarray]:
    """Automation: stems fall silent or fade for some bars, now and then all but one."""
    length = len(stems["drums"])
    curves = {name: np.ones(length) for name in stems}
    for _ in range(int(rng.integers(0, 4))):
        begin = int(rng.integers(max(1, int(length / SAMPLE_RATE / bar)))) * bar
        end = begin + bar * float(rng.choice([0.5, 1, 1, 2, 4]))
        span = slice(int(begin * SAMPLE_RATE), min(length, int(end * SAMPLE_RATE)))
        names = list(stems)
        if rng.random() < 0.35:
            names.remove(str(rng.choice(names)))
        else:
            names = [str(rng.choice(names))]
        for name in names:
            curves[name][span] *= float(rng.choice([0, 0, 0.1, 0.4]))
    smooth = np.hanning(883) / np.hanning(883).sum()
    return {name: audio * signal.oaconvolve(curves[name] - 1, smooth, mode="same")[:, None] + audio
            for name, audio in stems.items()}


def master(stems: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Bus compressor, make-up gain and limiter, the same for all stems."""
    mixture = sum(stems.values())
    if rng.random() < 0.6:
        curve = bus_compressor(mixture, rng)
        stems = {name: audio * curve for name, audio in stems.items()}
        mixture = mixture * curve
    level = rms(mixture)
    if level <= 0:
        return stems
    gain = db(rng.uniform(-18, -9)) / level
    curve = gain * limiter(mixture * gain, rng.uniform(0.8, 0.97))
    return {name: audio * curve for name, audio in stems.items()}
