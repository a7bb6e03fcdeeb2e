"""Effects of guitars and synthesisers: amplifier, chorus, tremolo, sweeps, bit reduction.

Stereo arrays of shape ``(samples, 2)`` in and out unless a function says mono.
"""
from __future__ import annotations

import numpy as np

from effects import SAMPLE_RATE, balance, echo, high_pass, low_pass, peak_eq, rms, saturate


def guitar_amplifier(mono: np.ndarray, rng: np.random.Generator, drive: float) -> np.ndarray:
    """Tight low end, two clipping stages (one asymmetric) and a loudspeaker cabinet; mono."""
    signal = high_pass(mono, rng.uniform(70, 160))
    signal = peak_eq(signal, rng.uniform(500, 1100), rng.uniform(0, 8), 0.7)
    signal = signal / (rms(signal) * 4 + 1e-9)
    signal = np.tanh(drive * signal + 0.15) - np.tanh(0.15)
    signal = np.tanh(1.5 * peak_eq(signal, 250, -3, 0.8))
    signal = high_pass(signal, 60)
    signal = peak_eq(signal, rng.uniform(90, 140), rng.uniform(0, 5), 1.2)
    signal = peak_eq(signal, rng.uniform(2000, 3500), rng.uniform(0, 6), 1.0)
    return low_pass(low_pass(signal, rng.uniform(3800, 6500)), 7500)


def modulated_delay(stereo: np.ndarray, delay_ms: float, depth_ms: float, rate: float,
                    phase: float) -> np.ndarray:
    """Delay both channels by a slowly swinging time (linear interpolation)."""
    count = len(stereo)
    time = np.arange(count)
    out = np.empty_like(stereo)
    for channel, offset in enumerate((0.0, phase)):
        swing = np.sin(2 * np.pi * rate * time / SAMPLE_RATE + offset)
        position = time - (delay_ms + depth_ms * swing) * SAMPLE_RATE / 1000
        out[:, channel] = np.interp(position, time, stereo[:, channel], left=0.0)
    return out


def chorus(stereo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chorus or, with a short delay, flanger."""
    flanger = rng.random() < 0.3
    delay = rng.uniform(1.5, 3) if flanger else rng.uniform(8, 25)
    depth = rng.uniform(0.5, 1.2) if flanger else rng.uniform(0.8, 3)
    moved = modulated_delay(stereo, delay, depth, rng.uniform(0.15, 1.5), np.pi / 2)
    return stereo + rng.uniform(0.4, 0.9) * moved


def tremolo(stereo: np.ndarray, rng: np.random.Generator, tempo: float) -> np.ndarray:
    """Tremolo or automatic pan in time with the music."""
    rate = tempo / 60 * float(rng.choice([0.5, 1, 2, 4]))
    time = np.arange(len(stereo)) / SAMPLE_RATE
    depth = rng.uniform(0.3, 0.9)
    across = np.pi if rng.random() < 0.5 else 0.0
    angle = 2 * np.pi * rate * time[:, None] + np.array([0.0, across])
    return stereo * (1 - depth * (0.5 + 0.5 * np.sin(angle)))


def filter_sweep(stereo: np.ndarray, rng: np.random.Generator, tempo: float) -> np.ndarray:
    """A low-pass that opens and closes: a crossfade between a dark and a bright version."""
    dark = low_pass(low_pass(stereo, rng.uniform(250, 900)), 1500)
    time = np.arange(len(stereo)) / SAMPLE_RATE
    rate = tempo / 60 * float(rng.choice([1 / 16, 1 / 8, 0.25, 1]))
    open_ = (0.5 - 0.5 * np.cos(2 * np.pi * rate * time + rng.random() * 6))[:, None]
    return dark * (1 - open_) + stereo * open_


def reduce_bits(stereo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coarse sampling and quantisation."""
    hold = int(rng.integers(2, 6))
    held = np.repeat(stereo[::hold], hold, axis=0)[: len(stereo)]
    steps = 2.0 ** int(rng.integers(6, 10))
    peak = np.abs(held).max() + 1e-9
    return np.round(held / peak * steps) / steps * peak


def widen(stereo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Stereo width by middle and side, or a short delay on one channel."""
    if rng.random() < 0.3:
        shift = int(rng.uniform(0.006, 0.022) * SAMPLE_RATE)
        late = np.concatenate([np.zeros(shift), stereo[:-shift, 1]])
        return np.stack([stereo[:, 0], late], axis=1)
    middle = stereo.mean(axis=1, keepdims=True)
    return middle + rng.uniform(0.2, 1.8) * (stereo - middle)


def random_effects(stereo: np.ndarray, rng: np.random.Generator, tempo: float) -> np.ndarray:
    """A pedal board: each effect with its own small probability."""
    if rng.random() < 0.3:
        stereo = chorus(stereo, rng)
    if rng.random() < 0.12:
        stereo = tremolo(stereo, rng, tempo)
    if rng.random() < 0.12:
        stereo = filter_sweep(stereo, rng, tempo)
    if rng.random() < 0.05:
        stereo = reduce_bits(stereo, rng)
    if rng.random() < 0.15:
        stereo = saturate(stereo, rng.uniform(1, 5))
    if rng.random() < 0.2:
        stereo = echo(stereo, 60 / tempo * float(rng.choice([0.5, 0.75, 1])),
                      rng.uniform(0.3, 0.6), rng.uniform(0.15, 0.4))
    stereo = widen(stereo, rng) if rng.random() < 0.6 else stereo
    return balance(stereo, rng.uniform(-1, 1))
