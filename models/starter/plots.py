#!/usr/bin/env python3
"""Draw the training curve and the spectrograms of one separated song.

Example::

    python plots.py curve --log training_log.csv --out training_curve.png
    python plots.py song --song songs/test/song-900-0003 --model starter.safetensors \
        --out spectrograms.png
"""
from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from scipy import signal  # noqa: E402

SOURCES = ["drums", "bass", "other", "vocals"]
COLOURS = ["#c0392b", "#8e44ad", "#27ae60", "#2980b9"]


def curve(log: Path, out: Path) -> None:
    """Training loss, learning rate and validation SDR over the steps."""
    with log.open() as file:
        rows = list(csv.DictReader(file))
    steps = np.array([int(row["step"]) for row in rows])
    loss = np.array([float(row["loss"]) for row in rows])
    rate = np.array([float(row["lr"]) for row in rows])
    width = max(1, min(15, len(loss) // 4))
    smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    left.plot(steps, loss, color="0.8", linewidth=0.8)
    left.plot(steps[width - 1:], smooth, color="#2c3e50", label="loss")
    left.set(xlabel="step", ylabel="loss", title="training loss and learning rate")
    twin = left.twinx()
    twin.plot(steps, rate, color="#e67e22", linewidth=0.9, linestyle="--")
    twin.set_ylabel("learning rate", color="#e67e22")
    scored = [row for row in rows if row[f"val_sdr_{SOURCES[0]}"]]
    for source, colour in zip(SOURCES, COLOURS):
        right.plot([int(row["step"]) for row in scored],
                   [float(row[f"val_sdr_{source}"]) for row in scored], color=colour,
                   marker=".", label=source)
    right.set(xlabel="step", ylabel="SDR (dB)", title="validation songs, averaged weights")
    right.grid(alpha=0.3)
    right.legend()
    figure.savefig(out, dpi=90)


def picture(axes: plt.Axes, audio: np.ndarray, title: str) -> None:
    """One spectrogram, 40 Hz to 11 kHz on a logarithmic scale, 70 dB of range."""
    frequencies, times, power = signal.spectrogram(audio.mean(axis=0), 44100, nperseg=2048,
                                                   noverlap=1024)
    keep = (frequencies > 40) & (frequencies < 11000)
    level = 10 * np.log10(power[keep] + 1e-12)
    axes.pcolormesh(times, frequencies[keep], level, vmin=-110, vmax=-40, cmap="magma",
                    rasterized=True)
    axes.set_yscale("log")
    axes.set_yticks([100, 1000, 10000], ["100", "1k", "10k"])
    axes.set_title(title, fontsize=9)


def song(folder: Path, model_path: Path, out: Path, start: float, seconds: float) -> None:
    """Mixture, true stems and the model's stems of one stretch of a song."""
    from evaluate import load_model, read_stems, sdr, separate

    truth = read_stems(folder, SOURCES)
    estimate = separate(load_model(model_path), truth.sum(axis=0))
    span = slice(int(start * 44100), int((start + seconds) * 44100))
    figure = plt.figure(figsize=(11, 8.5), layout="constrained")
    grid = figure.add_gridspec(5, 2)
    picture(figure.add_subplot(grid[0, :]), truth.sum(axis=0)[:, span], "mixture")
    for row, name in enumerate(SOURCES):
        picture(figure.add_subplot(grid[row + 1, 0]), truth[row][:, span], f"{name}, true")
        score = sdr(truth[row], estimate[row])
        picture(figure.add_subplot(grid[row + 1, 1]), estimate[row][:, span],
                f"{name}, separated (SDR of the whole song {score:.1f} dB)")
    figure.savefig(out, dpi=70)
    Image.open(out).convert("RGB").quantize(128).save(out, optimize=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    curve_parser = commands.add_parser("curve")
    curve_parser.add_argument("--log", type=Path, required=True)
    song_parser = commands.add_parser("song")
    song_parser.add_argument("--song", type=Path, required=True)
    song_parser.add_argument("--model", type=Path, required=True)
    song_parser.add_argument("--start", type=float, default=8)
    song_parser.add_argument("--seconds", type=float, default=16)
    for item in (curve_parser, song_parser):
        item.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.command == "curve":
        curve(args.log, args.out)
    else:
        song(args.song, args.model, args.out, args.start, args.seconds)


if __name__ == "__main__":
    main()
