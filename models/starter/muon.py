"""Muon: momentum steps whose matrices are orthogonalised; AdamW for everything else."""
from __future__ import annotations

from collections.abc import Iterable

import torch


def orthogonalise(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Nearest (semi-)orthogonal matrix by a quintic Newton-Schulz iteration in bfloat16."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = (wide / (wide.norm() + 1e-9)).bfloat16()
    for _ in range(steps):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * square + 2.0315 * square @ square) @ wide
    return (wide if matrix.shape[0] <= matrix.shape[1] else wide.T).float()


class Muon(torch.optim.Optimizer):
    """Muon for weights of two and more dimensions (kernels flattened to matrices).

    The step has the root mean square of an Adam step (0.2), so that one learning
    rate fits both; parameters with one dimension get AdamW.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95,
                 betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0) -> None:
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum, "betas": betas,
                                            "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """One step for all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if parameter.ndim >= 2 and min(parameter.shape[0], parameter[0].numel()) > 1:
                    self._muon(parameter, state, group)
                else:
                    self._adam(parameter, state, group)

    @staticmethod
    def _muon(parameter: torch.Tensor, state: dict, group: dict) -> None:
        momentum = state.setdefault("momentum", torch.zeros_like(parameter))
        momentum.lerp_(parameter.grad, 1 - group["momentum"])
        ahead = parameter.grad.lerp(momentum, group["momentum"])
        update = orthogonalise(ahead.reshape(len(ahead), -1)).view_as(parameter)
        scale = 0.2 * max(len(ahead), ahead[0].numel()) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * scale)

    @staticmethod
    def _adam(parameter: torch.Tensor, state: dict, group: dict) -> None:
        first, second = group["betas"]
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        square = state.setdefault("square", torch.zeros_like(parameter))
        state["count"] = state.get("count", 0) + 1
        mean.lerp_(parameter.grad, 1 - first)
        square.lerp_(parameter.grad.square(), 1 - second)
        root = (square / (1 - second ** state["count"])).sqrt_().add_(1e-8)
        parameter.addcdiv_(mean / (1 - first ** state["count"]), root, value=-group["lr"])
