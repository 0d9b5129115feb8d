"""The whole sequence as one node against the textbook cell, stepped: outputs and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inwit.policies.gru_cell import gru_sequence
from textbook_cells import gru_cell_by_autograd

NAMES = ("to_gates", "to_new", "hidden", "weight")
VOCABULARY_SIZE = 6


def arguments(steps: int, rows: int, width: int, scale: float = 1.0) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(steps * 100 + rows * 10 + width)
    tokens = torch.randint(0, VOCABULARY_SIZE, (steps, rows), generator=generator)
    shapes = ((VOCABULARY_SIZE, 3 * width), (VOCABULARY_SIZE, width), (rows, width), (3 * width, width))
    made = [torch.randn(shape, generator=generator, dtype=torch.float64) * scale for shape in shapes]
    return tokens, [tensor.requires_grad_() for tensor in made]


def stepped(tokens: Tensor, to_gates: Tensor, to_new: Tensor, hidden: Tensor, weight: Tensor) -> Tensor:
    """The slow twin. What is added to the hidden product of the new gate varies with the token here, where the cell
    takes one bias for all: it goes row by row."""
    width, memory = hidden.shape[1], [hidden]
    for token in tokens:
        inputs = torch.cat([to_gates[token, : 2 * width], to_new[token]], 1)
        rows = []
        for row, addend in enumerate(to_gates[token, 2 * width :]):
            bias = torch.cat([addend.new_zeros(2 * width), addend])
            rows.append(gru_cell_by_autograd(inputs[row : row + 1], memory[-1][row : row + 1], weight, bias))
        memory.append(torch.cat(rows))
    return torch.stack(memory)


@pytest.mark.parametrize(
    ("steps", "rows", "width", "scale"),
    [(1, 1, 1, 1.0), (4, 5, 3, 1.0), (7, 2, 8, 0.1), (3, 4, 3, 10.0), (0, 3, 4, 1.0)],
)
def test_outputs_and_gradients(steps: int, rows: int, width: int, scale: float) -> None:
    tokens, fast_arguments = arguments(steps, rows, width, scale)
    _, slow_arguments = arguments(steps, rows, width, scale)
    fast, slow = gru_sequence(tokens, *fast_arguments), stepped(tokens, *slow_arguments)
    assert fast.shape == (steps + 1, rows, width)
    torch.testing.assert_close(fast, slow, atol=1e-12, rtol=0)
    weights = torch.randn(fast.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (fast * weights).sum().backward()
    (slow * weights).sum().backward()
    for name, one, two in zip(NAMES, fast_arguments, slow_arguments, strict=True):
        expected = torch.zeros_like(one) if two.grad is None else two.grad
        torch.testing.assert_close(one.grad, expected, atol=1e-9, rtol=0, msg=f"The gradient of {name} differs.")


def test_gradcheck() -> None:
    tokens, given = arguments(3, 2, 2)
    assert torch.autograd.gradcheck(lambda *args: gru_sequence(tokens, *args), given)


def test_only_the_last_memory_may_be_used() -> None:
    """As when a prompt is read."""
    tokens, fast_arguments = arguments(4, 3, 5)
    _, slow_arguments = arguments(4, 3, 5)
    gru_sequence(tokens, *fast_arguments)[-1].square().sum().backward()
    stepped(tokens, *slow_arguments)[-1].square().sum().backward()
    for one, two in zip(fast_arguments, slow_arguments, strict=True):
        torch.testing.assert_close(one.grad, two.grad, atol=1e-10, rtol=0)
