"""The fused cell against its slow twin and against PyTorch's own, outputs and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inwit.policies.gru_cell import gru_cell
from textbook_cells import gru_cell_by_autograd

NAMES = ("inputs", "hidden", "weight", "bias")


def arguments(rows: int = 5, width: int = 4, scale: float = 1.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(rows * 100 + width)
    shapes = ((rows, 3 * width), (rows, width), (3 * width, width), (3 * width,))
    made = [torch.randn(shape, generator=generator, dtype=torch.float64) * scale for shape in shapes]
    return [tensor.requires_grad_() for tensor in made]


@pytest.mark.parametrize(("rows", "width", "scale"), [(1, 1, 1.0), (5, 4, 1.0), (3, 7, 0.1), (4, 3, 10.0)])
def test_outputs_and_gradients(rows: int, width: int, scale: float) -> None:
    fused_arguments, plain_arguments = arguments(rows, width, scale), arguments(rows, width, scale)
    fused, plain = gru_cell(*fused_arguments), gru_cell_by_autograd(*plain_arguments)
    torch.testing.assert_close(fused, plain, atol=1e-12, rtol=0)
    weights = torch.randn(fused.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (fused * weights).sum().backward()
    (plain * weights).sum().backward()
    for name, one, two in zip(NAMES, fused_arguments, plain_arguments, strict=True):
        assert one.grad is not None
        torch.testing.assert_close(one.grad, two.grad, atol=1e-10, rtol=0, msg=f"The gradient of {name} differs.")


def test_gradcheck() -> None:
    assert torch.autograd.gradcheck(gru_cell, arguments(3, 2))


def test_several_steps() -> None:
    """Through time: each step's hidden state is the next one's argument, and the weights are shared."""

    def unrolled(cell: object, args: list[Tensor]) -> Tensor:
        inputs, hidden, weight, bias = args
        for step in range(4):
            hidden = cell(inputs * (1 + 0.1 * step), hidden, weight, bias)  # type: ignore[operator]
        return hidden

    fused_arguments, plain_arguments = arguments(), arguments()
    fused, plain = unrolled(gru_cell, fused_arguments), unrolled(gru_cell_by_autograd, plain_arguments)
    torch.testing.assert_close(fused, plain, atol=1e-12, rtol=0)
    fused.square().sum().backward()
    plain.square().sum().backward()
    for one, two in zip(fused_arguments, plain_arguments, strict=True):
        torch.testing.assert_close(one.grad, two.grad, atol=1e-10, rtol=0)


def test_against_pytorch() -> None:
    """PyTorch's cell with the input product given: identity weights on a one-hot input are a row of the table."""
    inputs, hidden, weight, bias = arguments()
    cell = torch.nn.GRUCell(inputs.shape[1], hidden.shape[1], dtype=torch.float64)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.eye(inputs.shape[1], dtype=torch.float64))
        cell.bias_ih.zero_()
        cell.weight_hh.copy_(weight)
        cell.bias_hh.copy_(bias)
    torch.testing.assert_close(gru_cell(inputs, hidden, weight, bias), cell(inputs, hidden), atol=1e-12, rtol=0)


def test_arguments_are_left_alone() -> None:
    """The arithmetic is in place, but on its own buffers."""
    given = arguments()
    before = [tensor.detach().clone() for tensor in given]
    gru_cell(*given).sum().backward()
    for name, tensor, copy in zip(NAMES, given, before, strict=True):
        assert torch.equal(tensor.detach(), copy), f"gru_cell changes its argument {name}."


def test_a_shut_update_gate_passes_the_memory_to_the_bit() -> None:
    _, hidden, weight, bias = (tensor.detach().float() for tensor in arguments())
    inputs = torch.zeros(5, 12)
    inputs[:, 4:8] = 1e4
    assert torch.equal(gru_cell(inputs, hidden, weight, bias), hidden)
