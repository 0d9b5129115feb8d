"""Settings refuse what they do not know, in one line that names value, limit and way out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inwit.core.errors import UserError, unknown
from inwit.core.settings import Settings, build, setting
from inwit.core.vocabulary import Vocabulary


@dataclass(frozen=True)
class Example(Settings):
    width: int = setting(8, "units", at_least=1, at_most=64)
    rate: float = setting(0.5, "a share", at_least=0, at_most=1)
    flag: bool = setting(True, "yes or no")
    mode: str = setting("fast", "how", choices=("fast", "slow"))
    stages: tuple[int, ...] = setting((0, 1), "which", at_least=0)


def test_defaults() -> None:
    assert build(Example, {}).to_dict() == {"width": 8, "rate": 0.5, "flag": True, "mode": "fast", "stages": [0, 1]}


GOOD = [
    ("width", 12, 12),
    ("width", "12", 12),
    ("width", 12.0, 12),
    ("width", 1, 1),
    ("width", 64, 64),
    ("rate", 1, 1.0),
    ("rate", "1e-3", 0.001),
    ("rate", 0, 0.0),
    ("flag", False, False),
    ("flag", "false", False),
    ("flag", "True", True),
    ("mode", "slow", "slow"),
    ("stages", [2, 1], (2, 1)),
    ("stages", "2,1", (2, 1)),
    ("stages", (0,), (0,)),
]


@pytest.mark.parametrize(("name", "value", "expected"), GOOD)
def test_values_are_converted(name: str, value: Any, expected: Any) -> None:
    got = getattr(build(Example, {name: value}), name)
    assert got == expected
    assert type(got) is type(expected)


BAD = [
    ("width", 0, "too small"),
    ("width", 65, "too large"),
    ("width", 1.5, "whole number"),
    ("width", "1.5", "whole number"),
    ("width", "many", "whole number"),
    ("width", True, "whole number"),
    ("width", None, "whole number"),
    ("width", [1], "whole number"),
    ("width", float("nan"), "whole number"),
    ("rate", -0.1, "too small"),
    ("rate", 1.1, "too large"),
    ("rate", float("nan"), "finite"),
    ("rate", "inf", "finite"),
    ("rate", "half", "finite"),
    ("rate", False, "finite"),
    ("flag", 1, "true or false"),
    ("flag", "yes", "true or false"),
    ("flag", None, "true or false"),
    ("mode", "fats", "did you mean 'fast'"),
    ("mode", 3, "text"),
    ("stages", [0, -1], "too small"),
    ("stages", 3, "list"),
    ("stages", ["a"], "list"),
    ("stages", "0;1", "list"),
]


@pytest.mark.parametrize(("name", "value", "reason"), BAD)
def test_bad_values_are_refused(name: str, value: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as refusal:
        build(Example, {name: value}, "part")
    message = str(refusal.value)
    assert name in message, f"The message {message!r} does not name the setting."
    assert "\n" not in message, f"The message {message!r} has more than one line."


def test_an_infinite_width_is_refused() -> None:
    with pytest.raises(UserError, match="width"):
        build(Example, {"width": float("inf")})


def test_limits_hold_whichever_way_a_value_comes_in() -> None:
    with pytest.raises(UserError, match="too small"):
        Example(width=0)


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"part\.widht.*did you mean 'part\.width'"):
        build(Example, {"widht": 3}, "part")


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        build(Example, {}).width = 3  # type: ignore[misc]


@given(width=st.integers(1, 64), rate=st.floats(0, 1), flag=st.booleans(), stages=st.lists(st.integers(0, 9)))
def test_round_trip(width: int, rate: float, flag: bool, stages: list[int]) -> None:
    made = build(Example, {"width": width, "rate": rate, "flag": flag, "stages": stages})
    assert build(Example, made.to_dict()) == made
    text = {"width": str(width), "rate": repr(rate), "flag": str(flag)}
    assert build(Example, text | {"stages": stages}) == made


def test_unknown_finds_names_in_another_case() -> None:
    assert "did you mean 'MUL'" in str(unknown("token", "mul", ["MUL", "ADD"]))
    assert "did you mean" not in str(unknown("token", "qqqqq", ["MUL", "ADD"]))
    assert "valid: MUL, ADD" in str(unknown("token", "qqqqq", ["MUL", "ADD"]))


def test_a_user_error_is_a_value_error() -> None:
    assert issubclass(UserError, ValueError)


def test_vocabulary() -> None:
    vocabulary = Vocabulary(["A", "B", "C"])
    assert vocabulary.ids(["C", 0, "B"]) == [2, 0, 1]
    assert vocabulary.decode([2, 0]) == ["C", "A"]
    assert len(vocabulary) == 3


@pytest.mark.parametrize("token", ["D", 3, -1, True, 1.0, None])
def test_vocabulary_refuses_what_it_does_not_hold(token: Any) -> None:
    with pytest.raises(UserError):
        Vocabulary(["A", "B", "C"]).id(token)
