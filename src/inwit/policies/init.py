"""Weight initialisation from a named generator: the constructors of `torch.nn` draw from the global one, so we do
not use theirs."""

from __future__ import annotations

import torch
from torch import nn


def uniform(*shape: int, scale: float, generator: torch.Generator) -> nn.Parameter:
    """A parameter drawn uniformly from (-scale, scale)."""
    return nn.Parameter(torch.empty(shape, device=generator.device).uniform_(-scale, scale, generator=generator))


def normal(*shape: int, scale: float, generator: torch.Generator) -> nn.Parameter:
    """A parameter drawn from a normal distribution with standard deviation `scale`."""
    return nn.Parameter(torch.empty(shape, device=generator.device).normal_(0.0, scale, generator=generator))


def zeros(*shape: int, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape, device=generator.device))


def ones(*shape: int, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.ones(shape, device=generator.device))
