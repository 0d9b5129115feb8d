"""What is left of a query of lookup-v0 when answers are put in, and what is guessed of it."""

from __future__ import annotations

import pytest

from asking import query_of, settings_of
from inwit.scripts.lookup_terms import Cell, cells_in, decided, guessed, put_in, value_of
from inwit.scripts.lookup_terms import query_of as query_in

SETTINGS = settings_of()
KNOWN: dict[Cell, int] = {(0, 3): 1, (0, 1): 0, (0, 0): 4, (1, 2): 2, (2, 1, 2): 3}  # F 3, F 1, F 0, G 2, * 1 2


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("G F 3", "G 1"),
        ("F F F 3", "4"),
        ("G 3", "G 3"),
        ("F 3 ? G 0 : G 1", "G 0"),
        ("F 0 ? G 0 : G 1", "G 1"),
        ("G 4 ? F 3 : F 3", "1"),
        ("G 4 ? F 3 : G 1", "G 4 ? 1 : G 1"),
        ("F 3 * G 2", "3"),
        ("F 3 * G 0", "1 * G 0"),
        ("F 0 + G 2", "1"),
        ("F 0 & G 2", "2"),
        ("G 4 & F 1", "0"),
        ("G 4 & F 3", "G 4 & 1"),
    ],
)
def test_answers_take_the_place_of_calls(query: str, left: str) -> None:
    found = decided(SETTINGS, put_in(query_of(query), KNOWN), KNOWN)
    assert found.text == left
    assert value_of(found) == (int(left) if left.isdigit() else None)


def test_of_a_condition_only_its_parity_is_left() -> None:
    assert put_in(query_of("F 0 ? G 0 : G 1"), KNOWN).text == "0 ? G 0 : G 1"


@pytest.mark.parametrize(
    ("query", "cells"),
    [
        ("G F 3", [(0, 3)]),
        ("F 3 ? G 1 : F 3", [(0, 3), (1, 1)]),
        ("F 3 * G 0", [(0, 3), (1, 0)]),
        ("1 * 2", [(2, 1, 2)]),
        ("1", []),
    ],
)
def test_what_can_be_asked_now(query: str, cells: list[Cell]) -> None:
    assert cells_in(SETTINGS, query_of(query)) == cells


@pytest.mark.parametrize(
    ("query", "guess"), [("F F 3", 3), ("F 0 ? 1 : 2", 2), ("F 0 ? 1 : G 2", 1), ("F 0 ? G 1 : G 2", 2), ("2 & G 1", 2)]
)
def test_guesses(query: str, guess: int) -> None:
    assert guessed(query_of(query)) == guess


def test_reads_the_prompt() -> None:
    names = ["PAD", "PAD", *["F", "3", "?", "G", "1", ":", "F", "2", "="]]
    prompt = tuple(SETTINGS.vocabulary.names.index(name) for name in names)
    assert query_in(SETTINGS, prompt).text == "F 3 ? G 1 : F 2"
