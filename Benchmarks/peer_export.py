#!/usr/bin/env python3
"""Write the network of a checkpoint for ONNX Runtime and OpenVINO, and what it should answer.

Exporters have no complex numbers, so the network ends at the spectrogram: it takes the mix and its spectrogram as real and
imaginary rows, and gives the spectrograms and the waveforms of the sources. What is before and behind it is `peer_pass.py`'s.

usage: peer_export.py CHECKPOINT FOLDER
"""
import sys
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


def main(checkpoint: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The fused attention of inference cannot be exported; the same one in its parts can.
    torch.backends.mha.set_fastpath_enabled(False)
    model = load_model(checkpoint).float().eval()
    torch.manual_seed(0)
    mix = 0.1 * torch.randn(1, model.audio_channels, int(model.segment * model.samplerate))
    with torch.no_grad():
        expected = model(mix)
        spectrum = model._magnitude(model._spec(mix))
        network = Network(model)
        torch.onnx.export(
            network, (mix, spectrum), str(folder / "network.onnx"), dynamo=False, opset_version=17,
            input_names=["mix", "spectrum"], output_names=["spectra", "waves"])
        openvino.save_model(
            openvino.convert_model(network, example_input=(mix, spectrum), input=[list(mix.shape), list(spectrum.shape)]),
            folder / "network.xml", compress_to_fp16=False)
    numpy.savez(folder / "answer.npz", mix=mix[0].numpy(), answer=expected[0].numpy())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
