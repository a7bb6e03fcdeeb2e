#!/usr/bin/env python3
"""Score the reference on the starter model's demo song.

Needs ``demucs`` 4.1.0, ``torch``, ``numpy``, ``safetensors`` and the program
``ffmpeg``::

    python make_scores.py

Writes ``reference_scores.json``: for each stem the global signal-to-distortion
ratio in dB over the whole song, 10·log10(Σ true² / Σ (true − estimate)²), with
song and true stems decoded by ffmpeg (encoder delay trimmed) and shifts 0.
"""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import torch
from demucs.api import Separator
from demucs.hf import load_safetensors_model

HERE = Path(__file__).resolve().parent
STARTER = HERE.parents[2] / "models" / "starter"


def decode(path: Path) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, dtype="<f4").reshape(-1, 2).T.copy()


def main() -> None:
    model = load_safetensors_model(STARTER / "starter.safetensors")
    separator = Separator.__new__(Separator)
    separator._model, separator._samplerate, separator._audio_channels = model, model.samplerate, model.audio_channels
    separator.update_parameter(device="cpu", shifts=0, overlap=0.25, split=True, segment=None, jobs=0, progress=False,
                               callback=None, callback_arg=None)
    with torch.no_grad():
        _, stems = separator.separate_tensor(torch.from_numpy(decode(STARTER / "demo" / "song.mp3")))
    scores = {}
    for name, estimate in stems.items():
        true = decode(STARTER / "demo" / f"{name}.mp3").astype(np.float64)
        error = true - estimate.numpy().astype(np.float64)
        scores[name] = round(float(10 * np.log10((true ** 2).sum() / (error ** 2).sum())), 4)
    (HERE / "reference_scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(scores)


if __name__ == "__main__":
    main()
