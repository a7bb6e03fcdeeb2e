#!/usr/bin/env python3
"""Compare `msaas` with the reference package `demucs` on this machine, side by side.

Both run alternately on the same checkpoint, the same input and the same number of threads, so that a machine whose speed
drifts treats them alike. Prints a Markdown table with medians, and the median (smallest–largest) of the ratios of the
pairs. Processor seconds (user and system) are steadier than wall-clock seconds where other programs run.

usage: peers.py MSAAS CHECKPOINT_FOLDER [--threads N …] [--rounds N] [--minutes M …] [--longest SECONDS]
"""
import argparse
import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measure import length, machine, median, run, write_track

HERE = Path(__file__).parent


class Comparison:
    """Rows of the table, measured in alternating runs until the rounds or the time are used up."""

    def __init__(self, rounds: int, longest: float):
        self.rounds = rounds
        self.end = time.monotonic() + longest

    def add(self, name: str, ours: Callable[[], dict], theirs: Callable[[], dict]) -> None:
        """`ours` and `theirs` measure once and return figures by unit, in the same order."""
        pairs = []
        while not pairs or len(pairs) < self.rounds and time.monotonic() < self.end:
            pairs.append((ours(), theirs()))
        for unit in pairs[0][0]:
            a, b = (median([pair[side][unit] for pair in pairs]) for side in (0, 1))
            ratios = [pair[1][unit] / pair[0][unit] for pair in pairs]
            spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else ""
            digits = 0 if unit == "MB" else 2 if a < 10 else 1
            label = {"processor": "processor seconds", "wall": "wall-clock seconds", "MB": "peak memory, MB"}[unit]
            print(f"| {name}: {label} | {a:,.{digits}f} | {b:,.{digits}f} | {median(ratios):.2f}{spread} |", flush=True)


def forward_pass(command: list[str]) -> dict:
    """The median pass of a program that prints the figures of its passes as JSON."""
    text = run(command).output
    figures = json.loads(text[min(place for place in (text.find("["), text.find("{")) if place >= 0):])
    figures = figures[0] if isinstance(figures, list) else figures
    return {"processor": median(figures["processorSeconds"]), "wall": median(figures["seconds"]),
            "MB": figures["peakMegabytes"]}


def whole_run(command: list[str], threads: int) -> dict:
    cost = run(command, dict(os.environ, OMP_NUM_THREADS=str(threads)))
    return {"processor": cost.processor, "wall": cost.wall, "MB": cost.megabytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("msaas")
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[os.cpu_count(), 1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=2, help="timed forward passes in a run, after one that is not")
    parser.add_argument("--minutes", type=float, nargs="*", default=[1 / 6, 1], help="lengths of whole tracks")
    parser.add_argument("--longest", type=float, default=420, help="seconds after which each row is measured once only")
    options = parser.parse_args()
    comparison = Comparison(options.rounds, options.longest)
    versions = [importlib.metadata.version(name) for name in ("demucs", "torch")]
    print(f"{machine()} at the start. Medians of up to {options.rounds} alternating runs.\n")
    print(f"| full-size htdemucs | msaas | demucs {versions[0]}, PyTorch {versions[1]} | theirs ÷ ours |")
    print("|---|---:|---:|---:|", flush=True)

    counts = list(dict.fromkeys(options.threads))
    # Elsewhere PyTorch emulates it, and we use float32.
    has_bf16 = "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    precisions = ["float32"] + (["bf16"] if has_bf16 else [])
    for threads in counts:
        for precision in precisions:
            name = f"a segment of 7.8 s, {threads} {'thread' if threads == 1 else 'threads'}"
            theirs = [sys.executable, str(HERE / "torch_pass.py"), str(options.checkpoints / "random.th"),
                      str(threads), str(options.passes), precision]
            ours = [options.msaas, "benchmark", "--repo", str(options.checkpoints), "-n", "random", "--json",
                    "--threads", str(threads), "--passes", str(options.passes), "--precision", precision]
            comparison.add(f"{name}, {precision}", lambda: forward_pass(ours), lambda: forward_pass(theirs))
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            track = Path(folder) / "track.wav"
            write_track(track, minutes)
            arguments = ["--repo", str(options.checkpoints), "-n", "random", "--shifts", "0",
                         "-o", str(Path(folder) / "out"), str(track)]
            comparison.add(
                f"a track of {length(minutes)}, start to end, {counts[0]} threads",
                lambda: whole_run([options.msaas, "separate", "--threads", str(counts[0]), *arguments], counts[0]),
                lambda: whole_run([sys.executable, "-m", "demucs.separate", *arguments], counts[0]))
    print(f"\n{machine()} at the end.")


if __name__ == "__main__":
    main()
