"""The fused LSTM cell against its slow twin and against PyTorch's own, outputs and gradients; and in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from inwit.policies.lstm import matrix_dtype
from inwit.policies.lstm_cell import lstm_cell
from support import all_kinds, make_world, small_policy
from textbook_cells import lstm_cell_by_autograd

NAMES = ("inputs", "hidden", "cell", "weight")


def arguments(rows: int = 5, width: int = 4, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(rows * 100 + width)
    shapes = ((rows, 4 * width), (rows, width), (rows, width), (4 * width, width))
    made = [torch.randn(shape, generator=generator, dtype=dtype) * scale for shape in shapes]
    return [tensor.requires_grad_() for tensor in made]


def fused(*given: Tensor) -> tuple[Tensor, Tensor]:
    return lstm_cell(*given, dtype=torch.float64)  # by default, products are rounded to float32


def backward(outputs: tuple[Tensor, Tensor], seed: int = 3) -> None:
    """A random weight for each number of both outputs."""
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(out.shape, generator=generator, dtype=torch.float64).to(out.dtype) for out in outputs]
    sum((out * weight).sum() for out, weight in zip(outputs, weights, strict=True)).backward()  # type: ignore[union-attr]


def assert_same_gradients(ones: list[Tensor], twos: list[Tensor], tolerance: float = 1e-10) -> None:
    for name, one, two in zip(NAMES, ones, twos, strict=True):
        assert one.grad is not None
        assert two.grad is not None
        torch.testing.assert_close(
            one.grad, two.grad, atol=tolerance, rtol=0, msg=lambda text, name=name: f"The gradient of {name}: {text}"
        )


@pytest.mark.parametrize(("rows", "width", "scale"), [(1, 1, 1.0), (5, 4, 1.0), (3, 7, 0.1), (4, 3, 10.0)])
def test_outputs_and_gradients(rows: int, width: int, scale: float) -> None:
    given, plain_given = arguments(rows, width, scale), arguments(rows, width, scale)
    got, plain = fused(*given), lstm_cell_by_autograd(*plain_given)
    for one, two in zip(got, plain, strict=True):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=0)
    backward(got)
    backward(plain)
    assert_same_gradients(given, plain_given)


@pytest.mark.parametrize("which", [0, 1])
def test_one_output_alone(which: int) -> None:
    """The last step's cell, or hidden state, is often used by nobody: its gradient is then none."""
    given, plain_given = arguments(), arguments()
    fused(*given)[which].square().sum().backward()
    lstm_cell_by_autograd(*plain_given)[which].square().sum().backward()
    for one, two in zip(given, plain_given, strict=True):
        torch.testing.assert_close(one.grad, two.grad, atol=1e-10, rtol=0)


def test_gradcheck() -> None:
    assert torch.autograd.gradcheck(fused, arguments(3, 2))


def test_several_steps() -> None:
    """Through time: each step's hidden state and cell are the next one's, and the weights are shared."""

    def unrolled(step: Callable[..., tuple[Tensor, Tensor]], args: list[Tensor]) -> tuple[Tensor, Tensor]:
        inputs, hidden, cell, weight = args
        for count in range(4):
            hidden, cell = step(inputs * (1 + 0.1 * count), hidden, cell, weight)
        return hidden, cell

    given, plain_given = arguments(), arguments()
    got, plain = unrolled(fused, given), unrolled(lstm_cell_by_autograd, plain_given)
    torch.testing.assert_close(got, plain, atol=1e-12, rtol=0)
    backward(got)
    backward(plain)
    assert_same_gradients(given, plain_given)


def test_against_pytorch() -> None:
    """PyTorch's cell, whose gates stand in the order input, forget, new, output; ours: forget, input, output, new."""
    given, their_given = arguments(), arguments()
    inputs, hidden, state, weight = their_given
    width = hidden.shape[1]
    order = torch.cat([torch.arange(width) + width * place for place in (1, 0, 3, 2)])
    cell = torch.nn.LSTMCell(4 * width, width, dtype=torch.float64)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.eye(4 * width, dtype=torch.float64)[order])
        cell.bias_ih.zero_()
        cell.weight_hh.copy_(weight[order])
        cell.bias_hh.zero_()
    got, theirs = fused(*given), cell(inputs, (hidden, state))
    torch.testing.assert_close(got, theirs, atol=1e-12, rtol=0)
    backward(got)
    backward(theirs)
    assert cell.weight_hh.grad is not None
    weight.grad = cell.weight_hh.grad[order]  # the order is its own inverse
    assert_same_gradients(given, their_given)


def test_arguments_are_left_alone() -> None:
    """The arithmetic is in place, but on its own buffers."""
    for dtype in (torch.float32, torch.bfloat16):
        given = arguments(dtype=torch.float32)
        before = [tensor.detach().clone() for tensor in given]
        backward(lstm_cell(*given, dtype=dtype))
        for name, tensor, copy in zip(NAMES, given, before, strict=True):
            assert torch.equal(tensor.detach(), copy), f"lstm_cell changes its argument {name}."


def test_shut_gates_pass_the_cell_to_the_bit() -> None:
    _, hidden, cell, weight = (tensor.detach().float() for tensor in arguments())
    inputs = torch.zeros(5, 16)
    inputs[:, :4], inputs[:, 4:8] = 1e4, -1e4  # forget nothing, write nothing
    assert torch.equal(lstm_cell(inputs, hidden, cell, weight)[1], cell)


def test_extreme_inputs_stay_finite() -> None:
    given = arguments(dtype=torch.float32, scale=1e4)
    outputs = lstm_cell(*given)
    backward(outputs)
    assert all(bool(torch.isfinite(out).all()) for out in outputs)
    assert all(bool(torch.isfinite(tensor.grad).all()) for tensor in given if tensor.grad is not None)


def like_a_policys(rows: int = 64, width: int = 64) -> list[Tensor]:
    """Arguments as large as they are in a policy."""
    inputs, hidden, cell, weight = (tensor.detach() for tensor in arguments(rows, width, dtype=torch.float32))
    made = [inputs, hidden.tanh(), cell, (weight * 3).tanh() * width**-0.5]
    return [tensor.requires_grad_() for tensor in made]


def test_bfloat16_is_near_float32() -> None:
    """Outputs within 2e-2; gradients within 2 % of their size. Everything handed back is float32."""
    exact_given, given = like_a_policys(), like_a_policys()
    exact, got = lstm_cell(*exact_given), lstm_cell(*given, dtype=torch.bfloat16)
    for one, two in zip(got, exact, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, two, atol=2e-2, rtol=0)
        assert not torch.equal(one, two), "bfloat16 products are rounded: these are not."
    backward(exact)
    backward(got)
    for name, one, two in zip(NAMES, given, exact_given, strict=True):
        assert one.grad is not None
        assert two.grad is not None
        assert one.grad.dtype == torch.float32, f"The gradient of {name} is {one.grad.dtype}."
        off = float((one.grad - two.grad).norm() / two.grad.norm())
        assert off < 2e-2, f"The gradient of {name} is off by {off:.3f} of its size."


def test_the_policy_in_bfloat16() -> None:
    """Same weights, nearly the same answers over whole programs; its weights are float32 either way."""
    world = make_world("calculator-v0")
    tasks = world.sample(all_kinds(world, 1), torch.Generator().manual_seed(0))
    read = (*world.prompt(tasks), world.stage(tasks))
    tokens = torch.randint(0, len(world.vocabulary), (len(tasks), 10), generator=torch.Generator().manual_seed(1))
    outputs: dict[str, Any] = {}
    for dtype in ("float32", "bfloat16"):
        policy = small_policy("lstm", world, width=32, matrix_dtype=dtype)
        assert {tensor.dtype for tensor in policy.state_dict().values()} == {torch.float32}
        with torch.no_grad():
            outputs[dtype] = policy.replay(*read, tokens)
    torch.testing.assert_close(outputs["bfloat16"].logits, outputs["float32"].logits, atol=5e-2, rtol=0)
    torch.testing.assert_close(outputs["bfloat16"].value, outputs["float32"].value, atol=5e-2, rtol=0)
    assert not torch.equal(outputs["bfloat16"].logits, outputs["float32"].logits)


def test_the_dtype_follows_the_processor_or_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert matrix_dtype("float32", cpu) == torch.float32
    assert matrix_dtype("bfloat16", cpu) == torch.bfloat16
    assert matrix_dtype("auto", torch.device("cuda")) == torch.bfloat16
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert matrix_dtype("auto", cpu) == (torch.bfloat16 if native else torch.float32)
