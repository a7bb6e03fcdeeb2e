#!/usr/bin/env python3
"""What overlap, shifts and precision bring, and what they cost: the SDR of the stems and the work that it takes.

    quality.py MSAAS [-n MODEL] [--kernels NAME] [SONG_FOLDER…]

A folder holds song.mp3 or mixture.wav and the true stems beside it, as models/starter/demo does, which is taken when none is
named, and as models/starter/generate_songs.py makes them. For each setting: the mean SDR over stems and songs and its
difference from the usual setting, how far the stems are from those of the dearest setting (dB, more is nearer), and the processor
seconds as a multiple of the usual setting's. Rows in bf16 are printed where the processor has it,
or where `--kernels` names a version that computes so (`amx-portable` does everywhere; its time says nothing).
"""
import argparse
import math
import os
import re
import tempfile
from pathlib import Path

import numpy
import soundfile

import measure

USUAL, DEAREST = (0.25, 1, "float32"), (0.5, 2, "float32")
SETTINGS = [(overlap, shifts, "float32") for shifts in (0, 1, 2) for overlap in (0.1, 0.25, 0.5)] + [
    (0, 0, "float32"), (0.25, 4, "float32")]
ROUNDED = [(0.1, 0, "bf16"), (0.25, 1, "bf16")]


def samples(folder: Path) -> numpy.ndarray:
    return numpy.stack([soundfile.read(file)[0] for file in sorted(folder.glob("*.wav"))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("msaas")
    parser.add_argument("-n", default="starter")
    parser.add_argument("--kernels", help="for the rows in bf16")
    parser.add_argument("songs", nargs="*", type=Path)
    flags = parser.parse_args()
    songs = flags.songs or [Path(__file__).parent.parent / "models/starter/demo"]
    has_bf16 = flags.kernels or any(name in Path("/proc/cpuinfo").read_text() for name in ("avx512_bf16", "amx_bf16"))
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        def stems(setting: tuple, number: int) -> Path:
            return Path(scratch) / "-".join(map(str, setting)) / str(number) / flags.n

        for setting in SETTINGS + (ROUNDED if has_bf16 else []):
            overlap, shifts, precision = setting
            environment = dict(os.environ)
            if flags.kernels and precision == "bf16":
                environment["MSAAS_KERNELS"] = flags.kernels
            scores, processor = [], 0.0
            for number, song in enumerate(songs):
                track = next(file for name in ("song.mp3", "mixture.wav") if (file := song / name).exists())
                out = stems(setting, number)
                processor += measure.run(
                    [flags.msaas, "separate", "-n", flags.n, "--overlap", str(overlap), "--shifts", str(shifts), "--precision",
                     precision, "--seed", "1", "--float32", "--clip-mode", "none", "-o", str(out.parent), "--filename",
                     "{stem}.{ext}", str(track)], environment).processor
                said = measure.run([flags.msaas, "score", str(out), str(song)]).output
                scores += [float(score) for score in re.findall(r"^\w+ +(-?[\d.]+) +-?[\d.]+$", said, re.M)]
            rows[setting] = (sum(scores) / len(scores), processor)
        usual = rows[USUAL]
        print(f"{flags.n}, {len(songs)} songs; {measure.machine()}\n")
        print("| overlap | shifts | precision | SDR, dB | against the usual | to the dearest, dB | processor time |")
        print("|---:|---:|---|---:|---:|---:|---:|")
        best = [samples(stems(DEAREST, number)) for number in range(len(songs))]
        for setting, (score, processor) in rows.items():
            distance = []
            for number, reference in enumerate(best):
                rest = float(((samples(stems(setting, number)) - reference) ** 2).sum())
                distance.append(10 * math.log10(float((reference ** 2).sum()) / rest) if rest else math.inf)
            overlap, shifts, precision = setting
            print(f"| {overlap} | {shifts} | {precision} | {score:.2f} | {score - usual[0]:+.2f} | {sum(distance) / len(distance):.1f} "
                  f"| {processor / usual[1]:.2f} × |")


main()
