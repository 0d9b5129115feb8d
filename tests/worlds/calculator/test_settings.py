"""Settings of the calculator that ask for what there is not."""

from __future__ import annotations

from typing import Any

import pytest

import inwit
from inwit import UserError
from inwit.worlds.calculator.rules import CalculatorSettings, held_out_of

NOTHING_HELD_OUT = [
    {"max_operators": 2},
    {"max_operators": 1},
    {"tools": ("ADD",)},
    {"tools": ("ADD", "SUB")},
    {"tools": ("MUL",), "min_operators": 3},
    {"tools": ("ADD",), "min_operators": 4, "max_operators": 4},
]


@pytest.mark.parametrize("settings", NOTHING_HELD_OUT)
def test_a_split_that_holds_out_nothing_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"split = classes holds out none of the \d+ expressions") as refused:
        CalculatorSettings(split="classes", **settings)
    assert "\n" not in str(refused.value)
    assert f"max_operators = {settings.get('max_operators', 3)}" in str(refused.value)
    assert "split = none" in str(refused.value)


@pytest.mark.parametrize(
    "settings", [{"max_operators": 2}, {"tools": ("ADD",), "min_operators": 4, "max_operators": 4}]
)
def test_so_is_a_split_by_text(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="split = text holds out none"):
        CalculatorSettings(split="text", **settings)


@pytest.mark.parametrize(
    ("split", "settings"),
    [
        ("classes", {"tools": ("MUL",), "min_operators": 4, "max_operators": 4}),
        ("longest", {"min_operators": 2, "max_operators": 2}),
        ("longest", {"tools": ("SUB",), "min_operators": 1, "max_operators": 1}),
    ],
)
def test_a_split_that_leaves_nothing_to_train_on_is_refused(split: str, settings: dict[str, Any]) -> None:
    """On every way in: to draw from such a world ended in a traceback of PyTorch's."""
    for make in (CalculatorSettings, lambda **values: inwit.make("calculator-v0", **values)):
        with pytest.raises(UserError, match=f"split = {split} holds out every expression, all") as refused:
            make(split=split, **settings)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("split", ["classes", "text", "longest"])
@pytest.mark.parametrize("most", [3, 4])
def test_other_splits_stand(split: str, most: int) -> None:
    settings = CalculatorSettings(split=split, max_operators=most)
    assert held_out_of(settings.tools, settings.min_operators, most, split)


@pytest.mark.parametrize("tools", [("ADD", "MAX"), ("MAX",), ("ADD", "SUB", "MUL", "MAX")])
def test_milestones_need_tools_that_are_polynomials(tools: tuple[str, ...]) -> None:
    """A maximum of two operands is at all three points one of them, or at all the other: it is not told from it."""
    with pytest.raises(UserError, match=r"milestones = 0\.5 .* undefined for MAX") as refused:
        CalculatorSettings(tools=tools, milestones=0.5)
    assert "\n" not in str(refused.value)
    assert CalculatorSettings(tools=tools).milestones == 0.0


@pytest.mark.parametrize("tools", [("ADD",), ("SUB", "RSB"), ("ADD", "SUB", "MUL")])
def test_other_tools_keep_their_milestones(tools: tuple[str, ...]) -> None:
    played = inwit.play(
        "calculator-v0",
        {"expression": f"(a{_sign(tools)}b){_sign(tools)}c", "operands": [3, 4, 5]},
        ["LOAD", "a", tools[0], "b"],
        tools=tools,
        milestones=0.5,
    )
    assert played.reward == 0.25


def _sign(tools: tuple[str, ...]) -> str:
    return {"ADD": "+", "SUB": "-"}[tools[0]]
