#!/usr/bin/env python3
"""Write the network of a checkpoint for ONNX Runtime and OpenVINO, and what the reference answers in float32.

Neither takes the two Fourier transforms: ONNX has no inverse one, and OpenVINO's converter no padding of complex numbers. So the
network ends at the spectrogram: it takes the mix and its spectrogram as real and imaginary rows, and gives the spectrograms and
the waveforms of the sources. What is before and behind it is `peer_pass.py`'s. Of what cannot be exported the reason is written.

usage: peer_export.py CHECKPOINT FOLDER
"""
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import openvino
import torch
from demucs.states import load_model


class Network(torch.nn.Module):
    """The reference's forward pass without its two Fourier transforms."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, mix, spectrum):
        spectra = []

        def leave_out(masked, length):
            spectra.append(masked)
            return 0.0

        # The forward pass looks these up on the model; its own text stays as it is.
        self.model._spec = lambda x: spectrum
        self.model._magnitude = lambda z: spectrum
        self.model._mask = lambda z, m: m
        self.model._ispec = leave_out
        waves = self.model(mix)
        return spectra[0], waves


def attempt(path: Path, export: Callable[[], object]) -> None:
    try:
        export()
    except Exception as error:
        path.unlink(missing_ok=True)
        path.with_name(path.name + ".failed").write_text(f"{type(error).__name__}: {str(error).splitlines()[0]}")


@torch.no_grad()
def main(checkpoint: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = load_model(checkpoint).float().eval()
    torch.manual_seed(0)
    mix = torch.randn(1, model.audio_channels, int(model.segment * model.samplerate))
    # A command that separates a track brings it to this mean and deviation first; so it is given the same as the bare network.
    mono = mix.mean(1)
    mix = (mix - mono.mean()) / mono.std()
    expected = model(mix)
    # The fused attention of inference cannot be exported; the same one in its parts can.
    torch.backends.mha.set_fastpath_enabled(False)
    spectrum = model._magnitude(model._spec(mix))
    network = Network(model)
    attempt(folder / "network.onnx", lambda: torch.onnx.export(
        network, (mix, spectrum), str(folder / "network.onnx"), dynamo=False, opset_version=17,
        input_names=["mix", "spectrum"], output_names=["spectra", "waves"]))
    attempt(folder / "network.xml", lambda: openvino.save_model(
        openvino.convert_model(network, example_input=(mix, spectrum), input=[list(mix.shape), list(spectrum.shape)]),
        folder / "network.xml", compress_to_fp16=False))
    numpy.savez(folder / "answer.npz", mix=mix[0].numpy(), answer=expected[0].numpy())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
