"""That the shapes are really checked in these tests."""

from __future__ import annotations

import pytest
import torch
from beartype.roar import BeartypeCallHintViolation

from inwit.core.distributions import masked_log_softmax
from inwit.core.types import Output
from inwit.learners.returns import returns_to_go
from shapes import annotated


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
