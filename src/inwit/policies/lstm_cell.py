"""One LSTM step as a single node of the autograd graph, with an optional bfloat16 path for its matrix products.

As `gru_cell`: the gates stay in one buffer and the backward pass is written out. With `dtype=torch.bfloat16` the three
products take bfloat16 operands; weights, memory, gates and gradients stay float32. The tests compare it with the
textbook's step.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

Hidden = Float[Tensor, "B H"]
Weight = Float[Tensor, "G H"]


def _product(left: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
    return left @ right if dtype == left.dtype else (left.to(dtype) @ right.to(dtype)).to(left.dtype)


class _LSTMCell(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, hidden: Tensor, cell: Tensor, weight: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        width = hidden.shape[1]
        gates = _product(hidden, weight.t(), dtype).add_(inputs)
        gates[:, 3 * width :].mul_(2)
        gates.sigmoid_()  # all four at once: tanh(x) = 2 sigmoid(2x) - 1
        gates[:, 3 * width :].mul_(2).sub_(1)
        keep, write, show, new = gates.split(width, 1)
        after = torch.mul(keep, cell).addcmul_(write, new)
        squashed = torch.sigmoid(2 * after).mul_(2).sub_(1)
        ctx.save_for_backward(gates, hidden, cell, squashed, weight)
        ctx.dtype = dtype
        return show * squashed, after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor, grad_cell: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        gates, hidden, cell, squashed, weight = ctx.saved_tensors
        width = hidden.shape[1]
        keep, write, show, new = gates.split(width, 1)
        shown = grad_hidden * show
        grad_after = torch.addcmul(grad_cell + shown, shown * squashed, squashed, value=-1)
        grads = torch.empty_like(gates)
        grad_keep, grad_write, grad_show, grad_new = grads.split(width, 1)
        torch.mul(grad_after, cell, out=grad_keep)
        torch.mul(grad_after, new, out=grad_write)
        torch.mul(grad_hidden, squashed, out=grad_show)
        torch.mul(grad_after, write, out=grad_new)
        three = gates[:, : 3 * width]
        grads[:, : 3 * width].mul_(torch.addcmul(three, three, three, value=-1))
        grad_new.addcmul_(grad_new * new, new, value=-1)
        grad_weight = _product(grads.t(), hidden, ctx.dtype)
        return grads, _product(grads, weight, ctx.dtype), grad_after * keep, grad_weight, None


def lstm_cell(
    inputs: Float[Tensor, "B G"], hidden: Hidden, cell: Hidden, weight: Weight, dtype: torch.dtype | None = None
) -> tuple[Hidden, Hidden]:
    """The next hidden state and cell; G = 4 H, gates in the order forget, input, output, new. Biases are in
    `inputs`. The products' operands are cast to `dtype`, if one is given."""
    hidden, cell = _LSTMCell.apply(inputs, hidden, cell, weight, dtype or hidden.dtype)
    return hidden, cell
