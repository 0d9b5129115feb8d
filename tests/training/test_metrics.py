"""The line that a run keeps of an update, against plain counting."""

from __future__ import annotations

import io
import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import inwit
from inwit.commands.cli import main
from inwit.core.registry import Entry
from inwit.core.settings import Settings
from inwit.learners import LEARNERS
from inwit.learners.base import PlainLearner
from inwit.report.curves import level_at, stages
from inwit.report.select import Run
from inwit.runs.folder import Record
from inwit.runs.query import query
from inwit.runs.tracking import scalars
from inwit.training.loop import loop, optimise, prepare
from inwit.training.metrics import Update, mean_of, read_back
from inwit.training.progress import Progress
from soaking import quiet
from support import small_config, whole_lines


@pytest.mark.parametrize("learner", [{"id": "a2c", "group_size": 4}, {"id": "grpo", "group_size": 4}, {"id": "ppo"}])
def test_a_line_against_plain_counting(learner: dict[str, Any]) -> None:
    for update in islice(inwit.updates(small_config(learner=learner)), 3):
        line, rollout, kinds = update.line(), update.rollout, update.agent.world.kinds
        assert line.items() >= update.summary().items()
        names, use = update.agent.world.vocabulary.names, Counter()
        squares, chosen = 0.0, 0
        for row in range(len(rollout.tasks)):
            stage = str(kinds.stages[int(rollout.tasks.kind[row])])
            for column in range(rollout.tokens.shape[1]):
                if rollout.live[row, column] and rollout.chosen[row, column]:
                    use[stage, names[int(rollout.tokens[row, column])]] += 1
                    rest = float(rollout.reward[row, column:].sum())
                    squares += (float(rollout.values[row, column]) - rest) ** 2
                    chosen += 1
        assert {(s, name): count for s, counts in line["tokens_used"].items() for name, count in counts.items()} == use
        for stage, mean in line["mean_steps"].items():
            episodes = sum(str(kinds.stages[kind]) == stage for kind in rollout.tasks.kind.tolist())
            written = sum(count for (where, _), count in use.items() if where == stage)
            assert mean == pytest.approx(written / episodes)
        assert set(line["mean_steps"]) == {str(kinds.stages[kind]) for kind in rollout.tasks.kind.tolist()}
        assert line["value_error"] == pytest.approx((squares / chosen) ** 0.5)
        assert line["reward"] == pytest.approx(float(rollout.returns.mean()))
        returns = rollout.returns.tolist()
        groups = [set(returns[start : start + 4]) for start in range(0, 32, 4)]
        share = sum(len(group) > 1 for group in groups) / 8
        assert line["signal"] == pytest.approx(share if learner["id"] == "grpo" else float(len(set(returns)) > 1))
        json.dumps(line, allow_nan=False)


ANSWERS: dict[str, Any] = {
    "world": {"id": "lookup-v0", "queries": ["Tx", "TUx"], "fail": 0.5, "sure_price": 0.1},
    "training": {"episodes": 256, "confirm": False},
}


@pytest.mark.parametrize("learner", ["a2c", "ppo", "grpo", "rloo"])
def test_a_line_in_a_world_that_answers(learner: str) -> None:
    """Steps are chosen tokens; calls, sure calls and errors are means by stage; all of it becomes flat numbers."""
    for update in islice(inwit.updates(small_config(learner={"id": learner}, **ANSWERS)), 2):
        line, rollout = update.line(), update.rollout
        stage = update.agent.world.stage(rollout.tasks)
        for each in (0, 1):
            rows = stage == each
            if not bool(rows.any()):
                continue
            steps = (rollout.live & rollout.chosen)[rows].sum() / rows.sum()
            assert line["mean_steps"][str(each)] == pytest.approx(float(steps))
            for name in ("calls", "sure_calls", "errors"):
                mean = float(rollout.counts[name][rows].double().mean())
                assert line["counts"][name][str(each)] == pytest.approx(mean)
                assert scalars(line)[f"counts/{name}/{each}"] == pytest.approx(mean)
        assert int(rollout.counts["errors"].sum()) > 0
        assert line["positions"] > line["tokens"], "The world's tokens are read."
        json.dumps(line, allow_nan=False)


def test_everything_is_read_back_as_it_was() -> None:
    read = read_back({"a": torch.tensor(3), "b": torch.tensor([0.1, 2.0]), "c": torch.tensor(0.1)})
    assert read == {"a": 3.0, "b": torch.tensor([0.1, 2.0]).double().tolist(), "c": float(torch.tensor(0.1))}


def test_the_table_has_the_lines() -> None:
    """Parquet at the end, row for row what was written on the way."""
    import duckdb

    agent = inwit.train(small_config(training={"max_updates": 31, "confirm": False}), tell=quiet)
    assert agent.path is not None
    lines = whole_lines(agent.path / "metrics.jsonl")
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT update, loss, success['0'], tokens_used['0']['ANS'] FROM read_parquet(?) ORDER BY update",
            [str(agent.path / "metrics.parquet")],
        ).fetchall()
    expected = [
        (line["update"], line["loss"], line["success"]["0"], line["tokens_used"]["0"].get("ANS")) for line in lines
    ]
    assert found == expected
    assert len(found) == 4


# A stage that is nothing but test set.


def test_a_stage_that_is_nothing_but_test_set_has_no_success() -> None:
    """None in summaries and lines; nobody takes it for 0."""
    world = {"id": "calculator-v0", "max_operators": 2, "split": "longest"}
    update = next(inwit.updates(small_config(world=world)))
    line = update.line()
    assert (list(line["success"]), line["success"]["2"]) == (["1", "2"], None)
    assert line["success"]["1"] is not None
    assert json.loads(json.dumps(line, allow_nan=False))["success"]["2"] is None
    assert {"success/1", "loss"} <= set(scalars(line))
    assert "success/2" not in scalars(line)
    perfect = line | {"success": {"1": 1.0, "2": None}}
    run = Run(Record(Path("x"), "finished", {}, {}, {}), [line, perfect], [])
    assert stages([run]) == ["1"]
    assert level_at(run) is not None


def test_the_mean_of_a_stage_is_over_what_may_be_trained() -> None:
    """Held-out kinds of a stage, never tried, do not pull it down."""
    world = {"id": "calculator-v0", "max_operators": 3, "split": "classes"}
    parts = prepare(small_config(world=world))
    may_train = parts.curriculum.may_train
    for kind in may_train.nonzero()[:, 0].repeat(300).split(10_000):
        parts.curriculum.observe(kind, torch.ones_like(kind, dtype=torch.bool))
    [success] = [next(loop(parts)).summary()["success"]]
    assert not bool(may_train.all())
    assert min(rate for rate in success.values()) > 0.95


def test_a_run_with_such_a_stage_is_kept_and_queried() -> None:
    world = {"id": "calculator-v0", "max_operators": 2, "split": "longest"}
    agent = inwit.train(small_config(world=world, training={"confirm": False}), tell=quiet)
    assert agent.summary["success"]["2"] is None
    found = query("SELECT success['2'], success['1'] FROM metrics")
    assert len(found.rows) == 1


# Several optimiser steps.


def test_several_steps_report_their_mean() -> None:
    """PPO's metrics over its minibatches, against a twin that takes the same steps and keeps every report."""
    config = small_config(learner={"id": "ppo", "epochs": 3, "minibatches": 2}, training={"learning_rate": 0.01})
    update = next(loop(prepare(config)))
    twin, seen = prepare(config), []
    assert twin.optimiser is not None
    for loss, terms in twin.learner.losses(twin.agent.policy, update.rollout):
        seen.append(terms | optimise(twin.agent.policy, twin.optimiser, loss, config.training.max_grad_norm))
    assert len(seen) == 6
    for name, value in update.metrics.items():
        each = [float(terms[name]) for terms in seen]
        assert float(value) == pytest.approx(sum(each) / len(each), abs=1e-6), name
    assert float(seen[-1]["approx_kl"]) != pytest.approx(float(update.metrics["approx_kl"])), "It proves nothing."


def test_a_mean_is_over_the_steps_that_report_and_one_step_is_left_as_it_is() -> None:
    one = {"a": torch.tensor(0.1)}
    assert mean_of([one]) is one
    assert mean_of([]) == {}
    mixed = mean_of([one, {"a": torch.tensor(0.3), "b": torch.tensor(2)}, {"b": torch.tensor(5)}])
    assert {name: float(value) for name, value in mixed.items()} == pytest.approx({"a": 0.2, "b": 3.5})
    lost = mean_of([one, {"a": torch.tensor(float("nan"))}])
    assert bool(lost["a"].isnan()), "A number that is lost in any step is seen."


# What is computed with one episode on each problem.


@pytest.mark.parametrize("learner", [{"id": "oracle_cloning"}, {"id": "a2c", "group_size": 1}])
def test_signal_with_one_episode_on_each_problem(learner: dict[str, Any]) -> None:
    """Episodes are compared across problems, critic or not: in groups of one nothing could ever differ."""
    config = small_config(learner=learner, training={"episodes": 64})
    for update in islice(inwit.updates(config), 3):
        assert update.rollout.group_size == 1
        returns = update.rollout.returns
        assert update.line()["signal"] == float(bool((returns != returns[0]).any())) == 1.0


# A learner that reports little.


class Taciturn(PlainLearner):
    """Reports nothing; imitates whatever succeeded."""

    one_pass = True
    Settings = Settings

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def losses(self, policy: Any, rollout: Any) -> Any:
        yield rollout.outputs.logits.square().mean(), {}


@pytest.mark.parametrize("terminal", [True, False])
def test_a_learner_that_reports_nothing_is_shown_all_the_same(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNERS._entries, "taciturn", Entry(Taciturn, ""))
    config = small_config(learner={"id": "taciturn"})
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100)
    with Progress(console, config) as progress:
        agent = inwit.train(config, callback=progress, tell=quiet)
    assert "entropy" not in text.getvalue()
    assert "entropy" not in agent.summary
    assert "tokens/s" in text.getvalue()


def test_a_learner_that_reports_nothing_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(LEARNERS._entries, "taciturn", Entry(Taciturn, ""))
    words = ["train", "tutorial", "--learner.id", "taciturn", "--policy.width", "4", "--world.max_steps", "3"]
    assert main([*words, "--training.max_updates", "2", "--training.episodes", "32"]) == 0
    assert "update 2" in capsys.readouterr().out


def test_an_entropy_that_is_no_number_is_left_out_of_the_view() -> None:
    update = next(inwit.updates(small_config()))
    update.metrics["entropy"] = torch.tensor(float("nan"))
    text = io.StringIO()
    with Progress(Console(file=text, width=100), small_config()) as progress:
        progress(update)
    assert "entropy" not in text.getvalue()
    assert "success" in text.getvalue()


def test_progress_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error; the callback is still called, and may still end the training."""
    seen: list[int] = []

    def stop(update: Update) -> bool:
        seen.append(update.index)
        return update.index < 1

    agent = inwit.train(small_config(), progress=True, callback=stop)
    told = capsys.readouterr()
    assert told.err.startswith("update 1")
    assert not told.out
    assert seen == [0, 1]
    assert agent.summary["ended"] == "callback"
    assert agent.path is not None
    inwit.resume(agent.path, progress=True)
    assert "update 3" in capsys.readouterr().err


def test_progress_in_a_notebook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """IPython's own display, with a publisher that keeps what it is given: one place, whose content is replaced."""
    ipython = pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell

    shell, published = InteractiveShell(), []
    shell.display_pub.publish = lambda data, **more: published.append((data["text/html"], more))  # type: ignore[method-assign]
    shell.kernel = None
    monkeypatch.setattr(ipython, "get_ipython", lambda: shell)
    monkeypatch.setattr(InteractiveShell, "_instance", shell)
    monkeypatch.setattr("inwit.training.progress.time.monotonic", iter(range(100, 1000)).__next__)
    inwit.train(small_config(), progress=True)
    assert len(published) == 3
    assert all("stage 0" in html and "<table" in html for html, _ in published)
    assert [bool(more.get("update")) for _, more in published] == [False, True, True]
    assert not capsys.readouterr().err
