#!/usr/bin/env python3
"""Compare `msaas` with the reference package `demucs` on this machine, side by side.

Both run alternately on the same checkpoint and the same number of threads, so that a machine whose speed drifts
treats them alike. Prints a Markdown table with medians and the ratio of each pair.

usage: peers.py MSAAS CHECKPOINT_FOLDER [--threads N] [--rounds N] [--minutes M …]
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

HERE = Path(__file__).parent


def forward_passes(options: argparse.Namespace) -> None:
    """One segment of the full-size model."""
    checkpoint = options.checkpoints / "random.th"
    ours = [options.msaas, "benchmark", "--repo", str(options.checkpoints), "-n", "random", "--json",
            "--threads", str(options.threads), "--passes", str(options.passes)]
    theirs = [sys.executable, str(HERE / "torch_pass.py"), str(checkpoint), str(options.threads),
              str(options.passes), "float32"]
    pairs = []
    for _ in range(options.rounds):
        pairs.append((json.loads(output(ours))[0], json.loads(output(theirs))))
    a = statistics.median(second for pair in pairs for second in pair[0]["seconds"])
    b = statistics.median(second for pair in pairs for second in pair[1]["seconds"])
    ratios = [statistics.median(pair[1]["seconds"]) / statistics.median(pair[0]["seconds"]) for pair in pairs]
    row("one segment of 7.8 s, float32", f"{a:.2f} s", f"{b:.2f} s", ratios)
    memory = [pair[1]["peakMegabytes"] / pair[0]["peakMegabytes"] for pair in pairs]
    row("its peak memory", f"{max(p[0]['peakMegabytes'] for p in pairs):.0f} MB",
        f"{max(p[1]['peakMegabytes'] for p in pairs):.0f} MB", memory)


def whole_tracks(options: argparse.Namespace, folder: Path) -> None:
    """Whole tracks through both commands: time and peak memory of the process."""
    for minutes in options.minutes:
        track = folder / f"track-{minutes:g}.wav"
        write_track(track, minutes)
        common = ["--repo", str(options.checkpoints), "-n", "random", "--shifts", "0", "-o", str(folder / "out")]
        a = measure([options.msaas, "separate", *common, "--threads", str(options.threads), str(track)])
        environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
        b = measure([sys.executable, "-m", "demucs.separate", *common, str(track)], environment) \
            if minutes <= options.longest_peer else None
        name = f"a track of {minutes:g} min"
        row(f"{name}: time", f"{a[0]:.1f} s", f"{b[0]:.1f} s" if b else "not run", [b[0] / a[0]] if b else [])
        row(f"{name}: peak memory", f"{a[1]:.0f} MB", f"{b[1]:.0f} MB" if b else "not run",
            [b[1] / a[1]] if b else [])
        track.unlink()


def write_track(path: Path, minutes: float) -> None:
    """A stereo WAV of noise, written a second at a time."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        second = bytes(byte % 32 if index % 2 else byte for index, byte in enumerate(os.urandom(44100 * 4)))
        for _ in range(round(minutes * 60)):
            file.writeframes(second)


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(command: list[str], environment: dict | None = None) -> tuple[float, float]:
    """Wall-clock seconds and peak resident megabytes of a command."""
    with tempfile.NamedTemporaryFile() as figures:
        subprocess.run(["/usr/bin/time", "-f", "%e %M", "-o", figures.name, *command], check=True,
                       env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds, kilobytes = Path(figures.name).read_text().split()
    return float(seconds), int(kilobytes) / 1024


def row(name: str, ours: str, theirs: str, ratios: list[float]) -> None:
    ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
    spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else ""
    print(f"| {name} | {ours} | {theirs} | {ratio}{spread} |", flush=True)


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("msaas")
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 3])
    parser.add_argument("--longest-peer", type=float, default=3, help="run the peer on tracks up to so many minutes")
    options = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, {options.threads} threads\n")
    print("| | msaas | demucs 4.1.0, PyTorch | theirs / ours |\n|---|---:|---:|---:|")
    forward_passes(options)
    with tempfile.TemporaryDirectory() as folder:
        whole_tracks(options, Path(folder))


if __name__ == "__main__":
    main()
