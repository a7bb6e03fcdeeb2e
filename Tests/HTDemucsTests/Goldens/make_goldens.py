"""Makes the checkpoints and expected outputs in this folder with the reference implementation.

    pip install torch demucs==4.1.0 safetensors
    python make_goldens.py [FOLDER [NAME …]]

For each configuration: NAME.th or NAME.safetensors, a small HTDemucs whose every parameter is random and of order one
(a fresh model's LayerScale of 1e-4 would hide mistakes), and NAME.golden: one line of JSON, a list of [name, count],
then that many little-endian float32 values for each: `mix` [channels][frames], `out` [sources][channels][frames] and
samples of layers' outputs in the order [frequency][channel][time].
"""
import json
import struct
import sys
from fractions import Fraction
from pathlib import Path

import torch
from demucs.htdemucs import HTDemucs

FOUR = ["drums", "bass", "other", "vocals"]
SIX = FOUR + ["guitar", "piano"]
# Name: (sources, kwargs, half precision, file type, frames of the mix or None for the segment's, layers recorded)
CONFIGURATIONS = {
    "official": (FOUR, dict(channels=4, dconv_comp=2, bottom_channels=32, dconv_mode=3, t_layers=5, segment=Fraction(1, 8)),
                 True, "th", None, True),
    "short": (FOUR, dict(channels=4, dconv_comp=4, nfft=1024, depth=3, t_layers=1, t_heads=4, segment=Fraction(1, 8)),
              True, "safetensors", 3001, False),
    "six": (SIX, dict(channels=8, nfft=2048, depth=3, t_layers=2, t_cross_first=True, t_hidden_scale=2.0, segment=0.1),
            False, "safetensors", None, False),
    "joined": (FOUR, dict(channels=4, dconv_comp=3, nfft=1024, depth=4, t_layers=3, t_heads=2, norm_starts=2, norm_groups=2,
                          dconv_mode=3, t_norm_first=False, t_group_norm=2, t_gelu=False, t_layer_scale=False,
                          use_train_segment=False),
               True, "th", 4001, True),
    "deep": (["a", "b"], dict(channels=8, channels_time=6, growth=1, dconv_comp=2, nfft=1024, depth=6, t_layers=0, norm_starts=3, norm_groups=2,
                              dconv_mode=2, context_enc=1, segment=Fraction(1, 8)),
             False, "safetensors", None, False),
    "mono": (["a", "b", "c"], dict(audio_channels=1, channels=8, nfft=256, depth=3, kernel_size=4, stride=2,
                                   rewrite=False, dconv_mode=3, dconv_depth=3, dconv_comp=4, freq_emb=0, t_layers=2,
                                   t_emb="cape", t_norm_in=False, t_norm_in_group=2, t_group_norm=1, t_heads=4,
                                   samplerate=8000, segment=Fraction(1, 3)),
             True, "th", None, False),
    "scaled": (FOUR, dict(channels=4, growth=3, nfft=1024, depth=3, t_layers=2, t_heads=6, t_emb="scaled",
                          t_max_positions=200, t_norm_in=False, t_norm_out=False, bottom_channels=24, context=2,
                          dconv_mode=0, t_weight_pos_embed=0.5, segment=Fraction(1, 10)),
               True, "safetensors", 2000, False),
    # Magnitudes as channels: two rounds of the Wiener filter over more than the 300 frames that it takes at once.
    "filtered": (FOUR, dict(channels=4, nfft=64, depth=2, cac=False, wiener_iters=2, end_iters=2, t_layers=1, t_heads=4,
                            dconv_mode=0, segment=Fraction(1, 8)),
                 True, "safetensors", None, False),
    "filtered-mono": (["a", "b"], dict(audio_channels=1, channels=8, nfft=256, depth=2, cac=False, wiener_iters=1,
                                       end_iters=1, t_layers=0, segment=Fraction(1, 8)),
                      True, "safetensors", None, False),
    "phases": (["a", "b", "c"], dict(channels=8, nfft=256, depth=2, cac=False, wiener_iters=-1, end_iters=-1,
                                     t_layers=0, segment=Fraction(1, 16)),
               True, "safetensors", None, False),
    "strided": (FOUR, dict(channels=4, kernel_size=16, stride=8, nfft=1024, depth=2, cac=False, dconv_mode=0, t_layers=2,
                           t_heads=4, segment=Fraction(1, 8)),
                True, "safetensors", None, False),
}
SAMPLES = 4096


def randomise(model, generator):
    """Draws every parameter so that signals keep their size from layer to layer."""
    def normal(p, scale):
        p.copy_(torch.randn(p.shape, generator=generator) * scale)

    def uniform(p, low, high):
        p.copy_(torch.rand(p.shape, generator=generator) * (high - low) + low)

    for name, p in model.named_parameters():
        if name.endswith("scale"):
            uniform(p, 0.3, 1.0)
        elif "embedding" in name:
            normal(p, 0.3)
        elif p.dim() == 1 and "norm" in name.split(".")[-2] or p.dim() == 1 and is_norm(model, name):
            uniform(p, 0.5, 1.5) if name.endswith("weight") else normal(p, 0.3)
        elif p.dim() == 1:
            normal(p, 0.2)
        else:
            fan = p[0].numel() if "conv_tr" not in name else p.shape[0] * 2
            normal(p, 1.2 / fan ** 0.5)


def is_norm(model, name):
    module = model.get_submodule(name.rsplit(".", 1)[0])
    return isinstance(module, (torch.nn.GroupNorm, torch.nn.LayerNorm))


def record(model, layers):
    """Hooks that note layers' outputs as the Swift engine orders them."""
    def note(name, value):
        if value.dim() == 4:
            value = value.permute(0, 2, 1, 3)
        layers[name] = value.reshape(-1)

    for kind in ["encoder", "tencoder"]:
        for index, layer in enumerate(getattr(model, kind)):
            if kind == "encoder" and index == 0 and model.freq_emb is not None:
                continue
            layer.register_forward_hook(lambda m, a, out, n=f"{kind}.{index}": note(n, out))
    shapes = {}
    if model.crosstransformer is not None:
        model.crosstransformer.register_forward_pre_hook(lambda m, args: shapes.update(f=args[0].shape[2]))
        for index, layer in enumerate(model.crosstransformer.layers):
            layer.register_forward_hook(lambda m, a, out, n=f"crosstransformer.layers.{index}": note(
                n, out.reshape(1, -1, shapes["f"], out.shape[-1]).permute(0, 3, 2, 1)))
        for index, layer in enumerate(model.crosstransformer.layers_t):
            layer.register_forward_hook(lambda m, a, out, n=f"crosstransformer.layers_t.{index}": note(
                n, out.permute(0, 2, 1)))
    for kind in ["decoder", "tdecoder"]:
        decoders = getattr(model, kind)
        for index, layer in enumerate(decoders):
            if index > 0:
                layer.register_forward_pre_hook(
                    lambda m, args, n=f"{kind}.{index - 1}": note(n, args[0].reshape(args[1].shape) + args[1]))
        decoders[-1].register_forward_hook(lambda m, a, out, n=f"{kind}.{len(decoders) - 1}": note(n, out[0]))


def save_checkpoint(model, sources, kwargs, half, kind, path):
    state = {k: (v.half() if half else v).contiguous() for k, v in model.state_dict().items()}
    if kind == "th":
        torch.save({"klass": HTDemucs, "args": (sources,), "kwargs": kwargs, "state": state, "training_args": {}}, path)
        return
    from safetensors.torch import save_file

    def plain(value):
        if isinstance(value, Fraction):
            return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}
        return value

    save_file(state, path, metadata={
        "klass": "demucs.htdemucs.HTDemucs", "args": json.dumps([sources]),
        "kwargs": json.dumps({k: plain(v) for k, v in kwargs.items()})})


def main(folder, names):
    for number, (name, (sources, kwargs, half, kind, frames, with_layers)) in enumerate(CONFIGURATIONS.items()):
        if names and name not in names:
            continue
        generator = torch.Generator().manual_seed(1000 + number)
        model = HTDemucs(sources, **kwargs).eval()
        with torch.no_grad():
            randomise(model, generator)
            if half:
                for p in model.parameters():
                    p.copy_(p.half().float())
            rate = model.samplerate
            frames = frames or int(model.segment * rate)
            time = torch.arange(frames) / rate
            mix = 0.2 * torch.randn(1, model.audio_channels, frames, generator=generator)
            for channel in range(model.audio_channels):
                mix[0, channel] += 0.3 * torch.sin(2 * torch.pi * (220 + 110 * channel) * time) + 0.05
            layers = {}
            if with_layers:
                record(model, layers)
            out = model(mix)
        save_checkpoint(model, sources, kwargs, half, kind, folder / f"{name}.{kind}")
        tensors = {"mix": mix.reshape(-1), "out": out.reshape(-1)}
        for layer, values in layers.items():
            step = max(1, values.numel() // SAMPLES)
            tensors[layer] = values[::step]
        with open(folder / f"{name}.golden", "wb") as file:
            file.write(json.dumps([[k, v.numel()] for k, v in tensors.items()]).encode() + b"\n")
            for v in tensors.values():
                file.write(struct.pack(f"<{v.numel()}f", *v.float().tolist()))
        print(name, tuple(out.shape), "std of stems", [round(v, 3) for v in out.std(dim=(0, 2, 3)).tolist()],
              sum(p.numel() for p in model.parameters()), "parameters")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent), sys.argv[2:])
