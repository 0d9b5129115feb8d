"""One GRU step, and a GRU over a sequence of known tokens: each a single node of the autograd graph, with its backward
pass written out. The tests compare both with the textbook's step.

A step: PyTorch's own cell records a dozen nodes on CPU, and the backward pass of every slice fills a zero tensor of the
full size. With the gates kept in one buffer an update takes about a fifth less time.

A sequence: a gate's gradient is the incoming gradient times a factor that the forward pass already decides, so the
factors of all steps are computed at once. Back through time there is then one product of matrices and three cheap
operations a step, and the weights' gradient is one product over all steps.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

Hidden = Float[Tensor, "B H"]
Weight = Float[Tensor, "G H"]


class _GRUCell(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        width = hidden.shape[1]
        gates = torch.addmm(bias, hidden, weight.t())
        both, recurrent = gates[:, : 2 * width], gates[:, 2 * width :]
        both.add_(inputs[:, : 2 * width]).sigmoid_()
        new = torch.addcmul(inputs[:, 2 * width :], both[:, :width], recurrent)
        # tanh(x) = 2 sigmoid(2x) - 1: PyTorch's sigmoid is vectorised on CPU, its tanh is five times slower.
        new.mul_(2).sigmoid_().mul_(2).sub_(1)
        ctx.save_for_backward(gates, new, hidden, weight)
        return torch.lerp(new, hidden, both[:, width:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        gates, new, hidden, weight = ctx.saved_tensors
        width = hidden.shape[1]
        reset, update, recurrent = gates.split(width, 1)
        grad_inputs = torch.empty_like(gates)
        grad_reset, grad_update, grad_new = grad_inputs.split(width, 1)
        # output = new + update * (hidden - new), new = tanh(inputs + reset * recurrent)
        carried = grad * update
        torch.sub(grad, carried, out=grad_new)
        grad_new.addcmul_(grad_new * new, new, value=-1)
        torch.mul(grad_new, recurrent, out=grad_reset)
        torch.mul(grad, hidden - new, out=grad_update)
        both = gates[:, : 2 * width]
        grad_inputs[:, : 2 * width].mul_(torch.addcmul(both, both, both, value=-1))
        grad_gates = grad_inputs.clone()
        grad_gates[:, 2 * width :].mul_(reset)
        grad_hidden = carried.addmm_(grad_gates, weight)
        return grad_inputs, grad_hidden, grad_gates.t() @ hidden, grad_gates.sum(0)


def gru_cell(inputs: Float[Tensor, "B G"], hidden: Hidden, weight: Weight, bias: Float[Tensor, " G"]) -> Hidden:
    """The next hidden state; G = 3 H, gates in the order reset, update, new. `inputs` are the tokens' gate inputs.

    Differentiable once, in all four arguments.
    """
    return _GRUCell.apply(inputs, hidden, weight, bias)


class _GRUSequence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tokens: Tensor, to_gates: Tensor, to_new: Tensor, hidden: Tensor, weight: Tensor) -> Tensor:
        steps, (rows, width) = len(tokens), hidden.shape
        gates, new = hidden.new_empty(steps, rows, 3 * width), hidden.new_empty(steps, rows, width)
        memory = hidden.new_empty(steps + 1, rows, width)
        memory[0] = hidden
        minus_one, turned = hidden.new_full((), -1.0), weight.t()  # filled on the device: nothing is copied to it
        for step in range(steps):
            gate, squashed, before = gates[step], new[step], memory[step]
            torch.index_select(to_gates, 0, tokens[step], out=gate).addmm_(before, turned)
            both, recurrent = gate[:, : 2 * width].sigmoid_(), gate[:, 2 * width :]
            # tanh(x) = 2 sigmoid(2x) - 1: PyTorch's sigmoid is vectorised on CPU, its tanh is five times slower.
            torch.index_select(to_new, 0, tokens[step], out=squashed)
            squashed.addcmul_(both[:, :width], recurrent).mul_(2).sigmoid_()
            torch.add(minus_one, squashed, alpha=2, out=squashed)
            torch.lerp(squashed, before, both[:, width:], out=memory[step + 1])
        ctx.save_for_backward(tokens, gates, new, memory, weight)
        ctx.vocabulary_size = len(to_gates)
        return memory

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, Tensor, Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        tokens, gates, new, memory, weight = ctx.saved_tensors
        steps, rows, width = new.shape
        gates = gates.view(steps, rows, 3, width)
        reset, update, recurrent = gates.unbind(2)
        # after = new + update * (before - new), new = tanh(inputs + reset * recurrent)
        to_new = torch.addcmul(new.new_ones(()), new, new, value=-1)
        to_new.addcmul_(to_new, update, value=-1)
        both = gates[:, :, :2]
        factors = torch.empty_like(gates)
        torch.addcmul(both, both, both, value=-1, out=factors[:, :, :2])
        factors[:, :, 0].mul_(recurrent).mul_(to_new)
        factors[:, :, 1].mul_(memory[:-1] - new)
        torch.mul(to_new, reset, out=factors[:, :, 2])
        arriving, carried = torch.empty_like(new), new.new_zeros(rows, width)
        for step in range(steps - 1, -1, -1):
            now = torch.add(grad[step + 1], carried, out=arriving[step])
            factors[step].mul_(now[:, None])
            carried = torch.addmm(now * update[step], factors[step].view(rows, 3 * width), weight)
        grad_gates, places = factors.view(steps * rows, 3 * width), tokens.flatten()
        grad_weight = grad_gates.t() @ memory[:-1].flatten(0, 1)
        grad_to_gates = weight.new_zeros(ctx.vocabulary_size, 3 * width).index_add_(0, places, grad_gates)
        grad_new = arriving.mul_(to_new).flatten(0, 1)
        grad_to_new = weight.new_zeros(ctx.vocabulary_size, width).index_add_(0, places, grad_new)
        return None, grad_to_gates, grad_to_new, carried.add_(grad[0]), grad_weight


def gru_sequence(
    tokens: Int[Tensor, "T B"],
    to_gates: Float[Tensor, "V G"],
    to_new: Float[Tensor, "V H"],
    hidden: Hidden,
    weight: Weight,
) -> Float[Tensor, "1+T B H"]:
    """The hidden state before the first token and those after each of T tokens; G = 3 H, gates in the order reset,
    update, new.

    A token's row of `to_gates` is added to the hidden product of all three gates (so the bias is in it, and for the new
    gate nothing else), its row of `to_new` to what the reset gate lets through. Differentiable once, in both tables,
    `hidden` and `weight`.
    """
    return _GRUSequence.apply(tokens, to_gates, to_new, hidden, weight)
