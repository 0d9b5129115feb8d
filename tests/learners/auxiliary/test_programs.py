"""Packed keys compare as tuples do."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inwit.learners.auxiliary.programs import LIMIT, lexicographic


@given(data=st.data())
def test_numbers_compare_as_tuples_of_their_keys(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5), label="sizes")
    first = st.integers(-5, sizes[0] - 1)  # the first alone may be negative
    rest = [st.integers(0, size - 1) for size in sizes[1:]]
    rows = data.draw(st.lists(st.tuples(first, *rest), min_size=2, max_size=20), label="rows")
    packed = lexicographic(*zip(torch.tensor(rows).unbind(1), sizes, strict=True)).tolist()
    assert sorted(range(len(rows)), key=lambda row: rows[row]) == sorted(range(len(rows)), key=lambda row: packed[row])
    assert len(set(packed)) == len(set(rows))
    assert max(packed) < LIMIT


def test_shapes_fit_one_another() -> None:
    packed = lexicographic((torch.tensor([[1], [2]]), 3), (torch.tensor([[0, 1, 2]]), 3))
    assert packed.tolist() == [[3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize("sizes", [(2**31, 2**32), (10**5, 10**5, 10**5, 10**5), (LIMIT, 2)])
def test_keys_that_do_not_fit_are_not_packed(sizes: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError, match="overflow"):
        lexicographic(*((torch.zeros(1, dtype=torch.int64), size) for size in sizes))
    lexicographic((torch.zeros(1, dtype=torch.int64), 2**31), (torch.zeros(1, dtype=torch.int64), 2**31))
