#!/usr/bin/env python3
"""Show that memory does not grow with the track, that time grows with its length, and that limits are kept.

Every row is a run of `msaas separate` on noise, with the peak of its resident memory. The full-size model and the starter
model run on tracks of the given lengths; every output format with every clip mode runs with a tiny model, because what
these take beyond the model is the same for all models. Prints Markdown.

usage: memory.py MSAAS CHECKPOINT_FOLDER [--minutes M …] [--full M …] [--starter M …] [--threads N]
"""
import argparse
import os
import re
import tempfile
from pathlib import Path

from measure import Cost, length, machine, run, write_track

FORMATS = {"wav": [], "wav24": ["--int24"], "float32": ["--float32"], "flac": ["--flac"],
           "mp3": ["--mp3", "--mp3-preset", "7"]}
CLIP_MODES = ["rescale", "clamp", "none"]


class Bench:
    """Runs `msaas separate` on tracks of noise."""

    def __init__(self, options: argparse.Namespace, folder: Path):
        self.options = options
        self.folder = folder
        self.tracks: dict[float, Path] = {}

    def separate(self, model: str, minutes: float, *flags: str) -> Cost:
        if minutes not in self.tracks:
            self.tracks[minutes] = self.folder / f"track-{minutes:g}.wav"
            write_track(self.tracks[minutes], minutes)
        repository = [] if model == "starter" else ["--repo", str(self.options.checkpoints)]
        return run([self.options.msaas, "separate", *repository, "-n", model, "--shifts", "0", "-v", "--threads",
                    str(self.options.threads), "-o", str(self.folder / "out"), *flags, str(self.tracks[minutes])])


def lengths(bench: Bench, model: str, minutes: list[float]) -> None:
    for value in minutes:
        cost = bench.separate(model, value)
        print(f"| {model} | {length(value)} | {cost.megabytes:.1f} | {cost.processor:.1f} | {cost.wall:.1f} | "
              f"{cost.processor / (value * 60):.3f} |", flush=True)


def formats(bench: Bench, minutes: list[float]) -> None:
    print(f"\n| format | clip mode | {' | '.join(f'MB, {length(value)}' for value in minutes)} | spread |")
    print("|---|---|" + "---:|" * (len(minutes) + 1), flush=True)
    for name, flags in FORMATS.items():
        for mode in CLIP_MODES:
            peaks = [bench.separate("tiny", value, "--clip-mode", mode, *flags).megabytes for value in minutes]
            figures = " | ".join(f"{peak:.1f}" for peak in peaks)
            print(f"| {name} | {mode} | {figures} | {100 * (max(peaks) / min(peaks) - 1):.1f} % |", flush=True)


def limits(bench: Bench) -> None:
    """Runs each model under just the limit that it says it needs."""
    print("\n| model | threads | estimate, and limit given, MB | peak, MB |\n|---|---:|---:|---:|", flush=True)
    for model in ("starter", "random"):
        text = bench.separate(model, 1 / 6).output
        needed = int(re.search(r"at most (\d+) MB of memory", text).group(1)) + 1
        cost = bench.separate(model, 1 / 6, "--memory-limit", f"{needed}M", "--mp3")
        verdict = "" if cost.megabytes <= needed else " **above the limit**"
        threads = re.search(r"(\d+) threads?, one segment", cost.output).group(1)
        print(f"| {model} | {threads} | {needed} | {cost.megabytes:.1f}{verdict} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("msaas")
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("--minutes", type=float, nargs="*", default=[3, 60], help="for every format and clip mode")
    parser.add_argument("--full", type=float, nargs="*", default=[1, 3, 10, 60], help="for the full-size model")
    parser.add_argument("--starter", type=float, nargs="*", default=[1 / 6, 1, 10, 60], help="for the starter model")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    print(f"{machine()}; {options.threads} threads.\n")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder))
        limits(bench)
        if options.minutes:
            formats(bench, options.minutes)
        print("\n| model | track | peak, MB | processor s | wall s | processor s a second of audio |")
        print("|---|---:|---:|---:|---:|---:|", flush=True)
        lengths(bench, "starter", options.starter)
        lengths(bench, "random", options.full)


if __name__ == "__main__":
    main()
