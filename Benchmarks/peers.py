#!/usr/bin/env python3
"""Compare `msaas` with what else runs the same model on this machine, side by side.

All take turns, pass by pass, on the same checkpoint, an input of the same length and the same number of threads, so that a machine
whose speed drifts treats them alike. Prints Markdown tables: medians, and the median (smallest–largest) of the ratios to ours in
the same round. Processor seconds (user and system) are steadier than wall-clock seconds where other programs run. Decibels say how
near the answer is to PyTorch's in float32, so that it is seen whether the work is the same.

usage: peers.py MSAAS CHECKPOINT_FOLDER [--threads N …] [--rounds N] [--minutes M …] [--longest SECONDS] [--patience SECONDS] [--peers NAME …]
"""
import argparse
import importlib.metadata
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import soundfile

from measure import length, machine, median, run, write_track

HERE = Path(__file__).parent
# Runner and precision of `peer_pass.py`, the name in the table, and the package whose version belongs to it.
PEERS = {
    "eager": ("eager", "float32", "PyTorch {}", "torch"),
    "compile": ("compile", "float32", "PyTorch, torch.compile", "torch"),
    "onnx": ("onnx", "float32", "ONNX Runtime {}", "onnxruntime"),
    "openvino": ("openvino", "float32", "OpenVINO {}", "openvino"),
    "eager-bf16": ("eager", "bf16", "PyTorch, bf16 autocast", "torch"),
    "compile-bf16": ("compile", "bf16", "PyTorch, torch.compile, bf16 autocast", "torch"),
    "openvino-bf16": ("openvino", "bf16", "OpenVINO, bf16", "openvino"),
}
# Where products of bfloat16 are no instruction, OpenVINO and we compute in float32 instead, so a second row would say the same; PyTorch
# emulates them, in minutes for a pass.
HAS_BF16 = any(name in Path("/proc/cpuinfo").read_text() for name in ("avx512_bf16", "amx_bf16"))


class Ours:
    """`msaas benchmark`, started for each pass: it runs one that is not timed first."""

    def __init__(self, msaas: str, checkpoints: Path, threads: int, precision: str):
        self.name = "msaas" if precision == "float32" else f"msaas, {precision}"
        self.command = [msaas, "benchmark", "--repo", str(checkpoints), "-n", "random", "--json", "--passes", "1",
                        "--threads", str(threads), "--precision", precision]
        self.decibels = nearness(msaas, checkpoints, precision)

    def __call__(self) -> dict:
        text = run(self.command).output
        figures = json.loads(text[text.index("["):])[0]
        memory = figures["peakMegabytes"]
        return {"wall": figures["seconds"][0], "processor": figures["processorSeconds"][0], "MB": memory, "passes": memory}

    def end(self) -> None:
        pass


class Peer:
    """A `peer_pass.py` that lives as long as its table, so that it loads and compiles once; `failure` says why it could not."""

    def __init__(self, peer: str, checkpoint: Path, exported: Path, threads: int, patience: float):
        runner, precision, name, package = PEERS[peer]
        self.name = name.format(importlib.metadata.version(package))
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "peer_pass.py"), runner, str(checkpoint), str(exported), str(threads), precision],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            # NumPy's and PyTorch's own threads: what they are told, and not more.
            env=dict(os.environ, OMP_NUM_THREADS=str(threads)))
        self.failure = ""
        limit = threading.Timer(patience, self.process.kill)
        limit.start()
        self.decibels = self.answer().get("decibels", 0.0)
        limit.cancel()
        if self.failure and self.process.wait() == -9:
            self.failure = f"not ready after {patience:.0f} s of loading and compiling"

    def __call__(self) -> dict:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()[::-1]
        # Advice may follow the error.
        reasons = [line for line in lines if "Error" in line] + lines
        self.failure = reasons[0] if reasons else f"ended with code {self.process.wait()}"
        return {}

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def nearness(msaas: str, checkpoints: Path, precision: str) -> float:
    """How near our stems of the peers' segment are to the reference's, which `peer_export.py` wrote, in dB."""
    known = numpy.load(checkpoints / "exported" / "answer.npz")
    with tempfile.TemporaryDirectory() as folder:
        track = Path(folder) / "segment.wav"
        soundfile.write(track, known["mix"].T, 44100, subtype="FLOAT")
        run([msaas, "separate", "--repo", str(checkpoints), "-n", "random", "--precision", precision, "--shifts", "0", "--overlap", "0",
             "--float32", "--clip-mode", "none", "-o", folder, str(track)])
        stems = [soundfile.read(Path(folder) / f"random/segment/{name}.wav")[0].T for name in ("drums", "bass", "other", "vocals")]
    error = numpy.square(numpy.stack(stems) - known["answer"]).sum()
    return 10 * math.log10(numpy.square(known["answer"], dtype=numpy.float64).sum() / error)


class Comparison:
    """Tables of alternating passes or runs, until the rounds or the time are used up."""

    def __init__(self, rounds: int, longest: float):
        self.rounds = rounds
        self.longest = longest

    def table(self, name: str, runs: dict[str, Callable[[], dict]], notes: dict[str, list[str]] | None = None) -> None:
        """Each of `runs` measures once and returns its figures; the first one is ours. `notes` are further columns."""
        rounds: list[dict[str, dict]] = []
        end = time.monotonic() + self.longest
        while not rounds or len(rounds) < self.rounds and time.monotonic() < end:
            rounds.append({label: measured(measure) for label, measure in runs.items()})
        ours = next(iter(runs))
        print(f"\n{name}; {len(rounds)} {'round' if len(rounds) == 1 else 'rounds'}:\n")
        units = ["wall", "processor", "MB"] + (["passes"] if "passes" in rounds[0][ours] else [])
        titles = {"wall": "wall-clock s", "processor": "processor s", "MB": "peak, MB", "passes": "in passes, MB"}
        heads = [*(f"{titles[unit]} | ÷ ours" if unit in ("wall", "MB") else titles[unit] for unit in units), *(notes or {})]
        print(f"| | {' | '.join(heads)} |\n|---|{'---:|' * ' | '.join(heads).count('|')}---:|")
        for label in runs:
            cells = [label]
            for unit in units:
                values = [each[label][unit] for each in rounds]
                ratios = [each[label][unit] / each[ours][unit] for each in rounds]
                cells.append(f"{median(values):,.0f}" if unit in ("MB", "passes") else f"{median(values):.2f}")
                if unit in ("wall", "MB"):
                    cells.append("1" if label == ours else f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})")
            print("| " + " | ".join(cells + [column[label] for column in (notes or {}).values()]) + " |", flush=True)


def measured(measure: Callable[[], dict]) -> dict:
    # What ran before may have left threads that wait for more work at full speed.
    time.sleep(0.5)
    return measure()


def segment(options: argparse.Namespace, comparison: Comparison, threads: int) -> None:
    checkpoint, exported = options.checkpoints / "random.th", options.checkpoints / "exported"
    runners = [Ours(options.msaas, options.checkpoints, threads, "float32")]
    if HAS_BF16:
        runners.append(Ours(options.msaas, options.checkpoints, threads, "bf16"))
    failed = []
    for name in options.peers:
        if HAS_BF16 or not name.endswith("bf16"):
            peer = Peer(name, checkpoint, exported, threads, options.patience)
            (failed if peer.failure else runners).append(peer)
    comparison.table(
        f"A segment of 7.8 s, {threads} {'thread' if threads == 1 else 'threads'}", {each.name: each for each in runners},
        {"dB": {each.name: f"{each.decibels:.0f}" if each.decibels < 200 else "exact" for each in runners}})
    if not HAS_BF16:
        print("\nbf16 is left out: this processor has no instruction for it.")
    for each in failed:
        print(f"\n{each.name} could not: {each.failure}")
    for each in runners:
        each.end()


def whole_run(command: list[str], threads: int) -> dict:
    cost = run(command, dict(os.environ, OMP_NUM_THREADS=str(threads)))
    return {"processor": cost.processor, "wall": cost.wall, "MB": cost.megabytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("msaas")
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[os.cpu_count(), 1])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, nargs="*", default=[1 / 6, 1], help="lengths of whole tracks")
    parser.add_argument("--longest", type=float, default=480, help="seconds after which a table gets no further round")
    parser.add_argument("--patience", type=float, default=600, help="seconds that a peer gets for loading and compiling")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    options = parser.parse_args()
    comparison = Comparison(options.rounds, options.longest)
    if not (options.checkpoints / "exported/answer.npz").exists():
        run([sys.executable, str(HERE / "peer_export.py"), str(options.checkpoints / "random.th"), str(options.checkpoints / "exported")])
    print(f"{machine()} at the start. Medians of up to {options.rounds} alternating rounds.")

    counts = list(dict.fromkeys(options.threads))
    for threads in counts:
        segment(options, comparison, threads)
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            track = Path(folder) / "track.wav"
            write_track(track, minutes)
            arguments = ["--repo", str(options.checkpoints), "-n", "random", "--shifts", "0",
                         "-o", str(Path(folder) / "out"), str(track)]
            comparison.table(f"A track of {length(minutes)}, start to end, {counts[0]} threads", {
                "msaas": lambda: whole_run([options.msaas, "separate", "--threads", str(counts[0]), *arguments], counts[0]),
                f"demucs {importlib.metadata.version('demucs')}":
                    lambda: whole_run([sys.executable, "-m", "demucs.separate", *arguments], counts[0])})
    print(f"\n{machine()} at the end.")


if __name__ == "__main__":
    main()
