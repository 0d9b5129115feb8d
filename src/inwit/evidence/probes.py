"""Probes: what can be read off a memory by ridge regression, in closed form. Always beside what can be read without it.

A probe is fitted on three quarters of the classes and judged on the others, four times in turn.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.seeding import stream

FOLDS = 4
RIDGE = 1e-2  # of the mean of the kernel's diagonal

Kernel = Float[Tensor, "N N"]


def linear(features: Float[Tensor, "N H"]) -> Kernel:
    """For a linear probe: products of rows, each feature in units of its spread."""
    rows = features.double()
    rows = (rows - rows.mean(0)) / rows.std(0).clamp_min(1e-6)
    return rows @ rows.T / rows.shape[1] + 1


def cubic(features: Float[Tensor, "N H"]) -> Kernel:
    """For a probe that sees up to three features together: on a prompt it can do what a small network can."""
    rows = features.double()
    return (1 + rows @ rows.T / (rows.square().sum(1).mean() / 3)) ** 3


def folds(clusters: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    """In which fold each row is judged: rows of one class in the same."""
    order = torch.randperm(int(clusters.max()) + 1, generator=stream(0, "probe folds"))
    return (order % FOLDS).to(clusters.device)[clusters]


def predicted(kernel: Kernel, target: Int[Tensor, " N"], fold: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    """The likeliest target of each row, by a probe that saw no row of its class."""
    names, wanted = target.unique(return_inverse=True)
    found = torch.zeros_like(target)
    for each in range(FOLDS):
        seen, asked = (fold != each).nonzero()[:, 0], (fold == each).nonzero()[:, 0]
        if not len(seen) or not len(asked):
            continue
        weights = fitted(kernel[seen][:, seen], torch.nn.functional.one_hot(wanted[seen], len(names)).double())
        found[asked] = names[(kernel[asked][:, seen] @ weights).argmax(1)]
    return found


def fitted(kernel: Kernel, wanted: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
    """The dual weights of ridge regression."""
    ridge = RIDGE * kernel.diagonal().mean() * torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    return torch.linalg.solve(kernel + ridge, wanted)


def macro_f1(target: Int[Tensor, " N"], found: Int[Tensor, " N"]) -> float:
    """The mean over the targets that there are of 2 * right / (wanted + found)."""
    scores = []
    for name in target.unique():
        wanted, given = target == name, found == name
        scores.append(2 * float((wanted & given).sum()) / float(wanted.sum() + given.sum()))
    return sum(scores) / len(scores)


def by_horizon(
    kernels: Mapping[str, Kernel], tokens: Int[Tensor, "N T"], live: Bool[Tensor, "N T"], clusters: Int[Tensor, " N"]
) -> dict[str, dict[int, float]]:
    """For each kernel the F1 of the token that is written so many tokens later: horizon 1 is the next one. From
    horizon 2; where fewer than half of the rows write on that long there is nothing."""
    fold, lines = folds(clusters), {name: dict[int, float]() for name in kernels}
    for column in range(1, tokens.shape[1]):
        rows = live[:, column].nonzero()[:, 0]
        if 2 * len(rows) < len(tokens):
            break
        for name, kernel in kernels.items():
            found = predicted(kernel[rows][:, rows], tokens[rows, column], fold[rows])
            lines[name][column + 1] = macro_f1(tokens[rows, column], found)
    return lines
