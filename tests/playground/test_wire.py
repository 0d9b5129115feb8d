"""Tensors between a page and the server: exact both ways, and refused in any other form than they must have."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
import torch

from inwit.core.errors import UserError
from inwit.playground.blob import LETTERS
from inwit.playground.wire import Form, all_received, form_of, number, received, sent

EXTREMES = {
    torch.int64: [-(2**63), 2**63 - 1, 2**53 + 1],
    torch.float64: [math.pi, -0.0, math.inf],
    torch.float32: [1e-45, math.nan, -math.inf],
    torch.bfloat16: [1.5, -2.0, math.inf],
    torch.float16: [65504.0, -0.5, math.inf],
    torch.bool: [True, False, True],
}
FORM = Form(torch.float32, (0, 2), (3, 2))  # one axis that grows to 3


def text(count: int) -> str:
    return base64.b64encode(bytes(count)).decode()


@pytest.mark.parametrize("dtype", LETTERS)
def test_what_is_sent_comes_back_as_it_was(dtype: torch.dtype) -> None:
    values = EXTREMES.get(dtype, [0, 1, 100])
    tensor = torch.tensor([values], dtype=dtype)
    travelling = json.loads(json.dumps(sent(tensor), allow_nan=False))
    back = received("hidden", travelling, form_of("hidden", tensor))
    assert back.dtype == dtype
    assert torch.equal(back.view(torch.uint8), tensor.view(torch.uint8))


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 0, 4)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    tensor = torch.arange(math.prod(shape)).reshape(1, *shape)
    assert torch.equal(received("state", sent(tensor), form_of("state", tensor)), tensor)


def test_part_of_a_larger_tensor() -> None:
    tensor = torch.arange(12.0).reshape(3, 4)[1:2, ::2]
    assert received("state", sent(tensor), form_of("state", tensor)).tolist() == [[4.0, 6.0]]


def test_an_axis_may_be_as_long_as_it_grows() -> None:
    for length in range(4):
        assert received("keys", ["f", [length, 2], text(8 * length)], FORM).shape == (1, length, 2)
    with pytest.raises(UserError, match=r"'keys' is not sent as \[f, \[0 to 3, 2\], base64\]"):
        received("keys", ["f", [4, 2], text(32)], FORM)


WRONG: list[Any] = [
    None,
    "f",
    {},
    ["f", [1, 2]],
    ["f", [1, 2], text(8), 0],
    ["d", [1, 2], text(16)],
    [["f"], [1, 2], text(8)],
    ["f", [1], text(4)],
    ["f", [1, 3], text(12)],
    ["f", [-1, 2], text(8)],
    ["f", [1.0, 2], text(8)],
    ["f", [True, 2], text(8)],
    ["f", "12", text(8)],
    ["f", [1, 2], None],
    ["f", [1, 2], text(7)],
    ["f", [1, 2], text(9)],
    ["f", [1, 2], "!" * 12],
    ["f", [1, 2], "é" * 12],
    ["f", [1, 2], "\ud800" * 12],
    ["f", [1, 2], text(8)[:-1] + "\n"],
    ["f", [2**70, 2], text(8)],
]


@pytest.mark.parametrize("given", WRONG, ids=repr)
def test_any_other_form_is_refused_in_one_sentence(given: Any) -> None:
    with pytest.raises(UserError, match="open the page again") as refused:
        received("keys", given, FORM)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_the_tensors_must_be_those_of_the_table() -> None:
    forms = {"hidden": FORM}
    right = ["f", [1, 2], text(8)]
    assert all_received("the memory", {"hidden": right}, forms)["hidden"].shape == (1, 1, 2)
    for given in (None, [], {}, {"cell": right}, {"hidden": right, "cell": right}):
        with pytest.raises(UserError, match="the memory does not have the tensors hidden"):
            all_received("the memory", given, forms)


def test_a_truth_is_one_or_zero() -> None:
    """PyTorch counts on it: another byte in a tensor of truths is counted as it is."""
    form = Form(torch.bool, (3,), (3,))
    raw = base64.b64encode(bytes([0, 2, 255])).decode()
    made = received("legal", ["b", [3], raw], form)
    assert made.view(torch.uint8).tolist() == [[0, 1, 1]]


def test_a_type_that_no_page_knows() -> None:
    with pytest.raises(UserError, match=r"the memory: hidden is of torch\.complex64.*it knows float32, float64"):
        form_of("the memory: hidden", torch.zeros(1, 2, dtype=torch.complex64))


def test_how_large_a_tensor_may_be_as_text() -> None:
    assert FORM.bytes == len(text(4 * 3 * 2))


def test_numbers_that_json_does_not_have() -> None:
    told = [number(each) for each in (0.5, math.nan, math.inf, -math.inf)]
    assert told == [0.5, "NaN", "Infinity", "-Infinity"], "as JavaScript's Number reads them"
