#!/usr/bin/env python3
"""Make the checkpoints, the track and the separations beside this script.

Needs ``demucs`` 4.1.0, ``torch``, ``numpy`` and ``safetensors``::

    python make_goldens.py

Every separation is made by the reference's own ``Separator.separate_tensor``, that
is with the normalisation of the whole track and with ``apply_model``. The models
are small, and every parameter of theirs is random and O(1), so that no part of them
hides. ``cases.json`` lists what was made how; ``NAME.f32`` holds little-endian
floats, ``[sources][channels][frames]``.
"""
from __future__ import annotations

import json
import random
import sys
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from demucs.api import Separator
from demucs.apply import BagOfModels
from demucs.htdemucs import HTDemucs
from demucs.states import load_model, serialize_model
from safetensors.torch import save_file

HERE = Path(__file__).parent
RATE = 2000
FOUR = ["drums", "bass", "other", "vocals"]
SIX = FOUR + ["guitar", "piano"]
BASE = dict(channels=8, depth=2, nfft=256, t_layers=1, t_heads=2, t_hidden_scale=2.0, dconv_comp=4, samplerate=RATE)

# serialize_model needs no more of omegaconf than this one function.
sys.modules["omegaconf"] = types.SimpleNamespace(
    OmegaConf=types.SimpleNamespace(to_container=lambda value, resolve: value))


def random_model(seed: int, sources: list[str], **config) -> HTDemucs:
    """A model in which every parameter matters."""
    torch.manual_seed(seed)
    model = HTDemucs(sources, **BASE, **config)
    for name, value in model.state_dict().items():
        noise = torch.randn_like(value)
        if value.dim() > 1:
            value.copy_(noise / (value[0].numel() ** 0.5))
        elif name.endswith("weight") or "scale" in name:
            value.copy_(1 + 0.3 * noise)
        else:
            value.copy_(0.3 * noise)
    return model.eval()


def save_th(model: HTDemucs, name: str) -> HTDemucs:
    """Writes halves as the official files, and returns what the reference reads from them."""
    path = HERE / f"{name}.th"
    torch.save(serialize_model(model, {}, half=True), path)
    return load_model(torch.load(path, weights_only=False)).eval()


def save_safetensors(model: HTDemucs, name: str) -> HTDemucs:
    def plain(value):
        if isinstance(value, Fraction):
            return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}
        raise TypeError(value)

    args, kwargs = model._init_args_kwargs
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": json.dumps(args, default=plain),
                "kwargs": json.dumps(kwargs, default=plain)}
    save_file({key: value.contiguous() for key, value in model.state_dict().items()},
              HERE / f"{name}.safetensors", metadata)
    return model


class SwiftRandom:
    """SplitMix64 under Swift's ``Int.random(in:using:)``, to draw the shifts that our seed draws."""

    def __init__(self, seed: int):
        self.state = seed

    def next(self) -> int:
        mask = 2 ** 64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def randint(self, low: int, high: int) -> int:
        assert low == 0
        bound = high + 1
        product = self.next() * bound
        if product % 2 ** 64 < bound:
            threshold = (2 ** 64 - bound) % bound
            while product % 2 ** 64 < threshold:
                product = self.next() * bound
        return product >> 64


def separator(model, **options) -> Separator:
    """The reference's separator around a model that is not in its list."""
    result = Separator.__new__(Separator)
    result._model = model
    result._audio_channels = model.audio_channels
    result._samplerate = model.samplerate
    result.update_parameter(device="cpu", shifts=0, overlap=0.25, split=True, segment=None, jobs=0, progress=False,
                            callback=None, callback_arg=None)
    result.update_parameter(**options)
    return result


def main() -> None:
    torch.set_num_threads(1)
    four = save_th(random_model(1, FOUR, segment=Fraction(1), bottom_channels=12, dconv_mode=3), "four")
    other = save_safetensors(random_model(2, FOUR, segment=Fraction(6, 5), dconv_mode=1), "other")
    six = save_safetensors(random_model(3, SIX, segment=Fraction(39, 50), bottom_channels=12, dconv_mode=1), "six")

    rng = np.random.default_rng(4)
    frames = 5500
    time = np.arange(frames) / RATE
    track = rng.normal(0, 1, (2, frames)) * (0.4 + 0.6 * np.sin(2 * np.pi * 0.7 * time) ** 2)
    track += np.stack([np.sin(2 * np.pi * 150 * time), np.sin(2 * np.pi * 97 * time)])
    track = (track * 0.01 + 0.003).astype("<f4")
    (HERE / "track.f32").write_bytes(track.tobytes())

    weights = [[1.0, 0.25, 0.0, 2.0], [0.5, 1.0, 1.5, 0.0]]
    cases = []

    def case(name: str, models: dict, length: int, weights=None, bag_segment=None, seed=None, **options):
        bag = list(models.values())
        model = bag[0]
        saved = [m.segment for m in bag]
        if len(bag) > 1 or weights or bag_segment:
            model = BagOfModels(bag, weights, bag_segment)
        if seed is not None:
            random.randint = SwiftRandom(seed).randint
        _, stems = separator(model, **options).separate_tensor(torch.from_numpy(track[:, :length].copy()))
        for m, segment in zip(bag, saved):
            m.segment = segment
        result = torch.stack(list(stems.values())).detach().numpy().astype("<f4")
        peak = float(np.abs(result).max())
        assert peak < 1 and np.abs(result).std() > 1e-4, (name, peak)
        (HERE / f"{name}.f32").write_bytes(result.tobytes())
        cases.append(dict(name=name, models=list(models), frames=length, sources=list(stems), weights=weights,
                          bagSegment=bag_segment, seed=seed, shifts=options.get("shifts", 0),
                          overlap=options.get("overlap", 0.25), segment=options.get("segment")))
        print(f"{name}: peak {peak:.3f}")

    one = {"four.th": four}
    case("shorter", one, 700)
    case("equal", one, 2000)
    case("longer", one, 5500)
    case("one-more", one, 2001)
    case("overlap-0", one, 4500, overlap=0.0)
    case("overlap-50", one, 4500, overlap=0.5)
    case("segment", one, 3700, segment=0.6)
    case("shifts", one, 2600, shifts=2, seed=7)
    case("six", {"six.safetensors": six}, 3000)
    both = {"four.th": four, "other.safetensors": other}
    case("bag", both, 4000, weights=weights)
    case("bag-segment", both, 3100, weights=weights, bag_segment=0.8)
    case("bag-shifts", both, 2600, shifts=1, seed=11)
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
