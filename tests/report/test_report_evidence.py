"""Evidence on the page: verdicts, controls, pictures, one derailed episode; and nothing where there is nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from inwit.core.claims import AT_MOST, Claim, Control, Evidence, Measure
from inwit.report.charts import Axis, compact
from inwit.report.page import make_page
from inwit.report.select import select
from inwit.runs.finding import EVIDENCE
from recorded import Page, put

EVIL = "<script>alert('1')</script>\"&"


def page_of(*patterns: str) -> tuple[str, Page]:
    html = make_page(select(patterns))
    return html, Page(html)


def evidence(name: str) -> Evidence:
    controls = {
        "wrong model": Control(0.38, 0.45, AT_MOST, "another call"),
        "same call": Control(0.85, 0.9),
        "whole memory": Control(None, why="not tried"),
    }
    calls = tuple(Measure(f"call {call}", 0.75, 0.8, 1000, (0.7, 0.79), controls=controls) for call in (1, 2))
    plans = Measure(
        "right after another token", 0.182, 0.9, 1234, (0.15, 0.21), controls={"reciter": Control(0.0, 0.05, AT_MOST)}
    )
    claims = [
        Claim("reads", (Measure("solved", 0.95, 0.9, 9),)),
        Claim("looks ahead", calls),
        Claim("re-plans", (plans,)),
        Claim("thinks", untestable="there is no THINK token"),
    ]
    tie, longer = {"right": [0, 1, 3], "n": [0, 4, 4]}, {"right": [0, 0, 0], "n": [0, 5, 0]}
    derailed = {
        "task": {"expression": "a+b", "operands": [3, 4]},
        "at": 1,
        "forced": "b",
        "own": ["LOAD", "a", "ADD", "b", "ANS"],
        "wrote": ["LOAD", "b", "ADD", "b", "ANS"],
        "right": ["LOAD", "b", "ADD", "a", "ANS"],
    }
    return Evidence("calculator-v0", [name], claims, {"deviation": {name: {"tie": tie, "longer": longer}}}, derailed)


def keep(path: Path, update: int = 0, **changes: Any) -> None:
    made = {"of": [[path.name, "finished", update]]}
    (path / "evidence.json").write_text(json.dumps(evidence(path.name).to_dict() | {"made": made} | changes))


def update_of(path: Path) -> int:
    return json.loads((path / "run.json").read_text())["summary"]["update"]


def test_verdicts_stand_beside_their_controls(runs: Path) -> None:
    path = put(runs, "one")
    keep(path, update_of(path))
    html, page = page_of("one")
    for part in (
        "Does it plan, remember, or recite?",
        "✓ shown",
        "✗ refuted",
        "– not shown",
        "· not testable",
        "0.182",
        "0.15 to 0.21",
        "≥ 0.9",
        "1,234",
        "there is no THINK token",
        "≥ 0.9 fails",
        "unknown",
        "a control fails: same call is 0.850, not at least 0.9",
    ):
        assert part in page.text, part
    assert "weights after update" not in page.text
    assert 'title="another call"' in html


def test_pictures_say_their_numbers_in_words(runs: Path) -> None:
    path = put(runs, "one")
    keep(path, update_of(path))
    _, page = page_of("one")
    assert "a way of the same length is left: 1 25 %, 2 75 %; only a longer way is left: 1 0 %" in page.text
    assert "call 1: 75 %, wrong model 38 %, same call 85 %" in page.text
    keep(path, update_of(path), pictures={"deviation": 3}, claims=[{"claim": "reads"}])
    html, page = page_of("one")
    assert "Right after a forced token" not in html
    assert "Exchanged parts" not in html
    assert "the record of what was measured is damaged" in page.text


def test_a_picture_with_lines_is_drawn_as_it_says(runs: Path) -> None:
    """Its controls are lines in the same panel; what cannot be drawn is left out."""
    path = put(runs, "one")
    lines = {"the agent": [[2, 0.9], [4, 0.7]], "prompt alone": [[2, 0.96], [4, 1.7], "x"], "untrained": []}
    picture = {"title": "Plan, linearly", "x": "tokens ahead", "y": "F1", "caption": "no verdict", "lines": lines}
    keep(path, update_of(path), pictures={"probes": {"one": picture, "two": {}}, "odd": {"one": {"lines": [3]}}})
    html, page = page_of("one")
    assert "F1 against tokens ahead. the agent: 2 90 %, 4 70 %; prompt alone: 2 96 %." in page.text
    assert "no verdict Of one alone." in page.text
    assert html.count("Pictures that no verdict uses") == 1
    assert "odd" not in page.text


def test_a_derailed_episode_marks_the_forced_token_in_words(runs: Path) -> None:
    path = put(runs, "one")
    keep(path, update_of(path))
    _, page = page_of("one")
    text = " ".join(page.text.split())
    assert "by itself LOAD a ADD b ANS derailed LOAD (b) ADD b ANS a right one LOAD (b) ADD a ANS" in text
    assert "forced · 1" in page.text, "The agent is there: it is shown token by token."
    assert "shortest right: LOAD; 4 to go" in page.text
    (path / "weights.safetensors").unlink()
    _, page = page_of("one")
    assert "derailed LOAD (b) ADD b ANS" in page.text
    assert "forced · 1" not in page.text


def test_evidence_of_older_weights_says_so(runs: Path) -> None:
    path = put(runs, "one")
    keep(path, 1)
    _, page = page_of("one")
    assert f"This is of the weights after update 1. The run has gone on to {update_of(path)} since." in page.text
    assert "forced · 1" not in page.text


@pytest.mark.parametrize("text", ["", "[{", "[]", "3", '{"claims": 3}', "\udce9", "[" * 100_000])
@pytest.mark.parametrize("name", EVIDENCE)
def test_a_damaged_file_is_no_evidence_and_says_so(runs: Path, text: str, name: str) -> None:
    path = put(runs, "one")
    assert "Does it plan" not in page_of("one")[0]
    (path / name).write_bytes(text.encode(errors="surrogateescape"))
    _, page = page_of("one")
    assert f"{name} is damaged: nothing in it can be read." in page.text
    assert "What the agent does inside" not in page.text


def test_evidence_over_seeds_stands_below_that_of_the_agent(runs: Path) -> None:
    path = put(runs, "one")
    keep(path, update_of(path), agents=["one", "two"])
    (path / "evidence.json").rename(path / "evidence-seeds.json")
    _, page = page_of("one")
    assert "Does it plan, remember, or recite, over 2 seeds?" in page.text
    assert "forced · 1" in page.text
    keep(path, update_of(path))
    html, page = page_of("one")
    alone, together = page.text.split("recite, over 2 seeds?")
    assert "Intervals are of 95 %, over classes of problems." in alone
    assert "2 runs that differ in their seed: one, two." in together
    assert (alone.count("forced · 1"), together.count("Derailed:")) == (1, 0)
    identities = re.findall(r' id="([^"]*)"', html)
    assert len(identities) == len(set(identities))


def test_what_stands_in_the_file_is_escaped(runs: Path) -> None:
    path = put(runs, "one")
    claims = [Claim(EVIL, (Measure(EVIL, 0.5, 0.9, 3, controls={EVIL: Control(0.5, why=EVIL)}),)).to_dict()]
    derailed = {"task": {EVIL: EVIL}, "at": 0, "forced": EVIL, "own": [EVIL], "wrote": [EVIL], "right": [EVIL]}
    keep(path, claims=claims, derailed=derailed, agents=[EVIL, EVIL])
    html, page = page_of("one")
    assert "<script" not in html
    assert page.text.count(EVIL) > 5
    keep(path, derailed={"task": 3, "own": [4]}, pictures=[], agents=4)
    assert "Derailed" not in page_of("one")[0]


def test_whole_ticks_are_whole() -> None:
    for top in (1, 3, 7, 10, 14, 30):
        ticks = Axis("step", top, compact, 0, 100, whole=True).ticks()
        assert all(tick == int(tick) for tick in ticks), (top, ticks)
        assert 2 <= len(ticks) <= 8
