#!/usr/bin/env python3
"""Time the reference implementation's forward pass on one segment of noise; prints JSON.

usage: torch_pass.py CHECKPOINT THREADS PASSES (float32|bf16)
"""
import json
import resource
import sys
import time

import torch
from demucs.states import load_model


def main(path: str, threads: int, passes: int, precision: str) -> None:
    torch.set_num_threads(threads)
    model = load_model(path).float().eval()
    mix = 0.1 * torch.randn(1, model.audio_channels, int(model.segment * model.samplerate))
    seconds, processor = [], []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        model(mix)
        for _ in range(passes):
            wall, used = time.perf_counter(), time.process_time()
            model(mix)
            seconds.append(time.perf_counter() - wall)
            processor.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "processorSeconds": processor, "peakMegabytes": peak}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
