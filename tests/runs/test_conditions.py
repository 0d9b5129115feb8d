"""What is checked before a training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inwit
from inwit import UserError
from inwit.runs.conditions import check_arguments

FINE: dict[str, Any] = {"callback": None, "progress": False, "tell": print}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"callback": 3}, "callback = 3 is no function"),
        ({"callback": "print"}, "callback = 'print' is no function"),
        ({"tell": None}, "tell = None is no function"),
        ({"progress": "x"}, "progress = 'x' is neither True nor False"),
        ({"progress": None}, "progress = None is neither"),
        ({"progress": 2}, "progress = 2 is neither"),
        ({"progress": np.zeros(2, bool)}, "progress = array"),
    ],
)
def test_arguments_that_cannot_be_used(given: dict[str, Any], said: str) -> None:
    for function in (inwit.train, inwit.resume):
        with pytest.raises(UserError, match=said) as refused:
            check_arguments(function, [], **FINE | given)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("progress", [True, 0, np.True_])
def test_arguments_that_can_be_used(progress: Any) -> None:
    check_arguments(inwit.train, ["seed", "training", "hindsight"], callback=[].append, progress=progress, tell=print)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tag", "tags"),
        ("progres", "progress"),
        ("nam", "name"),
        ("tracker", "track"),
        ("callbacks", "callback"),
        ("trainin", "training"),
        ("polici", "policy"),
    ],
)
def test_a_name_that_is_nearly_right(name: str, near: str) -> None:
    with pytest.raises(UserError, match=rf"unknown argument or setting '{name}': did you mean '{near}'\?") as refused:
        check_arguments(inwit.train, [name], **FINE)
    valid = str(refused.value).partition("valid: ")[2].split(", ")
    assert {"callback", "progress", "tell", "track", "name", "tags", "seed", "world", "training"} <= set(valid)


def test_a_resumed_run_takes_no_other_name() -> None:
    with pytest.raises(UserError, match="unknown argument or setting 'tags'") as refused:
        check_arguments(inwit.resume, ["tags"], **FINE)
    assert "name" not in str(refused.value).partition("valid: ")[2].split(", ")


async def waiting(update: object) -> bool:
    return False


@pytest.mark.parametrize("given", [{"callback": 3}, {"callback": waiting}, {"progres": True}, {"tag": "x"}])
def test_nothing_is_begun_with_arguments_that_cannot_be_used(given: dict[str, Any], runs: Path) -> None:
    with pytest.raises(UserError):
        inwit.train("tutorial", **given)
    with pytest.raises(UserError, match=r"async|is no function|did you mean"):
        inwit.resume("latest", **given)
    assert not runs.exists()
