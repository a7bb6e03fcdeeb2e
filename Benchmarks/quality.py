#!/usr/bin/env python3
"""What overlap and shifts bring: the SDR of the stems and the work that it takes.

    quality.py MSAAS [-n MODEL] [SONG_FOLDER…]

A folder holds song.mp3 or mixture.wav and the true stems beside it, as models/starter/demo does, which is taken when none is
named. For each setting: the mean SDR over stems and songs, how far the stems are from those of the dearest setting (dB, more is
nearer), and the forward passes, which are what a separation costs on any machine.
"""
import argparse
import math
import re
import tempfile
from pathlib import Path

import numpy
import soundfile

import measure

SEGMENT = 7.8
SETTINGS = [(overlap, shifts) for shifts in (0, 1, 2, 5) for overlap in (0, 0.05, 0.1, 0.25, 0.5)] + [(0.25, 10)]


def passes(seconds: float, overlap: float, shifts: int) -> int:
    """Segments of one shift start every (1 - overlap) of a segment; a shift lengthens the track by half a second."""
    length = seconds + (0.5 if shifts else 0)
    return max(1, shifts) * math.ceil(length / ((1 - overlap) * SEGMENT))


def samples(folder: Path) -> numpy.ndarray:
    return numpy.stack([soundfile.read(file)[0] for file in sorted(folder.glob("*.wav"))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("msaas")
    parser.add_argument("-n", default="starter")
    parser.add_argument("songs", nargs="*", type=Path)
    flags = parser.parse_args()
    songs = flags.songs or [Path(__file__).parent.parent / "models/starter/demo"]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for overlap, shifts in SETTINGS:
            scores, count = [], 0
            for number, song in enumerate(songs):
                track = next(file for name in ("song.mp3", "mixture.wav") if (file := song / name).exists())
                out = Path(scratch) / f"{overlap}-{shifts}-{number}"
                measure.run([flags.msaas, "separate", "-n", flags.n, "--overlap", str(overlap), "--shifts", str(shifts),
                             "--seed", "1", "--float32", "--clip-mode", "none", "-o", str(out), "--filename",
                             "{stem}.{ext}", str(track)])
                said = measure.run([flags.msaas, "score", str(out / flags.n), str(song)]).output
                scores += [float(number) for number in re.findall(r"^\w+ +(-?[\d.]+) +-?[\d.]+$", said, re.M)]
                count += passes(soundfile.info(track).duration, overlap, shifts)
            rows.append((overlap, shifts, scores, count))
        print(f"{flags.n}, {len(songs)} songs\n\n| overlap | shifts | SDR, dB | to the dearest, dB | passes |\n|---:|---:|---:|---:|---:|")
        best = [samples(Path(scratch) / f"{SETTINGS[-1][0]}-{SETTINGS[-1][1]}-{number}" / flags.n) for number in range(len(songs))]
        for overlap, shifts, scores, count in rows:
            distance = []
            for number, reference in enumerate(best):
                stems = samples(Path(scratch) / f"{overlap}-{shifts}-{number}" / flags.n)
                rest = float(((stems - reference) ** 2).sum())
                distance.append(10 * math.log10(float((reference ** 2).sum()) / rest) if rest else math.inf)
            print(f"| {overlap} | {shifts} | {sum(scores) / len(scores):.2f} | {sum(distance) / len(distance):.1f} | {count} |")


main()
