"""The oracle's programs as a learner gets them, and what it makes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

import inwit
from inwit import UserError
from inwit.core.seeding import stream
from inwit.learners.oracle_cloning import OracleCloning
from inwit.rollout.collect import collect
from inwit.training.config import resolve
from inwit.worlds.oracle.programs import NO_TOKEN, OraclePrograms, oracle_for
from inwit.worlds.oracle.shortest import shortest
from inwit.worlds.running import perform
from support import all_kinds, make_world, small_policy


def performed(world: Any, tasks: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether each task's program is right, and its length; the filling is carried out, too: it comes after the end."""
    programs = OraclePrograms(world)(tasks)
    success, _ = perform(world, tasks, programs.clamp_min(0))
    return success, (programs != NO_TOKEN).sum(1)


@pytest.mark.parametrize("settings", [{"max_operators": 3}, {"max_operators": 2, "names": "any", "letters": 7}])
def test_programs_are_right_and_shortest(settings: dict[str, Any]) -> None:
    """Also where letters are drawn: each program names its own task's."""
    world = make_world("calculator-v0", **settings)
    tasks = world.sample(all_kinds(world, 3), stream(0, "tasks"))
    success, lengths = performed(world, tasks)
    assert bool(success.all())
    expressions = [task["expression"] for task in world.describe(tasks)]
    assert lengths.tolist() == [shortest(expression, 1).length for expression in expressions]


def test_programs_of_the_tutorial_are_right_on_every_problem() -> None:
    world = make_world("tutorial-v1")
    success, lengths = performed(world, world.sample(all_kinds(world, 50), stream(0, "tasks")))
    assert bool(success.all())
    assert lengths.unique().tolist() == [3, 4, 7]


def test_where_there_is_no_program_there_is_none() -> None:
    """Without a slot (a*b)-(c*d) has no program; and 5 steps are too few for the last stage of the tutorial."""
    world = make_world("calculator-v0", num_slots=0)
    _, lengths = performed(world, world.greedy_tasks())
    assert {world.kinds.names[kind] for kind in (lengths == 0).nonzero()[:, 0].tolist()} == {
        *("(a*b)-(c*d)", "(a*b)+(c*d)", "(a+b)*(c+d)", "(a+b)*(c-d)", "(a-b)*(c+d)", "(a-b)*(c-d)")
    }
    short = make_world("tutorial-v1", max_steps=5)
    assert performed(short, short.sample(all_kinds(short, 1), stream(0, "tasks")))[1].tolist() == [3, 4, 0]


@pytest.mark.parametrize("split", ["classes", "text", "longest"])
def test_nothing_of_the_test_set_is_handed_out(split: str) -> None:
    world = make_world("calculator-v0", split=split)
    _, lengths = performed(world, world.greedy_tasks())
    assert world.kinds.held_out
    assert tuple((lengths == 0).nonzero()[:, 0].tolist()) == world.kinds.held_out


@pytest.mark.parametrize(
    ("world", "named"), [({"tools": ["ADD", "MAX"]}, "nobody knows"), ({"max_operators": 5}, "at most 4")]
)
def test_worlds_without_known_programs_are_refused(world: dict[str, Any], named: str) -> None:
    config = {"learner": {"id": "oracle_cloning"}, "hindsight": {"rows": 0}, "training": {"confirm": False}}
    with pytest.raises(UserError, match=named) as refused:
        inwit.updates("calculator", world=world, **config)
    assert "oracle_cloning" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_loss_is_the_mean_log_likelihood_of_the_programs() -> None:
    """Against a loop over rows without padding; a row without a program counts for nothing."""
    world = make_world("calculator-v0", max_operators=3, num_slots=0)
    policy = small_policy("gru", world)
    tasks = world.greedy_tasks()
    rollout = replace(collect(world, policy, tasks), oracle=oracle_for(world)(tasks))
    [(loss, metrics)] = OracleCloning(OracleCloning.Settings()).losses(policy, rollout)
    total, entropies = [], []
    for row, program in enumerate(_rows(rollout)):
        if not program:
            continue
        prompt = (rollout.prompt[row : row + 1], rollout.prompt_mask[row : row + 1], rollout.stage[row : row + 1])
        shares = torch.softmax(policy.replay(*prompt, torch.tensor([program])).logits[0].detach(), -1)
        total += [-float(shares[place, token].log()) for place, token in enumerate(program)]
        entropies += [-float((share * share.log()).sum()) for share in shares]
    assert any(not program for program in _rows(rollout)), "No row is without a program: the test would prove less."
    assert float(loss.detach()) == pytest.approx(sum(total) / len(total), abs=1e-5)
    assert float(metrics["entropy"]) == pytest.approx(sum(entropies) / len(entropies), abs=1e-5)


def _rows(rollout: Any) -> list[list[int]]:
    told = rollout.oracle
    return [row[chosen].tolist() for row, chosen in zip(told.tokens, told.chosen, strict=True)]


def test_other_learners_never_see_the_oracle() -> None:
    """Only the learner that is named after it is handed its programs."""
    small: dict[str, Any] = {"world": {"max_operators": 1}, "policy": {"width": 4}, "training": {"episodes": 16}}
    seen = {}
    for learner in ("a2c", "oracle_cloning"):
        update = next(inwit.updates(resolve("calculator", learner={"id": learner}, hindsight={"rows": 0}, **small)))
        seen[learner] = update.rollout.oracle is not None
    assert seen == {"a2c": False, "oracle_cloning": True}


@pytest.mark.slow
def test_the_ceiling_of_the_calculator() -> None:
    """Told the best programs, the recipe's network writes all of them at their shortest length: it is strong enough."""
    small = {"max_operators": 2}  # with three it takes five times as long, and does so, too
    told = {"learner": {"id": "oracle_cloning"}, "hindsight": {"rows": 0}, "training": {"max_updates": 300}}
    *_, last = inwit.updates("calculator", world=small, **told)
    evaluation = inwit.evaluate(last.agent)
    assert (evaluation.solved, evaluation.problems) == (21, 21), f"Not solved: {evaluation.unsolved}."
    assert evaluation.cost_over_best == 1.0
