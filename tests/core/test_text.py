"""Figures and small tables as text."""

from __future__ import annotations

import pytest

from inwit.core.text import clean, held, mean, percent, percents, plural, seconds, table, task_text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (99_999 / 100_000, "> 99.9 %"),
        (0.9995, "> 99.9 %"),
        (0.999, "99.9 %"),
        (0.5, "50.0 %"),
        (0.0004, "< 0.1 %"),
        (0.0, "0.0 %"),
        (-0.0001, "0.0 %"),
        (-0.02, "-2.0 %"),
    ],
)
def test_almost_all_is_not_shown_as_all_and_hardly_any_not_as_none(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.5, 0.75, "50.0 % to 75.0 %"),
        (0.5, 0.5001, "50.00 % to 50.01 %"),
        (0.99951, 0.99999, "99.95 % to > 99.99 %"),
        (0.99995, 1.0, "> 99.9 % to 100 %"),
        (0.0, 0.00001, "0.0 % to < 0.1 %"),
        (0.00002, 0.0003, "< 0.01 % to 0.03 %"),
        (1.0, 1.0, "100 % to 100 %"),
        (0.3, 0.3, "30.0 % to 30.0 %"),
    ],
)
def test_the_ends_of_an_interval_read_differently(low: float, high: float, text: str) -> None:
    assert percents(low, high) == text


def test_what_is_not_known_is_a_point() -> None:
    assert (mean(None), seconds(None), held(None), held(False)) == ("·", "·", "·", "·")


def test_small_words() -> None:
    assert [plural(count, "run") for count in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
    assert [seconds(value) for value in (1.55, 250.0, 11_100.0)] == ["1.6 s", "4 min 10 s", "3 h 05 min"]
    assert task_text({"stage": 2, "operands": [5, 7], "num_slots": 1}) == "stage 2, operands 5 7, num slots 1"
    assert held([True, None, 3]) == "set · 3"


def test_a_table_is_as_wide_as_it_must_be_and_moves_no_cursor() -> None:
    lines = table(["name", "n"], [["a\x1b[2J", 1], ["bb", 1000]], [False, True]).splitlines()
    assert lines[0] == "name      n"
    assert lines[2:] == ["a�[2J     1", "bb     1000"]
    assert clean("a\nb") == "a�b"
