#!/usr/bin/env python3
"""Time the forward pass of one segment as others run it; prints JSON.

    eager     the reference on PyTorch, in inference mode
    compile   the same through torch.compile, with frozen weights; compiled in the pass that is not timed
    onnx      ONNX Runtime, with all optimisations of the graph
    openvino  OpenVINO's processor plug-in, for latency

The last two run what `peer_export.py` wrote, with the Fourier transforms around it in NumPy, and import nothing of PyTorch, as
a program that was built on them would. An answer that is not the reference's to 60 dB (30 in bf16) is no time.

usage: peer_pass.py RUNNER CHECKPOINT EXPORTED_FOLDER THREADS PASSES (float32|bf16)
"""
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy

FRAME = 4096
HOP = FRAME // 4
WINDOW = numpy.hanning(FRAME + 1)[:-1].astype(numpy.float32)
SCALE = numpy.float32(1 / math.sqrt(FRAME))


def spectrum(mix: numpy.ndarray) -> numpy.ndarray:
    """`_spec` and `_magnitude` of the reference: [channels, length] → [1, 2 · channels, FRAME / 2, frames]."""
    length = mix.shape[1]
    frames = math.ceil(length / HOP)
    pad = HOP // 2 * 3
    padded = numpy.pad(mix, ((0, 0), (pad, pad + frames * HOP - length)), mode="reflect")
    padded = numpy.pad(padded, ((0, 0), (FRAME // 2, FRAME // 2)), mode="reflect")
    pieces = numpy.lib.stride_tricks.sliding_window_view(padded, FRAME, axis=1)[:, ::HOP]
    bins = numpy.fft.rfft(pieces * (WINDOW * SCALE))[:, 2:2 + frames, :-1]
    parts = numpy.stack([bins.real, bins.imag], axis=1).reshape(-1, frames, FRAME // 2)
    return numpy.ascontiguousarray(parts.transpose(0, 2, 1)[None], dtype=numpy.float32)


def signals(spectra: numpy.ndarray, length: int) -> numpy.ndarray:
    """`_mask` and `_ispec` of the reference: [1, sources, 2 · channels, FRAME / 2, frames] → [sources, channels, length]."""
    _, sources, rows, bins, frames = spectra.shape
    parts = spectra.reshape(sources, rows // 2, 2, bins, frames)
    values = numpy.zeros((sources, rows // 2, frames + 4, bins + 1), dtype=numpy.complex64)
    values[:, :, 2:-2, :-1] = (parts[:, :, 0] + 1j * parts[:, :, 1]).transpose(0, 1, 3, 2)
    pieces = numpy.fft.irfft(values, FRAME) * (WINDOW / SCALE)
    total = (frames + 3) * HOP + FRAME
    sound = numpy.zeros((sources, rows // 2, total // HOP, HOP), dtype=numpy.float32)
    weight = numpy.zeros((total // HOP, HOP), dtype=numpy.float32)
    for part in range(FRAME // HOP):
        own = slice(part * HOP, (part + 1) * HOP)
        sound[:, :, part:part + frames + 4] += pieces[..., own]
        weight[part:part + frames + 4] += WINDOW[own] ** 2
    sound /= numpy.maximum(weight, 1e-11)
    start = FRAME // 2 + HOP // 2 * 3
    return sound.reshape(sources, rows // 2, total)[..., start:start + length]


def around(network: Callable[[numpy.ndarray, numpy.ndarray], list[numpy.ndarray]]) -> Callable[[numpy.ndarray], numpy.ndarray]:
    def forward(mix: numpy.ndarray) -> numpy.ndarray:
        spectra, waves = network(mix[None], spectrum(mix))
        return signals(spectra, mix.shape[1]) + waves[0]
    return forward


def torch_runner(checkpoint: str, threads: int, precision: str, compiled: bool):
    import torch
    from demucs.states import load_model
    torch.set_num_threads(threads)
    model = load_model(checkpoint).float().eval()
    if compiled:
        import torch._inductor.config
        torch._inductor.config.freezing = True
        model = torch.compile(model, dynamic=False)

    def forward(mix: numpy.ndarray) -> numpy.ndarray:
        # Freezing wants gradients to be off in the usual way.
        mode = torch.no_grad() if compiled else torch.inference_mode()
        with mode, torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return model(torch.from_numpy(mix)[None])[0].float().numpy()
    return forward


def onnx_runner(folder: Path, threads: int):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(folder / "network.onnx", options, providers=["CPUExecutionProvider"])
    return around(lambda mix, bins: session.run(["spectra", "waves"], {"mix": mix, "spectrum": bins}))


def openvino_runner(folder: Path, threads: int, precision: str):
    import openvino
    core = openvino.Core()
    model = core.compile_model(folder / "network.xml", "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"})
    request = model.create_infer_request()

    def network(mix: numpy.ndarray, bins: numpy.ndarray) -> list[numpy.ndarray]:
        request.infer([mix, bins], share_inputs=True)
        return [request.get_output_tensor(index).data for index in (0, 1)]
    return around(network)


def main(runner: str, checkpoint: str, folder: Path, threads: int, passes: int, precision: str) -> None:
    match runner:
        case "onnx": forward = onnx_runner(folder, threads)
        case "openvino": forward = openvino_runner(folder, threads, precision)
        case _: forward = torch_runner(checkpoint, threads, precision, compiled=runner == "compile")
    known = numpy.load(folder / "answer.npz")
    mix, answer = known["mix"], known["answer"]
    error = float(((forward(mix) - answer) ** 2).sum())
    decibels = 10 * math.log10(float((answer ** 2).sum()) / max(error, 1e-30))
    if decibels < (60 if precision == "float32" else 30):
        sys.exit(f"{runner} is only {decibels:.1f} dB from the reference")
    seconds, processor = [], []
    for _ in range(passes):
        wall, used = time.perf_counter(), time.process_time()
        forward(mix)
        seconds.append(time.perf_counter() - wall)
        processor.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "processorSeconds": processor, "peakMegabytes": peak, "decibels": decibels}))


if __name__ == "__main__":
    # NumPy's own threads, which only matter for what is around the network.
    os.environ["OMP_NUM_THREADS"] = sys.argv[4]
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
