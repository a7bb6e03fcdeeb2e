#!/usr/bin/env python3
"""Write checkpoints with random weights, as the reference package saves them.

`random.th` is a full-size htdemucs: speed and memory are those of the official model, whose hyperparameters it has.
`tiny.th` is the smallest model of that kind that works at 44.1 kHz, for measuring what is around a model. The output of
both is noise. Every parameter is drawn at random, because a fresh model's LayerScale would make it do less than a trained
one.

usage: checkpoint.py FOLDER
"""
import sys
from fractions import Fraction
from pathlib import Path

import torch
from demucs.htdemucs import HTDemucs

SOURCES = ["drums", "bass", "other", "vocals"]


def save(path: Path, **arguments) -> None:
    torch.manual_seed(1)
    model = HTDemucs(SOURCES, samplerate=44100, segment=Fraction(39, 5), depth=4, growth=2, nfft=4096, **arguments)
    for name, parameter in model.named_parameters():
        if name.endswith("scale"):
            torch.nn.init.uniform_(parameter, 0.05, 0.15)
    package = {
        "klass": HTDemucs, "args": model._init_args_kwargs[0], "kwargs": model._init_args_kwargs[1],
        "state": {name: value.half() for name, value in model.state_dict().items()}, "training_args": {}}
    torch.save(package, path)
    print(path)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "tiny.th", channels=4, dconv_mode=0, t_layers=0)
    save(folder / "random.th", channels=48, dconv_mode=3, bottom_channels=512, t_layers=5, t_heads=8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
