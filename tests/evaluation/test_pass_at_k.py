"""pass@k against counting, and controls against what they take away."""

from __future__ import annotations

import json
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import inwit
from calculating import calculator_agent, writing
from command_line import printed_json, run
from inwit import UserError
from inwit.core.intervals import pass_at_k as unbiased
from inwit.core.seeding import stream
from inwit.core.types import Output
from inwit.evaluation.exact import evaluate, others, others_shown
from inwit.evaluation.pass_at_k import Estimate, PassAtK, pass_at_k
from inwit.rollout.collect import collect
from inwit.worlds.oracle.shortest import shortest_table
from scripts import scripted
from support import untrained

WRONG = ["LOAD", "a", "ANS"]


def best_programs() -> dict[str, list[str]]:
    return {name: best.program or [] for name, best in shortest_table(2, 1).items()}


@given(samples=st.integers(1, 12), data=st.data())
def test_the_estimator_is_the_mean_over_all_choices_of_k(samples: int, data: st.DataObject) -> None:
    """Of all ways to choose k of N samples, the share in which at least one is right."""
    right, k = data.draw(st.integers(0, samples)), data.draw(st.integers(1, samples))
    outcomes = [True] * right + [False] * (samples - right)
    choices = [any(chosen) for chosen in combinations(outcomes, k)]
    [estimate] = unbiased(np.array([right]), samples, k)
    assert estimate == pytest.approx(sum(choices) / len(choices))
    assert estimate == pytest.approx(1 - comb(samples - right, k) / comb(samples, k))


@given(chance=st.floats(0, 1), k=st.integers(1, 6))
def test_the_estimator_is_unbiased(chance: float, k: int) -> None:
    """Its mean over the binomial distribution of `right` is the chance that one of k is right."""
    samples = 8
    right = np.arange(samples + 1)
    weights = np.array([comb(samples, c) * chance**c * (1 - chance) ** (samples - c) for c in right])
    assert float((weights * unbiased(right, samples, k)).sum()) == pytest.approx(1 - (1 - chance) ** k)


def test_many_samples_do_not_overflow() -> None:
    assert unbiased(np.array([0, 1, 100_000]), 100_000, 1000).tolist() == [0.0, pytest.approx(0.01), 1.0]


def test_a_sure_policy_passes_always() -> None:
    """Sharp logits: samples are what the greedy agent writes. One expression has a wrong program."""
    programs = best_programs()
    agent = writing(programs | {"a+b": WRONG}, max_operators=2)
    sharpen(agent.policy)
    told = pass_at_k(agent, 2, 4)
    assert told.all_problems
    assert told.overall.problems == 21
    assert told.overall.estimate == pytest.approx(20 / 21)
    assert [(each.stage, each.problems, each.held_out) for each in told.stages] == [(1, 3, False), (2, 18, False)]
    assert told.stages[0].estimate == pytest.approx(2 / 3)
    assert told.stages[1].estimate == 1.0


def sharpen(policy: Any) -> None:
    """Make what a policy does certain, also when it is sampled."""
    answer = policy.answer

    def certain(*place: torch.Tensor) -> Any:
        output, memory = answer(*place)
        return Output(output.logits * 100, output.value), memory

    policy.answer = certain


def test_pass_at_1_is_the_mean_success_of_samples_and_grows_with_k() -> None:
    """A policy that is unsure: pass@1 does not depend on N but by luck, and more tries help."""
    agent = writing(best_programs(), max_operators=2)  # logits of 9 among some twenty: mostly right
    one, more = pass_at_k(agent, 1, 256), pass_at_k(agent, 8, 256)
    assert 0.9 < one.overall.estimate < 1.0
    assert one.overall.estimate < more.overall.estimate <= 1.0
    generator = stream(5, "other draws")
    tasks = agent.world.greedy_tasks()
    fresh = inwit.collect(agent.world, agent.policy, tasks, group_size=256, generator=generator)
    assert float(fresh.success.float().mean()) == pytest.approx(one.overall.estimate, abs=0.02)


def test_the_same_agent_gives_the_same_result_and_touches_no_global_generator() -> None:
    agent = calculator_agent(world={"max_operators": 2})
    torch.manual_seed(3)
    before, one = torch.get_rng_state(), pass_at_k(agent, 2)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert pass_at_k(agent, 2) == one
    assert one.samples == 16


def test_the_tutorial_is_sampled() -> None:
    told = pass_at_k(untrained(), 4, 8)
    assert not told.all_problems
    assert [(each.stage, each.problems) for each in told.stages] == [(0, 256), (1, 256), (2, 256)]
    assert told.stages[2].estimate < told.stages[0].estimate, "A random policy solves stage 0 more often."


def test_a_test_set_of_whole_stages_stands_apart() -> None:
    told = pass_at_k(calculator_agent(world={"split": "longest"}), 1, 1)
    assert [(each.stage, each.held_out, each.problems) for each in told.stages] == [
        (1, False, 3),
        (2, False, 18),
        (3, True, 135),
    ]


def test_the_test_set_stands_apart() -> None:
    agent = calculator_agent(world={"split": "classes"})
    told = pass_at_k(agent, 1, 1)
    apart = {(each.stage, each.held_out): each.problems for each in told.stages}
    assert apart == {(1, False): 3, (2, False): 18, (3, False): 135 - apart[3, True], (3, True): apart[3, True]}
    assert sum(apart.values()) == told.overall.problems == 156


@pytest.mark.parametrize(
    ("k", "samples", "named"),
    [
        (0, None, "^k = 0 is out of range"),
        (4, 3, "samples = 3.* at least k = 4"),
        (1.5, None, "1.5"),
        (True, None, "True"),
        (10**6, None, "100000"),
    ],
)
def test_numbers_that_do_not_fit(k: Any, samples: Any, named: str) -> None:
    with pytest.raises(UserError, match=named):
        pass_at_k(untrained(), k, samples)


@given(stages=st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_others_are_others_of_the_same_stage(stages: list[int]) -> None:
    stage = torch.tensor(stages)
    chosen = others(stage, torch.arange(len(stages)))
    assert sorted(chosen.tolist()) == list(range(len(stages))), "Everyone's prompt is shown once."
    assert torch.equal(stage[chosen], stage)
    for row, other in enumerate(chosen.tolist()):
        assert other != row or stages.count(stages[row]) == 1


@given(rows=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=30))
def test_others_have_another_prompt(rows: list[tuple[int, int]]) -> None:
    """Where no prompt is that of more than half of a stage's rows, nobody is shown the own one again."""
    stage, prompt = torch.tensor(rows).T
    chosen = others(stage, prompt).tolist()
    assert sorted(chosen) == list(range(len(rows)))
    for row, other in zip(rows, chosen, strict=True):
        assert rows[other][0] == row[0]
        members = [of for at, of in rows if at == row[0]]
        assert rows[other] != row or 2 * max(members.count(each) for each in members) > len(members)


def test_where_all_problems_have_one_prompt_there_is_no_control() -> None:
    """Digits are not shown: whatever the problem, the prompt of a stage with one expression is the same."""
    agent = writing({"a^b": ["LOAD", "a", "MAX", "b", "ANS"]}, max_operators=1, tools=("MAX",))
    assert (told := evaluate(agent)).solved == told.problems == 2048
    for run_under in (lambda: evaluate(agent, "shuffled-prompt"), lambda: pass_at_k(agent, 1, 4, "shuffled-prompt")):
        with pytest.raises(UserError, match="one prompt alone"):
            run_under()


def _shown(stages: tuple[int, ...]) -> list[int]:
    return others(torch.tensor(stages), torch.arange(len(stages))).tolist()


def test_with_another_prompt_the_oracle_is_right_only_by_twins() -> None:
    """It writes the best program for the expression that it is shown: right where that one has the same polynomial."""
    agent = writing(best_programs(), max_operators=2)
    assert evaluate(agent).solved == 21
    blind = evaluate(agent, "shuffled-prompt")
    classes, shown = agent.world.kinds.classes, _shown(agent.world.kinds.stages)
    assert blind.solved == sum(classes[kind] == classes[other] for kind, other in enumerate(shown)) < 8


def test_a_policy_that_does_not_read_loses_nothing() -> None:
    agent = writing(dict.fromkeys(best_programs(), best_programs()["a+b"]), max_operators=2)
    assert evaluate(agent, "shuffled-prompt") == evaluate(agent)


def test_shuffling_changes_the_prompt_alone() -> None:
    agent = untrained()
    tasks = agent.world.sample(torch.tensor([0, 1, 2] * 40), stream(0, "tasks"))
    [shown] = others_shown(agent.world, [tasks], "shuffled-prompt")
    prompt = agent.world.prompt(tasks)[0].unique(dim=0, return_inverse=True)[1]
    other = others(agent.world.stage(tasks), prompt)
    assert torch.equal(shown.data["operands"], tasks.data["operands"][other])
    told = inwit.collect(agent.world, agent.policy, tasks, shown=shown)
    assert torch.equal(told.prompt, agent.world.prompt(tasks)[0][other])
    assert told.tasks is tasks


@pytest.mark.parametrize("samples", [2, 64, 4096, 5000])
def test_a_control_takes_as_much_away_however_many_samples(samples: int) -> None:
    """However few problems are run at a time, each is shown another one's prompt."""
    agent = writing({name: best for name, best in best_programs().items() if len(best) == 5}, max_operators=1)
    sharpen(agent.policy)
    assert pass_at_k(agent, 1, samples).overall.estimate == 1.0
    assert pass_at_k(agent, 1, samples, control="shuffled-prompt").overall.estimate == 0.0


def test_a_stage_with_one_problem_has_no_other_prompt() -> None:
    agent = writing({"a+b": best_programs()["a+b"]}, max_operators=1, tools=("ADD",))
    for run_under in (lambda: evaluate(agent, "shuffled-prompt"), lambda: pass_at_k(agent, 1, 4, "shuffled-prompt")):
        with pytest.raises(UserError, match="one prompt alone"):
            run_under()


@pytest.mark.parametrize(("samples", "sizes"), [(5000, {4096, 904}), (4096, {4096}), (17, {17})])
def test_the_last_portion_of_samples_is_smaller(samples: int, sizes: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 samples are 4,096 and 904: no more episodes than were asked for."""
    agent, seen = writing(best_programs(), max_operators=1), []

    def noted(*args: Any, group_size: int, **options: Any) -> Any:
        seen.append(group_size)
        return collect(*args, group_size=group_size, **options)

    monkeypatch.setattr("inwit.evaluation.pass_at_k.collect", noted)
    measured = pass_at_k(agent, 1, samples)
    assert set(seen) == sizes
    assert measured.overall.estimate <= 1.0
    assert all(each.low <= each.high <= 1.0 for each in measured.stages)


def trained_run() -> str:
    small: dict[str, Any] = {"world": {"max_operators": 2}, "policy": {"width": 4}}
    return str(inwit.train("calculator", training={"episodes": 16, "max_updates": 1}, **small).path)


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On request only: without the flags the JSON is the contract's, and only the exact result is kept."""
    path = trained_run()
    assert run("evaluate", path, "--json") == 0
    plain = printed_json(capsys)
    assert not {"pass_at_k", "control"} & set(plain)
    flags = ["--pass-at", "2", "--samples", "8", "--control", "shuffled-prompt"]
    assert run("evaluate", path, "--json", *flags) == 0
    told = printed_json(capsys)
    assert set(told) - set(plain) == {"pass_at_k", "control"}
    assert (told["control"], told["pass_at_k"]["k"], told["pass_at_k"]["samples"]) == ("shuffled-prompt", 2, 8)
    overall = told["pass_at_k"]["overall"]
    assert overall["low"] <= overall["estimate"] <= overall["high"]
    assert json.loads(inwit.load(path).path.joinpath("evaluation.json").read_text()) == plain  # type: ignore[union-attr]
    assert run("evaluate", path, *flags) == 0
    text = capsys.readouterr().out
    for words in ("control: shuffled-prompt", "pass@2, from 8 sampled programs", "95 % interval"):
        assert words in text


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--pass-at", "0"], "k = 0"),
        (["--pass-at", "x"], "--pass-at = 'x'"),
        (["--pass-at", "8", "--samples", "4"], "samples = 4"),
        (["--samples", "4"], "--pass-at"),
        (["--control", "shuffled"], "shuffled-prompt"),
    ],
)
def test_mistakes(flags: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = trained_run()
    capsys.readouterr()
    assert run("evaluate", path, *flags) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert named in output.err


def test_the_result_is_plain_data() -> None:
    told = pass_at_k(untrained(), 1, 2)
    assert isinstance(told, PassAtK)
    assert json.loads(json.dumps(told.to_dict(), allow_nan=False)) == told.to_dict()


def test_an_interval_close_to_everything_can_be_read() -> None:
    shown = PassAtK(1, 16, True, Estimate(9, 0.9998, 0.99951, 0.99999), [])._repr_html_()
    assert "99.95 % to &gt; 99.99 %" in shown


def test_in_a_world_that_draws_problems_are_a_sample_with_one_hidden_part_each() -> None:
    """The agent that asks and keeps no answer is right in one world of five: not oftener for all its samples."""
    agent = scripted("F 1 0 ANS 2", world={"id": "lookup-v0", "queries": ["Tx"]}, training={"confirm": False})
    found = inwit.pass_at_k(agent, 4)
    assert not found.all_problems
    assert found.overall.estimate == pytest.approx(0.2, abs=0.06)
    assert found.overall.low < 0.2 < found.overall.high
