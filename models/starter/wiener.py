"""The reference's multichannel Wiener filter as one differentiable, compiled function.

``demucs.wiener.wiener`` does the same in many small steps; compiled it is several times
as fast, so a model can be trained through it. This one is for stereo, does one
iteration over all frames at once, lets bins without any sound be, and keeps the
determinant of nearly monaural bins from vanishing in single precision.
"""
from __future__ import annotations

import torch

REGULARISATION = 1e-5


def _filter(mixture: tuple[torch.Tensor, torch.Tensor],
            magnitude: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Real and imaginary part of the sources (batch, sources, 2, bins, frames), the shape of ``magnitude``.

    ``mixture`` holds both parts of the mixture (batch, 2, bins, frames).
    """
    real, imaginary = mixture
    power = real.square() + imaginary.square()
    both = (power[:, 0] * power[:, 1]).sqrt() + 1e-12
    # Cosine and sine of the phase between left and right.
    cosine = ((real[:, 0] * real[:, 1] + imaginary[:, 0] * imaginary[:, 1]) / both)[:, None]
    sine = ((imaginary[:, 0] * real[:, 1] - real[:, 0] * imaginary[:, 1]) / both)[:, None]
    left, right = magnitude[:, :, 0], magnitude[:, :, 1]
    variance = (left.square() + right.square()) / 2
    # Spatial covariance of each source in each bin: [[r00, r], [conj r, r11]], r = rr + i ri.
    weight = variance.sum(-1) + 1e-10
    r00, r11, rr, ri = (
        (values.sum(-1) / weight)[..., None]
        for values in (left.square(), right.square(), left * right * cosine, left * right * sine))
    # Covariance of the mixture, c likewise.
    c00 = (variance * r00).sum(1) + REGULARISATION
    c11 = (variance * r11).sum(1) + REGULARISATION
    cr, ci = (variance * rr).sum(1), (variance * ri).sum(1)
    full = c00 * c11
    determinant = torch.maximum(full - cr.square() - ci.square(), 1e-7 * full)
    # The mixture, whitened by the inverse of its covariance.
    x0, y0, x1, y1 = real[:, 0], imaginary[:, 0], real[:, 1], imaginary[:, 1]
    w0, v0, w1, v1 = (
        (value / determinant)[:, None]
        for value in (c11 * x0 - cr * x1 + ci * y1, c11 * y0 - cr * y1 - ci * x1,
                      c00 * x1 - cr * x0 - ci * y0, c00 * y1 - cr * y0 + ci * x0))
    reals = (r00 * w0 + rr * w1 - ri * v1, rr * w0 + ri * v0 + r11 * w1)
    imaginaries = (r00 * v0 + rr * v1 + ri * w1, rr * v0 - ri * w0 + r11 * v1)
    return (torch.stack([variance * value for value in reals], 2),
            torch.stack([variance * value for value in imaginaries], 2))


_compiled = torch.compile(_filter, dynamic=False)


def wiener(mixture: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
    """Spectrograms of all sources.

    ``mixture``: complex (batch, 2, bins, frames); ``magnitude``: (batch, sources, 2, bins, frames).
    """
    with torch.autocast("cpu", enabled=False):
        scale = (mixture.abs().amax((1, 2, 3)) / 10).clamp_min(1)[:, None, None, None]
        parts = ((mixture.real / scale).contiguous(), (mixture.imag / scale).contiguous())
        real, imaginary = _compiled(parts, magnitude.float() / scale[:, None])
        return torch.complex(real, imaginary) * scale[:, None]
