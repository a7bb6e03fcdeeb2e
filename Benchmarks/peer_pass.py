#!/usr/bin/env python3
"""Run the forward pass of one segment as others do, one timed pass for each line that is read; prints a line of JSON for each.

    eager     the reference on PyTorch, in inference mode
    compile   the same through torch.compile, with frozen weights
    onnx      ONNX Runtime, with all optimisations of the graph
    openvino  OpenVINO's processor plug-in, for latency

The first line says how near the answer is to the reference's in float32; loading, compiling and that first pass are not timed. The
last two runners take what `peer_export.py` wrote, with the Fourier transforms around it in NumPy, and import nothing of PyTorch, as
a program that was built on them would.

usage: peer_pass.py RUNNER CHECKPOINT EXPORTED_FOLDER THREADS (float32|bf16)
"""
import json
import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy

FRAME = 4096
HOP = FRAME // 4
WINDOW = numpy.hanning(FRAME + 1)[:-1].astype(numpy.float32)
SCALE = numpy.float32(1 / math.sqrt(FRAME))


def spectrum(sound: numpy.ndarray) -> numpy.ndarray:
    """`_spec` and `_magnitude` of the reference for a channel: [length] → [2, FRAME / 2, frames]."""
    frames = math.ceil(len(sound) / HOP)
    pad = HOP // 2 * 3
    padded = numpy.pad(sound, (pad, pad + frames * HOP - len(sound)), mode="reflect")
    padded = numpy.pad(padded, FRAME // 2, mode="reflect")
    pieces = numpy.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP][2:2 + frames]
    bins = numpy.fft.rfft(pieces * (WINDOW * SCALE))[:, :-1]
    return numpy.stack([bins.real.T, bins.imag.T])


def signal(parts: numpy.ndarray, length: int) -> numpy.ndarray:
    """`_mask` and `_ispec` of the reference for a channel of a source: [2, FRAME / 2, frames] → [length]."""
    _, bins, frames = parts.shape
    values = numpy.zeros((frames + 4, bins + 1), dtype=numpy.complex64)
    values.real[2:-2, :-1], values.imag[2:-2, :-1] = parts[0].T, parts[1].T
    pieces = numpy.fft.irfft(values, FRAME) * (WINDOW / SCALE)
    blocks = frames + 4 + FRAME // HOP - 1
    sound = numpy.zeros((blocks, HOP), dtype=numpy.float32)
    weight = numpy.zeros((blocks, HOP), dtype=numpy.float32)
    for part in range(FRAME // HOP):
        own = slice(part * HOP, (part + 1) * HOP)
        sound[part:part + frames + 4] += pieces[:, own]
        weight[part:part + frames + 4] += WINDOW[own] ** 2
    start = FRAME // 2 + HOP // 2 * 3
    return (sound / numpy.maximum(weight, 1e-11)).reshape(-1)[start:start + length]


def around(network: Callable[[numpy.ndarray, numpy.ndarray], list[numpy.ndarray]], threads: int):
    """The Fourier transforms around a network, a channel at a time on each thread: NumPy computes outside of Python's lock."""
    pool = ThreadPoolExecutor(threads)

    def forward(mix: numpy.ndarray) -> numpy.ndarray:
        channels, length = mix.shape
        spectra, waves = network(mix[None], numpy.concatenate(list(pool.map(spectrum, mix)))[None])
        parts = spectra.reshape(-1, 2, *spectra.shape[-2:])
        sounds = list(pool.map(lambda each: signal(each, length), parts))
        return numpy.stack(sounds).reshape(-1, channels, length) + waves[0]
    return forward


def torch_runner(checkpoint: str, threads: int, precision: str, compiled: bool):
    import torch
    from demucs.states import load_model
    torch.set_num_threads(threads)
    model = load_model(checkpoint).float().eval()
    if compiled:
        import torch._inductor.config
        torch._inductor.config.freezing = True
        # The compiler would take the inverse transform apart into sums through indices; PyTorch's own is faster.
        model._spec, model._ispec = torch.compiler.disable(model._spec), torch.compiler.disable(model._ispec)
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
    # As fast without the plan of all buffers, and a third less memory.
    options.enable_mem_pattern = False
    session = onnxruntime.InferenceSession(exported(folder, "network.onnx"), options, providers=["CPUExecutionProvider"])
    return around(lambda mix, bins: session.run(["spectra", "waves"], {"mix": mix, "spectrum": bins}), threads)


def openvino_runner(folder: Path, threads: int, precision: str):
    import openvino
    model = openvino.Core().compile_model(exported(folder, "network.xml"), "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"})
    request = model.create_infer_request()

    def network(mix: numpy.ndarray, bins: numpy.ndarray) -> list[numpy.ndarray]:
        request.infer([mix, bins], share_inputs=True)
        return [request.get_output_tensor(index).data for index in (0, 1)]
    return around(network, threads)


def exported(folder: Path, name: str) -> Path:
    """What was exported, or the end with the reason why it was not."""
    if not (folder / name).exists():
        sys.exit((folder / f"{name}.failed").read_text())
    return folder / name


def peak_megabytes() -> float:
    """The peak of the resident memory since the start, or since it was last forgotten."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def main(runner: str, checkpoint: str, folder: Path, threads: int, precision: str) -> None:
    match runner:
        case "onnx": forward = onnx_runner(folder, threads)
        case "openvino": forward = openvino_runner(folder, threads, precision)
        case _: forward = torch_runner(checkpoint, threads, precision, compiled=runner == "compile")
    known = numpy.load(folder / "answer.npz")
    mix, answer = known["mix"], known["answer"]
    error = float(numpy.square(forward(mix) - answer, dtype=numpy.float64).sum())
    decibels = 10 * math.log10(float(numpy.square(answer, dtype=numpy.float64).sum()) / max(error, 1e-30))
    print(json.dumps({"decibels": decibels}), flush=True)
    del known, answer
    whole = peak_megabytes()
    # Loading and compiling may take more than running; forgetting their peak shows both.
    Path("/proc/self/clear_refs").write_text("5")
    for _ in sys.stdin:
        wall, used = time.perf_counter(), time.process_time()
        forward(mix)
        wall, used = time.perf_counter() - wall, time.process_time() - used
        passes = peak_megabytes()
        whole = max(whole, passes)
        print(json.dumps({"wall": wall, "processor": used, "MB": whole, "passes": passes}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
