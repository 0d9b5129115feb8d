"""`inwit report`: whole, self-contained, escaped, readable without eyes, and made of whatever is there."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.commands.cli import main
from inwit.core.results import EXACT, Evaluation, Row, Split, Yardstick
from inwit.report.page import make_page
from inwit.report.select import select
from recorded import Page, edit, evaluated, lines, metric, put, setting
from results import DRAWN, PROVEN
from support import small_config

EVIL = "<script>alert('1')</script>\"&"


def page_of(*patterns: str) -> tuple[str, Page]:
    html = make_page(select(patterns))
    return html, Page(html)


@pytest.fixture
def mixed(runs: Path) -> Path:
    """Two groups and another world."""
    for seed in range(2):
        put(runs, f"run-{seed}", setting("seed", seed))
    put(runs, "other", setting("learner.entropy", 0.7))
    path = put(runs, "else", setting("world.id", "another-world"))
    lines(path, [metric(1, [0.5, 0.25])])
    return runs


@pytest.mark.slow
def test_one_run(runs: Path) -> None:
    put(runs, "one", long=True)
    _, page = page_of("one")
    for part in (
        "The result",
        "solves every one: 3 of 3 problems",
        "Solved and unsolved kinds of problem",
        "stage 1: 3 of 3 solved",
        "Learning",
        "Inside the learner",
        "Tools in the programs",
        "Program length",
        "Problems, token by token",
        "the oracle writes LOAD",
        "What was trained",
        "inwit train calculator --seed 0 --world.max_operators 1",
        "--policy.width 32",
        "1 operator, 0 slots",
    ):
        assert part in page.text, part
    assert "could not be looked at" not in page.text


def test_what_is_not_solved_is_shown(runs: Path) -> None:
    path = put(runs, "one")
    unsolved = json.loads((path / "evaluation.json").read_text())["unsolved"]
    assert unsolved
    _, page = page_of("one")
    for name in unsolved:
        assert f"✗ {name}" in page.text
    assert "✗ wrong" in page.text, "A problem that it does not solve is explained."


def test_it_is_complete_in_itself(mixed: Path) -> None:
    html, page = page_of("*")
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "action")], tag
        assert attributes.get("href", "#").startswith("#"), attributes
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"https?://", html)
    assert "default-src 'none'" in html


def test_every_string_is_escaped(runs: Path) -> None:
    def spoil(record: dict[str, Any]) -> None:
        record["versions"] = {EVIL: EVIL}
        record["status"] = EVIL
        record["config"] |= {"recipe": EVIL, "seed": EVIL, EVIL: {EVIL: EVIL}}
        record["config"]["learner"]["id"] = EVIL

    path = put(runs, "<img src=x onerror=alert(1)>", spoil)
    other = put(runs, "b", lambda record: (spoil(record), setting("policy.width", EVIL)(record)))
    for folder in (path, other):
        rates = {EVIL: 0.5, "1": 0.1}
        used = {"tokens_used": {EVIL: {EVIL: 3}}, "mean_steps": {EVIL: 4.0}}
        lines(folder, [{"update": 1, "seconds": 1, "tokens": 10, "success": rates, **used}])
        (folder / "events.jsonl").write_text(json.dumps({"message": EVIL}) + "\n")
        evaluation = json.loads((folder / "evaluation.json").read_text())
        evaluation |= {"known_limit": EVIL, "world": EVIL, "unsolved": [EVIL]}
        row = evaluation["rows"][0]
        row |= {"name": EVIL, "labels": {EVIL: EVIL}, "extra": {EVIL: 1, "program": [EVIL]}}
        row["yardsticks"] |= {EVIL: {"known": "exact", "success": 0.5, "program": [EVIL], "why": EVIL}}
        row["yardsticks"] |= {f"{EVIL}2": {"known": "not searched", "why": EVIL}}
        evaluation |= {"method": EVIL}
        (folder / "evaluation.json").write_text(json.dumps(evaluation))
        (folder / "evaluations.jsonl").unlink(missing_ok=True)
    for patterns in (["b"], ["*"]):
        html, page = page_of(*patterns)
        assert "<script" not in html
        assert "<img" not in html
        assert EVIL in page.text, "What is escaped is still shown."


def test_it_can_be_read_without_eyes(mixed: Path) -> None:
    _, page = page_of("*")
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities)), "Every id is there once."
    charts = [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]
    assert len(charts) > 8
    for chart in charts:
        for reference in chart["aria-labelledby"].split():
            assert reference in identities
    assert all(svg.get("role") == "img" or svg.get("aria-hidden") == "true" for svg in page.all("svg"))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all("scope" in heading for heading in page.all("th"))
    for link in page.all("a"):
        assert link["href"].removeprefix("#") in identities


def test_different_worlds_stand_apart(mixed: Path) -> None:
    _, page = page_of("*")
    assert "cannot be compared" in page.text
    assert "another-world: 1 run" in page.text
    assert len(page.all("article")) == 2


def test_tools_over_training_where_the_metrics_tell(runs: Path) -> None:
    path = put(runs, "one")
    _, before = page_of("one")
    rows = [
        metric(update, [0.5], tokens_used={"1": {"ADD": 6, "ANS": 2 * update}}, mean_steps={"1": 5 - update / 100})
        for update in (1, 11, 21)
    ]
    lines(path, rows)
    _, after = page_of("one")
    assert "Tokens written in" not in before.text or "tokens_used" in (path / "metrics.jsonl").read_text()
    assert "Tokens written in stage 1" in after.text
    assert "ANS ends at 88 %" in after.text
    assert "Tokens in a program, over training" in after.text


def test_one_chart_of_the_value_and_only_where_it_is_trained(runs: Path) -> None:
    path = put(runs, "one")
    for more, count in (
        ({"value_error": 0.5, "value_loss": 0.1}, 1),
        ({"value_loss": 0.1}, 1),
        ({"value_error": 9}, 0),
    ):
        lines(path, [metric(update, [0.5], **more) for update in (1, 11)])
        _, page = page_of("one")
        assert page.text.count("Value errorvalue error against tokens") + page.text.count("Value error\n") == 2 * count


@pytest.mark.parametrize("missing", ["weights.safetensors", "evaluation.json", "metrics.jsonl"])
def test_what_is_missing_is_said_or_left_out(runs: Path, missing: str) -> None:
    path = put(runs, "one")
    (path / missing).unlink()
    if missing == "evaluation.json":
        (path / "evaluations.jsonl").unlink(missing_ok=True)
    _, page = page_of("one")
    said = {
        "weights.safetensors": "could not be looked at: the run one has no weights.safetensors",
        "evaluation.json": "inwit evaluate one",
        "metrics.jsonl": "The result",
    }
    assert said[missing] in page.text
    assert str(runs) not in page.text, "The page tells nothing of the machine's folders."


def test_a_run_that_goes_on(runs: Path) -> None:
    path = put(runs, "going", lambda record: record.update(status="running", summary={}))
    lines(path, [metric(1, [0.0]), metric(11, [0.5])])
    _, page = page_of("going")
    assert "status: stopped" in page.text
    assert "in 11 updates" in page.text
    assert "this is the agent of going/checkpoints/000021" in page.text
    assert "Problems, token by token" in page.text


def test_a_run_of_a_world_that_is_not_here(runs: Path) -> None:
    put(runs, "one", setting("world.id", "their-world"))
    _, page = page_of("one")
    assert "their-world" in page.text
    assert "could not be looked at" in page.text


def test_what_was_said_while_training(runs: Path) -> None:
    """By a real training that has a reason, and torn."""
    told: list[str] = []
    config = small_config(
        world={"max_steps": 1}, learner={"id": "grpo", "group_size": 4}, training={"confirm": False, "max_updates": 41}
    )
    agent = inwit.train(config, tell=told.append)
    assert agent.path is not None
    assert any("no learning signal" in text for text in told), told
    with (agent.path / "events.jsonl").open("a") as file:
        file.write(f'{json.dumps({"text": told[0]})}\n{{"te')
    _, page = page_of(agent.path.name)
    assert all(page.text.count(text) == 1 for text in told)


def test_ten_runs_are_one_small_file(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(5):
        put(runs, f"a{seed}", setting("seed", seed))
        put(
            runs,
            f"b{seed}",
            lambda record, seed=seed: [setting("seed", seed)(record), setting("learner.entropy", 1)(record)],
        )
    out = tmp_path / "page.html"
    assert main(["report", "*", "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert out.stat().st_size < 3_000_000
    assert "10 runs compared" in Page(out.read_text()).text


def test_many_groups(runs: Path) -> None:
    for place in range(9):
        put(runs, f"run-{place}", setting("learner.entropy", place / 10))
    _, page = page_of("*")
    assert page.text.count("A closer look: ") == 4, "Not every agent is looked at."


@pytest.mark.parametrize("out", ["", "none/page.html"])
def test_a_page_that_cannot_be_written(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    put(runs, "one")
    assert main(["report", "one", "--out", str(tmp_path / out)]) == 2
    streams = capsys.readouterr()
    assert "cannot write" in streams.err
    assert len(streams.err.splitlines()) == 1


def test_a_page_that_nobody_named_replaces_pages_of_its_own_alone(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(runs, "a")
    monkeypatch.chdir(tmp_path)
    Path("report.html").write_text("mine")
    assert main(["report", "a"]) == 2
    assert "report.html here is no page of inwit's" in capsys.readouterr().err
    assert Path("report.html").read_text() == "mine"
    assert main(["report", "a", "--out", "report.html"]) == 0, "This one was named."
    assert main(["report", "a"]) == 0


def test_the_template_is_part_of_the_package() -> None:
    for name in ("page.html.j2", "style.css"):
        assert files("inwit.report").joinpath(name).is_file()


def test_the_page_is_the_same_twice(runs: Path) -> None:
    put(runs, "one")
    first, _ = page_of("one")
    time.sleep(0.01)
    assert page_of("one")[0] == first


def test_what_was_held_out_stands_apart(runs: Path) -> None:
    split = Split("classes", {"1": (1, 2)}, {"1": (0, 1)}, twins=1)
    evaluated(put(runs, "one"), replace(PROVEN, split=split))
    _, page = page_of("one")
    for part in (
        "Of the 1 that were held out of training it solves 0",
        "of 1 never drawn in training",
        "1 of 2",
        "leaks",
    ):
        assert part in page.text, part


@pytest.mark.parametrize("evaluation", [PROVEN, DRAWN], ids=["proven", "sampled"])
def test_the_result_of_any_world(runs: Path, evaluation: Evaluation) -> None:
    """Rows and yardsticks by their own names; what is not known is said, what is sampled marked."""
    evaluated(put(runs, "one"), evaluation)
    html, page = page_of("one")
    for part in (
        evaluation.method,
        "LEFT LEFT OPEN",
        "blind: sees no prompt",
        "oracle, not searched: it is too large to search (two doors, far apart)",
        "not searched",
        "doors have no locks",
        "1.037 ×",
    ):
        assert part in page.text, part
    assert html.count("<th scope=row>two doors, far apart") == 2
    for name in ("greedy", "blind", "oracle"):
        assert f"<span>{name}</span>" in html, f"{name} is not in the legend."
        assert f'<th scope="col" class="right">{name}</th>' in html, f"{name} is no column."
    assert ("every problem" in page.text.partition("Learning")[0]) == evaluation.proven
    assert ("~100 % (90.0 to 100.0)" in page.text) != evaluation.proven
    assert ("sampled problems" in page.text) != evaluation.proven


def test_unsolved_test_expressions_are_shown_apart(runs: Path) -> None:
    agent = inwit.train(
        "calculator-heldout",
        world={"max_operators": 3},
        policy={"width": 4},
        training={"episodes": 8, "max_updates": 1},
    )
    assert agent.path is not None
    _, page = page_of(agent.path.name)
    assert "stage 3, held out of training: 0 of 14 solved" in page.text
    assert "stage 3: 0 of 121 solved" in page.text


@pytest.mark.parametrize("critic", [True, False])
def test_a_value_is_shown_where_one_was_trained(runs: Path, critic: bool) -> None:
    path = put(runs, "one")
    lines(path, [metric(1, [0.5], **({"value_loss": 0.1} if critic else {}))])
    _, page = page_of("one")
    assert ("the value that it expected" in page.text) == critic
    assert any(item.get("class") == "meter" for item in page.all("div")) == critic


def test_when_a_run_was_confirmed(runs: Path) -> None:
    put(runs, "solved", long=True)
    put(runs, "not")
    assert "it was confirmed to solve every problem that it trains on" in page_of("solved")[1].text
    assert "it was confirmed to solve everything" not in page_of("not")[1].text


def test_an_agent_may_take_fewer_tokens_than_the_oracle(runs: Path) -> None:
    """The oracle can be one program for all problems of a row: it is called no best that there can be."""
    row = Row("stage 0", 0, 10, 10, 6.5, 7.0, {"oracle": Yardstick(EXACT, 1.0, 7.0)})
    evaluated(put(runs, "one"), Evaluation("tutorial-v1", [row], True, "greedy, on every problem"))
    html, page = page_of("one")
    assert "agent 6.50, oracle 7.00" in html
    assert "oracle, on the same" in page.text
    assert "best possible" not in html


@pytest.mark.slow
def test_the_tutorial(runs: Path) -> None:
    agent = inwit.train(small_config(training={"max_updates": 30}))
    assert agent.path is not None
    _, bare = page_of("latest")
    assert "inwit evaluate" in bare.text
    from inwit.runs.writing import save_evaluation

    save_evaluation(agent, inwit.evaluate(agent).to_dict())
    edit(agent.path, lambda record: None)
    _, page = page_of(agent.path.name)
    for part in (
        "stage 2",
        "100,000",
        "MUL ADD STO MUL RCL SUB ANS",
        "shortcut",
        "Known limit",
        "the oracle writes",
    ):
        assert part in page.text, part
    assert len([item for item in page.all("ol") if item.get("class") == "strip"]) == 6
