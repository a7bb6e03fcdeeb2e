"""Running commands and telling what they took; shared by the benchmark scripts."""
import os
import platform
import statistics
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Cost:
    """What a command took."""
    wall: float
    processor: float
    megabytes: float
    output: str


def run(command: list[str], environment: dict | None = None) -> Cost:
    """Runs a command to its end. Memory is the peak of its resident memory, in millions of bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with code {process.returncode}:\n{output}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, output)


def write_track(path: Path, minutes: float) -> None:
    """A stereo WAV of noise, written a second at a time."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        second = bytes(byte % 32 if index % 2 else byte for index, byte in enumerate(os.urandom(44100 * 4)))
        for _ in range(round(minutes * 60)):
            file.writeframes(second)


def length(minutes: float) -> str:
    return f"{minutes * 60:.0f} s" if minutes < 1 else f"{minutes:g} min"


def median(values: list[float]) -> float:
    return statistics.median(values)


def machine() -> str:
    """The machine and how busy it is."""
    return f"{processor()}, {os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()
