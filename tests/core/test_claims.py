"""Verdicts from figures, what a file of evidence gives back, and how a terminal shows it."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from inwit.core.claims import (
    AT_MOST,
    NOT_SHOWN,
    NOT_TESTABLE,
    REFUTED,
    SHOWN,
    Claim,
    Control,
    Evidence,
    Measure,
)

WIDTHS = (40, 60, 80, 95, 100, 140)


def tie(statistic: float | None, interval: tuple[float, float] | None = None, **controls: Control) -> Measure:
    return Measure("right after another token", statistic, 0.9, 1234, interval, controls=controls)


def evidence() -> Evidence:
    """A claim of each verdict."""
    reads = Claim("reads", (tie(0.95, (0.91, 0.98), reciter=Control(0.02, 0.05, AT_MOST), best=Control(0.13)),))
    unknown = Control(None, why="nobody trained it")
    remembers = Claim(
        "remembers", (tie(0.95, noise=Control(0.8, 0.9), twin=unknown), tie(1.0, noise=Control(0.8, 0.9)))
    )
    ahead = Claim("looks ahead", (tie(0.1),), decisive=False)
    plans = Claim("re-plans", (tie(0.18, (0.15, 0.21)), Measure("stale", 0.3, 0.05, 9, (0.1, 0.4), AT_MOST)))
    thinks = Claim("thinks", untestable="there is no THINK token")
    return Evidence("calculator-v0", ["calc-0"], [reads, remembers, ahead, plans, thinks], {"deviation": {}}, {"x": 1})


def printed(width: int, **how: Any) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False, **how)
    console.print(evidence())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("claim", "verdict", "why"),
    [
        (Claim("c", (tie(0.9),)), SHOWN, "every bar is reached"),
        (
            Claim("c", (tie(0.9, wrong=Control(0.3, 0.05, AT_MOST)),)),
            NOT_SHOWN,
            "a control fails: wrong is 0.300, not at most",
        ),
        (Claim("c", (tie(0.9, wrong=Control(None, 0.05, AT_MOST)),)), NOT_SHOWN, "wrong is unknown"),
        (Claim("c", (tie(0.5, other=Control(None)),)), REFUTED, "is 0.500, not at least 0.9"),
        (Claim("c", (tie(0.5, reciter=Control(0.3, 0.05, AT_MOST)),)), REFUTED, "is 0.500, not at least 0.9"),
        (Claim("c", (tie(0.5, able=Control(0.3, 0.9)),)), NOT_SHOWN, "a control fails: able is 0.300"),
        (Claim("c", (tie(0.5), tie(0.95, able=Control(0.3, 0.9)))), REFUTED, "is 0.500, not at least 0.9"),
        (Claim("c", (tie(0.5),), decisive=False), NOT_SHOWN, "not at least 0.9"),
        (Claim("c", (tie(0.8, (0.7, 0.95)),)), NOT_SHOWN, "not at least 0.9"),
        (Claim("c", (tie(0.8, (0.7, 0.85)),)), REFUTED, "not at least 0.9"),
        (Claim("c", (tie(None),)), NOT_TESTABLE, ""),
        (Claim("c"), NOT_TESTABLE, ""),
        (Claim("c", (tie(1.0),), untestable="no taps"), NOT_TESTABLE, "no taps"),
    ],
)
def test_a_verdict_follows_from_bars_and_controls(claim: Claim, verdict: str, why: str) -> None:
    assert claim.verdict == verdict
    assert why in claim.why


def test_a_control_that_fails_says_of_which_measure_it_is() -> None:
    """But for one that fails for all of them."""
    noise, wrong = Control(0.8, 0.9), Control(0.3, 0.05, AT_MOST)
    first = Measure("call 1", 0.95, 0.9, 9, controls={"noise": noise, "wrong": wrong})
    claim = Claim("looks ahead", (first, Measure("call 2", 0.95, 0.9, 9, controls={"noise": noise})))
    assert claim.why == "a control fails: noise is 0.800, not at least 0.9; call 1: wrong is 0.300, not at most 0.05"


def test_the_record_is_as_promised() -> None:
    first = json.loads(json.dumps(evidence().to_dict()))["claims"][0]
    assert {name: first[name] for name in ("claim", "statistic", "bar", "n", "interval", "verdict")} == {
        "claim": "reads",
        "statistic": 0.95,
        "bar": 0.9,
        "n": 1234,
        "interval": [0.91, 0.98],
        "verdict": "shown",
    }
    assert first["controls"]["reciter"]["holds"] is True
    assert first["why"] == "every bar is reached, and every control holds"


def test_evidence_comes_back_from_its_record() -> None:
    assert Evidence.from_dict(json.loads(json.dumps(evidence().to_dict()))) == evidence()


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Every place in a record: what holds it, and under which name or number."""
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from places(below)


@pytest.mark.parametrize("junk", [None, "x", [], {}, [1, 2, 3], float("nan"), float("inf"), True, "absent"])
def test_no_verdict_stands_on_what_is_left_of_a_damaged_record(junk: object) -> None:
    """One place after the other is damaged: a claim keeps its verdict, or has none, or is gone."""
    before = {claim.claim: claim.verdict for claim in evidence().claims}
    count = len(list(places(evidence().to_dict())))
    assert count > 100
    for place in range(count):
        values = copy.deepcopy(evidence().to_dict())
        holder, key = list(places(values))[place]
        if junk == "absent" and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = junk
        for claim in Evidence.from_dict(values).claims:
            is_same_or_none = claim.verdict in (before.get(claim.claim), NOT_TESTABLE)
            is_sound = (key in ("bar", "interval", "value") and junk is None) or (key, junk) in (
                ("decisive", True),
                ("controls", {}),
            )
            assert is_same_or_none or is_sound or key == "claim", (key, junk, claim)
    for nonsense in (None, 3, [], "x", {"claims": 3}, {"claims": [3, {}, {"claim": 3}]}):
        assert Evidence.from_dict(nonsense).claims == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_terminal_of_any_width_shows_everything(width: int) -> None:
    """Nothing is cut and nothing depends on colour."""
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    if width < 60:
        assert all(each in "".join(text.split()) for each in ("shown", "refuted", "nobodytrainedit"))
        return
    words = " ".join(text.split())
    for verdict in (SHOWN, REFUTED, NOT_TESTABLE):
        assert verdict in words
    for each in ("0.950", "0.15 to", "1,234", ">= 0.9", "<= 0.05", "0.800", "fails", "unknown", "twin", "reciter"):
        assert each in words, each
    assert "twin is unknown: nobody trained it" in words
    assert words.count("noise is 0.800, not at least 0.9") == 1, "Two measures share a control."


def test_controls_stand_in_the_next_columns_where_there_is_room() -> None:
    lines = printed(120).splitlines()
    found = [" ".join(line.split()) for line in lines]
    place = found.index("reads right after another token 0.950 >= 0.9 1,234 reciter 0.020 <= 0.05")
    assert found[place + 1] == "shown 0.91 to 0.98 best 0.130 ·"


def test_colour_comes_on_top() -> None:
    coloured = printed(100, force_terminal=True, color_system="standard")
    assert "\x1b[1;32m" in coloured
    assert "\x1b[1;31m" in coloured


def test_a_notebook_has_a_row_for_each_measure() -> None:
    html = evidence()._repr_html_()
    assert html.count("<tr>") == 2 + 2 + 1 + 1 + 2 + 1 + 6
    assert "re-plans\nrefuted" in html


def test_of_several_agents_each_has_a_line_of_its_own() -> None:
    each = {name: [Claim("re-plans", (tie(share),)).to_dict()] for name, share in (("one", 0.95), ("two", 0.2))}
    both = Evidence("w", ["one", "two"], [Claim("re-plans", (tie(0.575, (0.1, 1.0)),))], {"each": each})
    assert [found.claims[0].verdict for found in both.each()] == [SHOWN, REFUTED]
    console = Console(file=io.StringIO(), width=100)
    console.print(both)
    assert isinstance(console.file, io.StringIO)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert {"each alone re-plans", "one 0.950: shown", "two 0.200: refuted"} <= set(lines)
    assert "2 agents that differ in their seed; intervals are of 95 %, over seeds" in " ".join(lines)
    assert "each alone" not in printed(100)


def test_findings_are_joined_claim_by_claim() -> None:
    later = Evidence("calculator-v0", ["calc-0"], [Claim("thinks", (tie(1.0),))], {"deviation": {"a": 1}})
    joined = evidence().joined(later)
    assert [claim.claim for claim in joined.claims] == ["reads", "remembers", "looks ahead", "re-plans", "thinks"]
    assert joined.claims[-1].verdict == SHOWN
    assert (joined.pictures, joined.derailed) == ({"deviation": {"a": 1}}, {"x": 1})
    assert [claim.claim for claim in later.joined(evidence()).claims] == [claim.claim for claim in joined.claims]


def test_a_measure_that_is_not_decisive_refutes_nothing() -> None:
    """And one that is does, though the claim's others say nothing."""
    missed = Measure("found", 0.1, 0.5, 20, (0.0, 0.2))
    assert Claim("re-plans", (missed,)).verdict == REFUTED
    assert Claim("re-plans", (replace(missed, decisive=False),)).verdict == NOT_SHOWN
