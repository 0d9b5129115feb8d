"""An evaluation in words: true of every way in which a figure can be known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inwit.core import result_text
from inwit.core.results import AT_LEAST, EXACT, NONE, NOT_SEARCHED, SAMPLED, ConstantSet, Yardstick
from results import DRAWN, PROVEN, ROWS


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (Yardstick(EXACT, 1.0, 3.0), "100 %"),
        (Yardstick(SAMPLED, 1.0), "~100 %"),
        (Yardstick(EXACT, cost=2.5), "2.50 tokens"),
        (Yardstick(SAMPLED, cost=2.5), "~2.50 tokens"),
        (Yardstick(EXACT), "·"),
        (Yardstick(NONE, why="no program"), "none"),
        (Yardstick(NOT_SEARCHED, why="too large"), "not searched"),
        (None, "·"),
    ],
)
def test_a_yardstick(known: Yardstick | None, text: str) -> None:
    assert result_text.yardstick(known) == text


def test_every_yardstick_and_every_number_is_a_column() -> None:
    assert result_text.headings(PROVEN) == [
        *["", "problems", "solved", "success", "keys found", "programs", "tokens", "oracle tokens"],
        *["greedy", "blind", "oracle"],
    ]
    first, second, third = result_text.cells(PROVEN)
    assert first[1:] == ["1,000", "1,000", "100 %", "50.0 %", "3", "3.00", "3.00", "50.0 %", "~3.1 %", "100 %"]
    assert second[3:] == ["> 99.9 %", "~25.0 %", "12", "4.25", "·", "none", "·", "not searched"]
    assert third[3:] == ["0.0 %", "0.0 %", "1", "·", "5.00", "none", "·", "not searched"]


def test_sampled_figures_are_marked() -> None:
    assert not any("~" in cell for row in result_text.cells(PROVEN) for cell in row[3:4])
    for row in result_text.cells(DRAWN):
        assert row[3].startswith("~")
        assert " to " in row[3], "An interval stands beside a sampled success."
        assert row[4].startswith("~"), "What else was read of a sample is sampled, too."


def test_reasons_are_said_once_and_not_searched_is_never_none() -> None:
    notes = result_text.notes(PROVEN)
    assert "greedy, none: there is no nearest door (two doors, far apart)" in notes
    assert "oracle, not searched: it is too large to search (two doors, far apart)" in notes
    assert not [note for note in notes if note.startswith("oracle, none")]
    assert "solved 100,990 of 101,100 problems" in notes
    assert "solved 100,990 of 101,100 sampled problems" in result_text.notes(DRAWN)


def test_programs_stand_only_where_somebody_has_one() -> None:
    lines = result_text.programs(PROVEN)
    assert [(row, whose) for row, whose, _ in lines] == [("one door", whose) for whose in ("greedy", "oracle", "agent")]
    assert lines[0][2] == "LEFT OPEN"
    none = replace(ROWS[0], yardsticks={"greedy": ROWS[1].yardsticks["greedy"], "oracle": ROWS[1].yardsticks["oracle"]})
    texts = [text for _, _, text in result_text.programs(replace(PROVEN, rows=[none]))]
    assert texts == ["none", "LEFT LEFT OPEN"]


def test_the_cost_over_the_best_is_told_where_it_is_known() -> None:
    assert "mean tokens over the proven best: 1.0371" in result_text.notes(PROVEN)
    assert not any("proven best" in note for note in result_text.notes(replace(PROVEN, cost_over_best=None)))


def test_a_meaning_is_told_where_all_rows_agree() -> None:
    assert result_text.meanings(PROVEN) == {"greedy": "takes the nearest door", "blind": "sees no prompt"}
    other = replace(ROWS[0], yardsticks={"blind": Yardstick(EXACT, 0.1, why="something else")})
    assert "blind" not in result_text.meanings(replace(PROVEN, rows=[ROWS[0], other]))


def test_the_split() -> None:
    assert PROVEN.split is not None
    assert result_text.split_rows(PROVEN.split) == [["stage 0", "10 of 10", "·"], ["stage 1", "4 of 5", "0 of 2"]]
    assert result_text.held_out(PROVEN.split) == (0, 2)
    assert "this split leaks" in result_text.leak(PROVEN.split)
    assert "leaks" not in result_text.leak(replace(PROVEN.split, twins=0))


def test_the_ends_of_an_interval_read_differently() -> None:
    row = replace(ROWS[0], interval=(0.99951, 0.99999))
    assert result_text.success(row).endswith("(99.95 to > 99.99)")
    assert result_text.success(replace(row, interval=(0.9, 1.0))).endswith("(90.0 to 100.0)")


def test_yardsticks_that_share_a_reason_share_a_line() -> None:
    why = {name: Yardstick(NOT_SEARCHED, why="too large") for name in ("oracle", "greedy")}
    rows = [replace(ROWS[0], yardsticks=why), replace(ROWS[1], yardsticks={"oracle": why["oracle"]})]
    assert result_text.notes(replace(PROVEN, rows=rows[:1]))[0] == "oracle, greedy, not searched: too large"
    said = result_text.notes(replace(PROVEN, rows=rows))[:2]
    assert said == ["oracle, not searched: too large", f"greedy, not searched: too large ({rows[0].name})"]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (ConstantSet(EXACT, 2, [["GO", "END"], ["END"]]), "2: GO END; END"),
        (ConstantSet(EXACT, 1_234, why="one a door"), "1,234: one a door"),
        (ConstantSet(AT_LEAST, 7, why="not all were searched"), "at least 7: not all were searched"),
        (ConstantSet(NONE, why="doors are locked"), "none: doors are locked"),
        (ConstantSet(NOT_SEARCHED, why="too large"), "not searched: too large"),
    ],
)
def test_the_number_of_constant_programs_stands_below_every_result(found: ConstantSet, text: str) -> None:
    line = f"constant programs that solve everything: {text}"
    assert result_text.notes(replace(PROVEN, constant_programs=found))[-1] == line
    assert not any("constant" in note for note in result_text.notes(PROVEN))
