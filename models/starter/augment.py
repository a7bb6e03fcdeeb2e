"""Cheap augmentations of training crops: arrays of shape ``(channels, samples)``."""
from __future__ import annotations

import numpy as np
from scipy import fft

SAMPLE_RATE = 44100


def change_speed(audio: np.ndarray, length: int) -> np.ndarray:
    """Resample by linear interpolation to ``length`` samples."""
    if audio.shape[1] == length:
        return audio
    position = np.linspace(0, audio.shape[1] - 1, length)
    grid = np.arange(audio.shape[1])
    return np.stack([np.interp(position, grid, channel) for channel in audio]).astype(np.float32)


def gain_and_sides(audio: np.ndarray, rng: np.random.Generator, spread_db: float = 6) -> np.ndarray:
    """Random gain, channel swap, sign and, now and then, a narrower image."""
    if rng.random() < 0.5:
        audio = audio[::-1]
    if rng.random() < 0.15:
        middle = audio.mean(axis=0, keepdims=True)
        audio = middle + rng.uniform(0, 1) * (audio - middle)
    gain = 10 ** (rng.uniform(-spread_db, spread_db) / 20) * rng.choice([-1, 1])
    return (audio * gain).astype(np.float32)


def equalise(audio: np.ndarray, rng: np.random.Generator, depth_db: float = 6) -> np.ndarray:
    """Multiply the spectrum by a smooth random curve over the octaves (zero phase)."""
    size = fft.next_fast_len(audio.shape[1], real=True)
    spectrum = fft.rfft(audio, size, axis=1)
    octave = np.log2(np.maximum(np.arange(spectrum.shape[1]) * SAMPLE_RATE / size, 20) / 20)
    knots = np.linspace(0, 10.2, 6)
    curve = np.interp(octave, knots, rng.uniform(-depth_db, depth_db, knots.size))
    spectrum *= (10 ** (curve / 20)).astype(np.float32)
    return fft.irfft(spectrum, size, axis=1)[:, : audio.shape[1]].astype(np.float32)


def lossy_coding(mixture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Imitate MP3 coding: noise that follows the spectrum, and no treble above a cut-off."""
    window, hop = 2048, 1024
    length = mixture.shape[1]
    padded = np.pad(mixture, ((0, 0), (hop, window)))
    shape = (2, (padded.shape[1] - window) // hop + 1, window)
    step = padded.strides[1]
    frames = np.lib.stride_tricks.as_strided(padded, shape, (padded.strides[0], hop * step, step))
    shade = np.sin(np.pi * (np.arange(window) + 0.5) / window).astype(np.float32)
    spectrum = fft.rfft(frames * shade, axis=2)
    bands = np.abs(spectrum[:, :, :1024]).reshape(2, shape[1], 64, 16).mean(axis=3)
    amount = rng.uniform(0.03, 0.2)
    size = np.repeat(bands, 16, axis=2) * amount
    phase = np.exp(2j * np.pi * rng.random(size.shape)).astype(np.complex64)
    spectrum[:, :, :1024] += size * phase
    spectrum[:, :, int(rng.uniform(11000, 19000) / SAMPLE_RATE * window):] = 0
    blocks = fft.irfft(spectrum, window, axis=2) * shade
    out = np.zeros((2, (shape[1] + 1) * hop), np.float32)
    out[:, : shape[1] * hop] += blocks[:, :, :hop].reshape(2, -1)
    out[:, hop:] += blocks[:, :, hop:].reshape(2, -1)
    return out[:, hop: hop + length]
