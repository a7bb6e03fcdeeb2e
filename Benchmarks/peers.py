#!/usr/bin/env python3
"""Compare `msaas` with what else runs the same model on this machine, side by side.

All take turns on the same checkpoint, an input of the same length and the same number of threads, so that a machine whose speed
drifts treats them alike. Prints Markdown tables: medians, and the median (smallest–largest) of their ratios to ours in the
same round. Processor seconds (user and system) are steadier than wall-clock seconds where other programs run.

usage: peers.py MSAAS CHECKPOINT_FOLDER [--threads N …] [--rounds N] [--minutes M …] [--longest SECONDS] [--runners NAME …]
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
RUNNERS = {
    "eager": ("PyTorch {} (demucs {})", "torch", "demucs"), "compile": ("torch.compile", "torch"),
    "onnx": ("ONNX Runtime {}", "onnxruntime"), "openvino": ("OpenVINO {}", "openvino"),
}


def title(runner: str) -> str:
    text, *packages = RUNNERS[runner]
    return text.format(*(importlib.metadata.version(package) for package in packages))


class Comparison:
    """Tables of alternating runs, until the rounds or the time are used up."""

    def __init__(self, rounds: int, longest: float):
        self.rounds = rounds
        self.longest = longest

    def table(self, name: str, runs: dict[str, Callable[[], dict]]) -> None:
        """Each of `runs` measures once and returns its figures; the first one is ours."""
        rounds: list[dict[str, dict]] = []
        end = time.monotonic() + self.longest
        while not rounds or len(rounds) < self.rounds and time.monotonic() < end:
            rounds.append({label: measure() for label, measure in runs.items()})
        ours = next(iter(runs))
        print(f"\n{name}, {len(rounds)} rounds:\n")
        print("| | wall-clock s | ÷ ours | processor s | peak MB | ÷ ours |\n|---|---:|---:|---:|---:|---:|")
        for label in runs:
            def ratio(unit: str) -> str:
                ratios = [each[label][unit] / each[ours][unit] for each in rounds]
                return "1" if label == ours else f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            wall, processor, memory = (median([each[label][unit] for each in rounds]) for unit in ("wall", "processor", "MB"))
            print(f"| {label} | {wall:.2f} | {ratio('wall')} | {processor:.2f} | {memory:,.0f} | {ratio('MB')} |", flush=True)


def forward_pass(command: list[str]) -> dict:
    """The median pass of a program that prints the figures of its passes as JSON."""
    text = run(command).output
    lines = text.splitlines()
    start = max(index for index, line in enumerate(lines) if line.startswith(("[", "{")))
    figures = json.loads("\n".join(lines[start:]))
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
    parser.add_argument("--longest", type=float, default=420, help="seconds after which a table gets no further round")
    parser.add_argument("--runners", nargs="*", default=list(RUNNERS), choices=list(RUNNERS))
    options = parser.parse_args()
    comparison = Comparison(options.rounds, options.longest)
    checkpoint, exported = options.checkpoints / "random.th", options.checkpoints / "exported"
    if not (exported / "answer.npz").exists():
        run([sys.executable, str(HERE / "peer_export.py"), str(checkpoint), str(exported)])
    print(f"{machine()} at the start. Medians of up to {options.rounds} alternating rounds.")

    counts = list(dict.fromkeys(options.threads))
    # Elsewhere PyTorch emulates it, and we use float32.
    has_bf16 = any(name in Path("/proc/cpuinfo").read_text() for name in ("avx512_bf16", "amx_bf16"))
    for threads in counts:
        for precision in ["float32"] + (["bf16"] if has_bf16 else []):
            common = [str(threads), str(options.passes), precision]
            runs = {"msaas": [options.msaas, "benchmark", "--repo", str(options.checkpoints), "-n", "random", "--json",
                              "--threads", str(threads), "--passes", str(options.passes), "--precision", precision]}
            for runner in options.runners:
                # ONNX Runtime has no bfloat16 on processors.
                if (runner, precision) != ("onnx", "bf16"):
                    runs[title(runner)] = [sys.executable, str(HERE / "peer_pass.py"), runner, str(checkpoint), str(exported), *common]
            comparison.table(
                f"A segment of 7.8 s, {threads} {'thread' if threads == 1 else 'threads'}, {precision}",
                {label: lambda command=command: forward_pass(command) for label, command in runs.items()})
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            track = Path(folder) / "track.wav"
            write_track(track, minutes)
            arguments = ["--repo", str(options.checkpoints), "-n", "random", "--shifts", "0",
                         "-o", str(Path(folder) / "out"), str(track)]
            comparison.table(f"A track of {length(minutes)}, start to end, {counts[0]} threads", {
                "msaas": lambda: whole_run([options.msaas, "separate", "--threads", str(counts[0]), *arguments], counts[0]),
                title("eager"): lambda: whole_run([sys.executable, "-m", "demucs.separate", *arguments], counts[0])})
    print(f"\n{machine()} at the end.")


if __name__ == "__main__":
    main()
