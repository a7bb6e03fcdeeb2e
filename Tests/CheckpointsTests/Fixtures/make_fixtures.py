#!/usr/bin/env python3
"""Make the checkpoint fixtures beside this script.

Needs ``demucs`` 4.1.0, ``torch`` and ``safetensors``::

    python make_fixtures.py

``model-fp16-*.th`` and ``model-fp32-*.th`` are written by the reference's own
functions; ``model.safetensors`` has the layout of the starter model's export.
``model.sums.json`` says for every tensor its shape, its sum and the sum of its
products with 1, 2, 3, …, in double precision. The others are made to be
refused; their names say why.
"""
from __future__ import annotations

import collections
import hashlib
import io
import json
import os
import pickle
import struct
import sys
import types
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.states import save_with_checksum, serialize_model
from safetensors.torch import save_file

HERE = Path(__file__).parent
SOURCES = ["drums", "bass", "other", "vocals"]
CONFIG = dict(channels=4, depth=2, nfft=256, bottom_channels=8, t_layers=1, t_heads=2, t_hidden_scale=1.0,
              dconv_mode=3, dconv_comp=2, segment=Fraction(39, 5), samplerate=44100)

# serialize_model needs no more of omegaconf than this one function.
sys.modules["omegaconf"] = types.SimpleNamespace(
    OmegaConf=types.SimpleNamespace(to_container=lambda value, resolve: value))


def training_args() -> dict:
    """Something of every kind that the official files' training arguments hold."""
    return {"epochs": 360, "lr": 3e-4, "seed": 42, "large": 2 ** 40, "negative": -70000, "quant": {"diffq": None},
            "augment": {"shift_same": False, "remix": {"proba": 1.0}}, "dset": {"sources": SOURCES}, "musdb": "ü"}


def random_model(klass=HTDemucs, **config):
    """A model in which every parameter is random and far from 0."""
    torch.manual_seed(0)
    model = klass(**config)
    for value in model.state_dict().values():
        value.copy_(torch.randn_like(value))
    return model


def sums(tensors: dict[str, torch.Tensor]) -> dict:
    """Shape and two sums of each tensor."""
    result = {}
    for name, tensor in tensors.items():
        flat = tensor.double().flatten().numpy()
        result[name] = {"shape": list(tensor.shape), "sum": float(flat.sum()),
                        "weighted": float((flat * np.arange(1, len(flat) + 1)).sum())}
    return result


def archive(data: bytes, storages: dict[str, bytes] = {}, compression=zipfile.ZIP_STORED) -> bytes:
    """A zip in the layout of torch.save."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in {"data.pkl": data, **{f"data/{key}": value for key, value in storages.items()}}.items():
            file.writestr(zipfile.ZipInfo(f"archive/{name}", (2024, 1, 1, 0, 0, 0)), content, compression)
    return buffer.getvalue()


def zip64(data: bytes) -> bytes:
    """The same archive with every size and offset in 64 bits."""
    old = zipfile.ZipFile(io.BytesIO(data))
    limits = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
    zipfile.ZIP64_LIMIT = zipfile.ZIP_FILECOUNT_LIMIT = 0
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in old.namelist():
            file.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), old.read(name))
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limits
    return buffer.getvalue()


def package(state: dict, **changes) -> dict:
    """The dictionary of a model file with a state of our own."""
    return {"klass": HTDemucs, "args": (), "kwargs": {"sources": SOURCES, "segment": Fraction(39, 5)},
            "state": state, "training_args": training_args(), **changes}


def saved(content, **options) -> bytes:
    """The bytes that torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


class Attack:
    """Pickles into a call of os.system."""

    def __reduce__(self):
        return os.system, ("touch /tmp/msaas-attack",)


def safetensors_bytes(header: dict, data: bytes) -> bytes:
    """A .safetensors file from a header as it is, right or wrong."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def main() -> None:
    """Write all fixtures."""
    for old in HERE.glob("*"):
        if old.suffix in {".th", ".safetensors", ".json"}:
            old.unlink()
    model = random_model(sources=SOURCES, **CONFIG)
    half = serialize_model(model, training_args(), half=True)
    save_with_checksum(half, HERE / "model-fp16.th")
    save_with_checksum(serialize_model(model, training_args(), half=False), HERE / "model-fp32.th")
    (HERE / "model.sums.json").write_text(json.dumps(sums(half["state"]), indent=1))
    kwargs = dict(CONFIG, segment={"_type": "fraction", "numerator": 39, "denominator": 5})
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": json.dumps([SOURCES]), "kwargs": json.dumps(kwargs)}
    save_file({name: value.contiguous() for name, value in half["state"].items()}, str(HERE / "model.safetensors"),
              metadata=metadata)
    hybrid = random_model(HDemucs, sources=SOURCES, channels=4, depth=2, nfft=256)
    write = lambda name, content: (HERE / name).write_bytes(content)
    write("hybrid.th", saved(package({}, klass=type(hybrid))))

    matrix = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    kinds = {"half": matrix.half(), "bfloat": matrix.bfloat16(), "double": matrix.double(), "long": matrix.long(),
             "turned": matrix.t(), "part": matrix[1:, ::2], "wide": matrix[:1].expand(3, 4)[:, :1],
             "scalar": torch.tensor(2.5), "none": torch.zeros(0, 3)}
    write("kinds.th", saved(package(kinds)))
    write("tiny.th", saved(package({"a": matrix.half(), "b": matrix})))
    write("zip64.th", zip64((HERE / "tiny.th").read_bytes()))
    write("protocol5.th", saved(package(collections.OrderedDict(a=matrix)), pickle_protocol=5))
    write("state-dict.th", saved(package(torch.nn.Linear(2, 2).state_dict())))
    write("parameters.th", saved(package(dict(torch.nn.Linear(2, 2).named_parameters()))))
    write("legacy.th", saved({"a": matrix}, _use_new_zipfile_serialization=False))
    write("quantised.th", saved(package({"a": matrix, "__quantized": True})))
    write("fraction-text.th", archive(
        b"\x80\x02}(X\x05\0\0\0klasscdemucs.htdemucs\nHTDemucs\nX\x04\0\0\0args]X\x06\0\0\0kwargs}("
        b"X\x07\0\0\0sources](X\x01\0\0\0aX\x01\0\0\0beX\x07\0\0\0segmentcfractions\nFraction\n"
        b"X\x04\0\0\x0039/5\x85RuX\x05\0\0\0state}u."))
    write("attack.th", saved(package({"a": matrix}, training_args=Attack())))
    write("object.th", saved(package({"a": matrix}, training_args=Path("/x"))))
    write("recursive.th", archive(
        b"\x80\x02}(X\x05\0\0\0klasscdemucs.htdemucs\nHTDemucs\nX\x04\0\0\0args]q\0h\0aX\x06\0\0\0kwargs}"
        b"X\x05\0\0\0state}u."))
    doubling = b"".join(b"]q" + bytes([index]) + b"(" + b"h" + bytes([index - 1]) + b"h" + bytes([index - 1]) + b"e0"
                        for index in range(1, 31))
    write("doubling.th", archive(
        b"\x80\x02]q\0K\x01a0" + doubling + b"}(X\x05\0\0\0klasscdemucs.htdemucs\nHTDemucs\nX\x04\0\0\0argsh\x1e"
        b"X\x06\0\0\0kwargs}X\x05\0\0\0state}u."))
    write("nested.th", archive(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."))
    write("nested-tuples.th", archive(b"\x80\x02)" + b"\x85" * 100_000 + b"."))
    write("long-text.th", archive(b"\x80\x02X\xff\xff\xff\xffabc."))
    write("compressed.th", archive(pickle.dumps({}, 2), compression=zipfile.ZIP_DEFLATED))
    write("other.th", archive(pickle.dumps({"epoch": 3}, 2)))
    short = zipfile.ZipFile(io.BytesIO(saved(package({"a": matrix}))))
    write("short-storage.th", archive(
        next(short.read(name) for name in short.namelist() if name.endswith("data.pkl")), {"0": bytes(40)}))

    entry = lambda begin, end, shape=[2], dtype="F16": {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    plain = {"__metadata__": metadata}
    for name, tensors, data in [
        ("overlap", {"a": entry(0, 4), "b": entry(2, 6)}, bytes(6)),
        ("gap", {"a": entry(0, 4), "b": entry(6, 10)}, bytes(10)),
        ("beyond", {"a": entry(0, 4), "b": entry(4, 8)}, bytes(6)),
        ("backwards", {"a": entry(4, 0)}, bytes(4)),
        ("shape", {"a": entry(0, 4, [3])}, bytes(4)),
        ("giant-shape", {"a": entry(0, 4, [2 ** 62, 2 ** 62])}, bytes(4)),
        ("negative-shape", {"a": entry(0, 4, [-1, -2])}, bytes(4)),
        ("dtype", {"a": entry(0, 2, [2], "F8_E4M3")}, bytes(2)),
        ("trailing", {"a": entry(0, 4)}, bytes(6)),
    ]:
        write(f"{name}.safetensors", safetensors_bytes({**plain, **tensors}, data))
    write("tiny.safetensors", safetensors_bytes(
        {**plain, "a": entry(0, 4), "b": entry(4, 12, [2, 1], "F32")}, struct.pack("<eeff", 1, -2, 3.5, -4)))
    write("structure.safetensors", safetensors_bytes({"__metadata__": {**metadata, "structure": "{}"}}, b""))
    write("hybrid.safetensors", safetensors_bytes(
        {"__metadata__": {**metadata, "klass": "demucs.hdemucs.HDemucs"}}, b""))
    write("no-metadata.safetensors", safetensors_bytes({"a": entry(0, 4)}, bytes(4)))
    write("long-header.safetensors", struct.pack("<Q", 2 ** 63 - 1) + b"{}")
    write("deep.safetensors", safetensors_bytes(
        {"__metadata__": {**metadata, "kwargs": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"}}, b""))


if __name__ == "__main__":
    main()
