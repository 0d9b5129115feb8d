"""That the shapes are really checked in these tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float
from torch import Tensor

from inwit.core.distributions import masked_log_softmax
from inwit.core.types import Output
from inwit.learners.returns import returns_to_go
from shapes import annotated, shaped


def test_the_annotated_modules_are_found() -> None:
    modules = annotated("inwit")
    for name in ("inwit.core.types", "inwit.rollout.collect", "inwit.policies.gru", "inwit.worlds.tutorial.v1"):
        assert name in modules, f"{name} names shapes, but they are not checked."


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: returns_to_go(torch.zeros(3)),
        lambda: masked_log_softmax(torch.zeros(2, 3), torch.ones(2, 4, dtype=torch.bool)),
        lambda: Output(torch.zeros(2, 3), torch.zeros(3)),
    ],
)
def test_a_wrong_shape_is_refused(misuse: object) -> None:
    with pytest.raises(BeartypeCallHintViolation):
        misuse()  # type: ignore[operator]


class Doubler:
    @shaped
    def method(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        return x.sum(1) if x[0, 0] else 2 * x

    @shaped
    @staticmethod
    def static(x: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        return x.t() if x[0, 0] else 2 * x

    @shaped
    @property
    def whole(self) -> Float[Tensor, " B"]:
        return torch.zeros(2, 2)


@pytest.mark.parametrize("call", [Doubler().method, Doubler.static])
def test_results_and_sizes_are_checked_in_every_sort_of_function(call: Callable[[Tensor], Tensor]) -> None:
    """Right calls pass, with other sizes each time; a result of another shape, or with its sizes swapped, does not."""
    for size in (2, 3):
        assert call(torch.zeros(size, 4)).shape == (size, 4)
    with pytest.raises(BeartypeCallHintViolation):
        call(torch.ones(2, 4))
    with pytest.raises(BeartypeCallHintViolation):
        call(torch.zeros(4))


def test_a_propertys_result_is_checked() -> None:
    with pytest.raises(BeartypeCallHintViolation):
        _ = Doubler().whole


def test_what_names_no_shape_is_left_as_it_is() -> None:
    def function(x: int) -> int:
        return x

    assert shaped(function) is function
