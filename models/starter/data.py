"""Training examples: random crops of generated songs, remixed and augmented."""
from __future__ import annotations

import queue
import threading
from pathlib import Path

import numpy as np
import soundfile
import torch

import augment

SOURCES = ["drums", "bass", "other", "vocals"]
SAMPLE_RATE = 44100
SPEED_CHANCE = {"drums": 0.4, "bass": 0.4, "other": 0.5, "vocals": 0.6}
LAYER_CHANCE = {"drums": 0.05, "bass": 0.0, "other": 0.25, "vocals": 0.15}


def read(song: Path, stem: str, start: int, length: int) -> np.ndarray:
    """Read samples of one stem as (channels, samples), padded with silence."""
    audio, _ = soundfile.read(song / f"{stem}.wav", start=start, frames=length,
                              dtype="float32", always_2d=True)
    return np.pad(audio, ((0, length - len(audio)), (0, 0))).T


class Songs:
    """Random crops from folders of songs that may still be growing.

    ``remix``: share of the examples whose stems come from different songs.
    """

    def __init__(self, folders: list[Path], remix: float = 0.55) -> None:
        self.folders = folders
        self.remix = remix
        self.songs: list[tuple[Path, int]] = []
        self._known: dict[Path, int] = {}

    def refresh(self) -> None:
        """Look for finished songs."""
        for folder in self.folders:
            for mark in folder.glob("*/song.json"):
                song = mark.parent
                if song not in self._known:
                    self._known[song] = soundfile.info(song / "drums.wav").frames
        self.songs = sorted(self._known.items())

    def example(self, rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
        """One example: the mixture and its stems (sources, channels, samples)."""
        stems = self._remix(rng, length) if rng.random() < self.remix else self._excerpt(rng, length)
        truth = np.stack(stems)
        if rng.random() < 0.06:  # nearly mono
            middle = truth.mean(axis=1, keepdims=True)
            truth = middle + rng.uniform(0.02, 0.4) * (truth - middle)
        mixture = truth.sum(axis=0)
        if rng.random() < 0.12:
            mixture = augment.lossy_coding(mixture, rng)
        return mixture.astype(np.float32), truth

    def _excerpt(self, rng: np.random.Generator, length: int) -> list[np.ndarray]:
        """The stems of one song at one time, at levels near those of the song."""
        song, start = self._place(rng, length)
        speed = rng.uniform(0.9, 1.1) if rng.random() < 0.3 else 1.0
        stems = []
        for name in SOURCES:
            audio = augment.change_speed(read(song, name, start, int(length * speed)), length)
            stems.append(self._vary(audio, rng, 4.0))
        return stems

    def _remix(self, rng: np.random.Generator, length: int) -> list[np.ndarray]:
        """Stems of different songs, some sped up or slowed down, layered or silent."""
        stems = []
        for name in SOURCES:
            audio = self._stem(name, rng, length)
            if rng.random() < LAYER_CHANCE[name]:
                audio = audio + rng.uniform(0.3, 1) * self._stem(name, rng, length)
            if rng.random() < 0.06:
                audio = np.zeros_like(audio)
            stems.append(self._vary(audio, rng, 7.0))
        return stems

    def _stem(self, name: str, rng: np.random.Generator, length: int) -> np.ndarray:
        """A crop of one stem; a silent one is drawn again."""
        speed = rng.uniform(0.84, 1.18) if rng.random() < SPEED_CHANCE[name] else 1.0
        for _ in range(4):
            song, start = self._place(rng, length)
            audio = read(song, name, start, int(length * speed))
            if np.abs(audio).mean() > 1e-3:
                break
        return augment.change_speed(audio, length)

    @staticmethod
    def _vary(audio: np.ndarray, rng: np.random.Generator, spread_db: float) -> np.ndarray:
        if rng.random() < 0.3:
            audio = augment.equalise(audio, rng)
        return augment.gain_and_sides(audio, rng, spread_db)

    def _place(self, rng: np.random.Generator, length: int) -> tuple[Path, int]:
        song, frames = self.songs[int(rng.integers(len(self.songs)))]
        return song, int(rng.integers(max(1, frames - int(length * 1.2))))


class Loader(threading.Thread):
    """Prepares batches in the background."""

    def __init__(self, songs: Songs, batch: int, length: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.songs, self.batch, self.length = songs, batch, length
        self.rng = np.random.default_rng(seed)
        self.queue: queue.Queue[tuple[torch.Tensor, torch.Tensor]] = queue.Queue(maxsize=6)

    def run(self) -> None:
        """Fill the queue for ever, looking for new songs from time to time."""
        count = 0
        while True:
            if count % 50 == 0:
                self.songs.refresh()
            examples: list[tuple[np.ndarray, np.ndarray]] = []
            while len(examples) < self.batch:
                example = self.songs.example(self.rng, self.length)
                if np.abs(example[0]).max() > 3e-3:
                    examples.append(example)
            mixtures, truths = zip(*examples)
            self.queue.put((torch.from_numpy(np.stack(mixtures)), torch.from_numpy(np.stack(truths))))
            count += 1
