"""Recorded speakers as singers: find a voice's files and cut them into syllables.

The recordings are those of Debian packages: telephone prompts of Asterisk and
the letters, syllables and words of the games KLettres and KTuberling.
"""
from __future__ import annotations

import subprocess
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

RATE = 22050
FOLDERS = {
    "asterisk": Path("/usr/share/asterisk/sounds"),
    "klettres": Path("/usr/share/klettres"),
    "ktuberling": Path("/usr/share/ktuberling/sounds"),
}
SUFFIXES = {".ogg", ".wav", ".mp3", ".g722", ".flac"}


def files_of(name: str) -> list[Path]:
    """All recordings of a voice ``collection/folder``, in name order."""
    collection, folder = name.split("/")
    root = FOLDERS[collection] / folder
    if not root.is_dir():
        raise FileNotFoundError(f"no recordings in {root}")
    return sorted(path for path in root.rglob("*")
                  if path.suffix in SUFFIXES and path.stat().st_size > 3000)


def read_mono(path: Path) -> np.ndarray:
    """Decode a recording to mono at :data:`RATE`."""
    if path.suffix == ".g722":
        command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", str(path), "-f", "f32le",
                   "-ac", "1", "-ar", "16000", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        audio, rate = np.frombuffer(raw, dtype=np.float32).astype(np.float64), 16000
    else:
        data, rate = soundfile.read(path, always_2d=True)
        audio = data.mean(axis=1)
    if rate != RATE:
        shared = gcd(rate, RATE)
        audio = signal.resample_poly(audio, RATE // shared, rate // shared)
    return audio


def syllables(voiced: np.ndarray, longest: int = 60, shortest: int = 14) -> list[slice]:
    """Frame ranges around each voiced run, with the consonants on both sides."""
    edges = np.diff(np.concatenate([[0], voiced.astype(int), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    pieces = []
    for index, (begin, end) in enumerate(zip(starts, ends)):
        if end - begin < shortest:
            continue
        before = begin - (ends[index - 1] if index else 0)
        after = (starts[index + 1] if index + 1 < len(starts) else len(voiced)) - end
        end = min(end, begin + longest)
        pieces.append(slice(int(begin - min(before, 18)), int(end + min(after // 2, 8))))
    return pieces
