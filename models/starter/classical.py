"""A classical separation for comparison: harmonic-percussive filtering and a split into bands.

Median filters along time and frequency tell harmonic from percussive energy
(Fitzgerald 2010); percussive goes to the drums, harmonic below 200 Hz to the
bass, harmonic in the middle of the stereo image and the range of voices to the
vocals, and the rest to the accompaniment. All by soft masks that add up to one.
"""
from __future__ import annotations

import numpy as np
from scipy import ndimage, signal

WINDOW, HOP = 4096, 1024


def separate(mixture: np.ndarray, rate: int = 44100) -> np.ndarray:
    """Estimates of drums, bass, other and vocals from a mixture (2, samples)."""
    frequencies, _, spectrum = signal.stft(mixture, rate, nperseg=WINDOW, noverlap=WINDOW - HOP)
    power = np.abs(spectrum).mean(axis=0)
    harmonic = ndimage.median_filter(power, (1, 17)) ** 2
    percussive = ndimage.median_filter(power, (31, 1)) ** 2
    drums = percussive / (harmonic + percussive + 1e-12)
    tonal = 1 - drums
    low = 1 / (1 + (frequencies / 200) ** 8)[:, None]
    middle = np.abs(spectrum.sum(axis=0)) ** 2
    side = np.abs(spectrum[0] - spectrum[1]) ** 2
    centred = np.clip(1 - 4 * side / (middle + side + 1e-12), 0, 1)
    voice_band = ((frequencies > 200) & (frequencies < 8000))[:, None]
    vocals = tonal * (1 - low) * 0.5 * centred * voice_band
    masks = np.stack([drums, tonal * low, tonal * (1 - low) - vocals, vocals])
    out = [signal.istft(spectrum * mask, rate, nperseg=WINDOW, noverlap=WINDOW - HOP)[1]
           for mask in masks]
    return np.stack(out)[:, :, : mixture.shape[1]].astype(np.float32)
