"""Rehearsal: what it keeps, against counting; what it may not do; that it helps."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import inwit
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.learners.auxiliary.rehearsal import CANDIDATES, FRESH, Rehearsal, RehearsalSettings
from inwit.training.loop import prepare
from inwit.worlds.oracle.programs import oracle_program
from inwit.worlds.running import perform
from support import make_world, small_config, small_policy
from worlds_from_outside import Echo


def practised(world: Any, updates: int, programs: int = 512) -> Rehearsal:
    rehearsal = Rehearsal(RehearsalSettings(rows=16, programs=programs), world)
    generator = stream(0, "rehearsal")
    for _ in range(updates):
        rehearsal.practise(generator)
    return rehearsal


def known(rehearsal: Rehearsal, kind: int) -> tuple[int, ...]:
    return tuple(rehearsal.programs[kind, : rehearsal.length[kind]].tolist())


def test_it_finds_the_tutorials_programs_without_being_told() -> None:
    """Right on all fresh problems and shortest: the oracle's, which it has never seen."""
    world = make_world("tutorial-v1", masks=False)
    rehearsal = practised(world, 60)
    for kind in range(3):
        assert known(rehearsal, kind) == oracle_program(world, kind)
        assert int(rehearsal.score[kind]) == FRESH * (world.num_columns + 1) - len(known(rehearsal, kind))


@pytest.mark.parametrize("auxiliary", ["rehearsal", "hindsight"])
def test_a_world_that_answers_is_refused_in_one_line(auxiliary: str) -> None:
    """Whether it draws or not: a fixed program cannot read answers."""
    with pytest.raises(UserError, match=rf"{auxiliary}\.rows = 4: lookup-v0 .*; use 0$"):
        prepare(small_config(world={"id": "lookup-v0"}, training={"confirm": False}, **{auxiliary: {"rows": 4}}))
    with pytest.raises(UserError, match=r"rehearsal\.rows = 16: tutorial-echo answers the agent"):
        practised(Echo(Echo.Settings()), 0)


def test_a_score_only_grows_and_belongs_to_its_program() -> None:
    """After every update; a lucky program gives way to a better one."""
    world = make_world("tutorial-v1")
    rehearsal, generator, before = practised(world, 0), stream(1, "rehearsal"), torch.full((3,), -1)
    seen = set()
    for _ in range(12):
        rehearsal.practise(generator)
        assert bool((rehearsal.score >= before).all())
        before = rehearsal.score.clone()
        for kind in range(3):
            program = known(rehearsal, kind)
            assert bool(program) == (int(before[kind]) >= 0)
            right = -(-int(before[kind]) // (world.num_columns + 1))
            assert int(before[kind]) in (-1, right * (world.num_columns + 1) - len(program))
            seen.add((kind, program))
            if program:
                tasks = world.sample(torch.full((2000,), kind), stream(2, "fresh"))
                success, _ = perform(world, tasks, torch.tensor(program).expand(2000, -1))
                assert abs(float(success.float().mean()) - right / FRESH) < 0.3, "The score is another program's."
    assert len(seen) > 3, "Nothing was ever replaced: the test would prove less."


def test_where_nothing_is_right_nothing_is_kept() -> None:
    """Two steps are too few for any answer that is right."""
    rehearsal = practised(make_world("tutorial-v1", max_steps=1), 3)
    assert rehearsal.score.tolist() == [-1, -1, -1]
    world = make_world("tutorial-v1")
    loss, metrics = Rehearsal(RehearsalSettings(rows=4), world).loss(
        small_policy("gru", world), {"rehearsal": stream(0, "loss")}
    )
    assert (float(loss.detach()), float(metrics["rehearsed"])) == (0.0, 0.0)


def test_what_is_tried_goes_where_nothing_good_is_known() -> None:
    """Of the first programs most; of those that are tried again all, if there are enough of them."""
    world = make_world("tutorial-v1")
    rehearsal, drawn, sample = practised(world, 0, programs=4096), [], world.sample

    def watched(kinds: torch.Tensor, generator: torch.Generator) -> Any:
        drawn.append(kinds.bincount(minlength=3).tolist())
        return sample(kinds, generator)

    world.sample = watched
    rehearsal.practise(stream(0, "rehearsal"))
    assert all(abs(count - 4096 / 3) < 200 for count in drawn[0]), "Nothing is known yet: all kinds alike."
    rehearsal.score[:2], rehearsal.score[2] = FRESH * (world.num_columns + 1) - 3, -1
    drawn.clear()
    rehearsal.practise(stream(1, "rehearsal"))
    first, again = drawn
    assert first[2] > 3400, f"{first} programs, of which the first two kinds have no need."
    assert min(first) > 50, "A kind that has a program may have a shorter one: it must not be forgotten."
    assert again == [0, 0, CANDIDATES * FRESH], "An easy kind's programs take the places of those that are needed."


def test_nothing_of_the_test_set_is_tried() -> None:
    world = make_world("calculator-v0", split="classes")
    drawn: set[int] = set()
    sample = world.sample

    def watched(kinds: torch.Tensor, generator: torch.Generator) -> Any:
        drawn.update(kinds.tolist())
        return sample(kinds, generator)

    world.sample = watched
    rehearsal = practised(world, 3)
    rehearsal.loss(small_policy("gru", world), {"rehearsal": stream(0, "loss")})
    assert len(drawn) > 80
    assert not drawn & set(world.kinds.held_out)
    assert rehearsal.score[list(world.kinds.held_out)].unique().tolist() == [-1]


def test_the_loss_is_the_mean_log_likelihood_of_the_kinds_programs() -> None:
    world = make_world("tutorial-v1", masks=False)
    policy, rehearsal = small_policy("gru", world), practised(world, 60)
    rows = rehearsal.settings.rows
    loss, _ = rehearsal.loss(policy, {"rehearsal": stream(3, "loss")})
    generator = stream(3, "loss")
    kinds = torch.randint(3, (rows,), generator=generator)
    tasks = world.sample(kinds, generator)
    prompt, mask = world.prompt(tasks)
    total = []
    for row, kind in enumerate(kinds.tolist()):
        program = torch.tensor([known(rehearsal, kind)])
        logits = policy.replay(prompt[row : row + 1], mask[row : row + 1], kinds[row : row + 1], program).logits
        total += torch.log_softmax(logits.detach(), -1)[0].gather(1, program.t())[:, 0].tolist()
    assert float(loss.detach()) == pytest.approx(-sum(total) / len(total), abs=1e-5)


def test_its_state_is_all_that_it_knows() -> None:
    world = make_world("tutorial-v1")
    one, other = practised(world, 5), practised(world, 0)
    other.load_state_dict(one.state_dict())
    for rehearsal in (one, other):
        rehearsal.practise(stream(9, "rehearsal"))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.parametrize(("rows", "programs"), [(-1, 512), (4, CANDIDATES - 1)])
def test_impossible_settings(rows: int, programs: int) -> None:
    with pytest.raises(inwit.UserError):
        inwit.resolve("tutorial-unmasked", rehearsal={"rows": rows, "programs": programs})


@pytest.mark.slow
def test_without_masks_everything_is_learnt() -> None:
    """All 111,000 problems, though any of 18 tokens may be written at every step."""
    *_, last = inwit.updates("tutorial-unmasked", training={"max_updates": 400})
    assert last.agent.world.masks is False
    assert last.solved, last.summary()


@pytest.mark.slow
def test_without_masks_and_memory_the_last_stage_is_not_learnt() -> None:
    """MUL is followed by ADD and, later, by RCL: who cannot tell how far it has come cannot write that program."""
    *_, last = inwit.updates("tutorial-unmasked", policy={"id": "memoryless"}, training={"max_updates": 120})
    assert not last.solved
    assert float(last.success[2]) < 0.6
