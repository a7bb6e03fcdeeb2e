#!/usr/bin/env python3
"""Write a full-size htdemucs checkpoint with random weights, as the reference package saves one.

Its speed and memory are those of the official model, whose hyperparameters it has; its output is noise. Every
parameter is drawn at random, because a fresh model's LayerScale would make it do less than a trained one.
"""
import sys
from fractions import Fraction
from pathlib import Path

import torch
from demucs.htdemucs import HTDemucs


def main(folder: Path) -> None:
    torch.manual_seed(1)
    model = HTDemucs(
        ["drums", "bass", "other", "vocals"], channels=48, depth=4, growth=2, nfft=4096, dconv_mode=3,
        bottom_channels=512, t_layers=5, t_heads=8, samplerate=44100, segment=Fraction(39, 5))
    for name, parameter in model.named_parameters():
        if name.endswith("scale"):
            torch.nn.init.uniform_(parameter, 0.05, 0.15)
    package = {
        "klass": HTDemucs, "args": model._init_args_kwargs[0], "kwargs": model._init_args_kwargs[1],
        "state": {name: value.half() for name, value in model.state_dict().items()}, "training_args": {}}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "random.th"
    torch.save(package, path)
    print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
