"""Numbers as callers give them: what is taken for one, and what is not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from inwit.core.errors import UserError, short
from inwit.core.numbers import finite_number, given_number, scalar, whole_number

FIVES = [5, 5.0, "5", " 5 ", "5.0", "0.5e1", np.int8(5), np.float32(5), np.array(5), np.str_("5"), np.longdouble(5)]
FIVES += [torch.tensor(5), torch.tensor(5.0, dtype=torch.bfloat16), Decimal(5), Fraction(5)]


@pytest.mark.parametrize("value", FIVES, ids=repr)
def test_what_is_five_is_taken(value: Any) -> None:
    assert (whole_number(value), finite_number(value)) == (5, 5.0)
    assert (type(whole_number(value)), type(finite_number(value))) == (int, float)


NONE = [True, np.True_, np.array(True), torch.tensor(True), None, "", "five", "1.5", 1.5, np.float64(1.5), "nan", "inf"]
NONE += [[5], (5,), {5: 5}, np.array([5]), torch.tensor([5]), torch.tensor(5, device="meta"), b"5", 5j, np.complex64(5)]
NONE += ["1e400", "1" * 5000, float("nan"), float("inf"), np.timedelta64(5, "s")]


@pytest.mark.parametrize("value", NONE, ids=short)
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        whole_number(value)
    with pytest.raises(UserError, match=r"n = .* is not a whole number") as refused:
        given_number("n", value)
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


def test_text_is_no_argument_of_a_function() -> None:
    assert given_number("n", np.int64(5)) == 5
    with pytest.raises(UserError, match="n = '5' is not a whole number"):
        given_number("n", "5")
    assert given_number("n", " 5 ", text=True) == 5
    with pytest.raises(UserError, match=r"n = '1\.5' is not a whole number"):
        given_number("n", "1.5", text=True)


def test_only_what_has_no_dimensions_is_a_scalar() -> None:
    one = np.array([1])
    assert scalar(one) is one
    assert scalar(np.True_) is True
    assert type(scalar(torch.tensor(0.5))) is float


def test_a_long_or_deep_value_is_named_in_short() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    for value in ("a" * 5000, 10**5000, deep, np.zeros((50, 50))):
        assert len(short(value)) <= 100
        assert "\n" not in short(value)
    assert short("tutorial") == "'tutorial'"
