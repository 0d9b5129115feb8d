"""What every world must keep to. A world is held to it by being registered; a few odd ones from outside are, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st

from inwit import worlds
from inwit.core.capabilities import FAR, capable
from inwit.core.errors import UserError
from inwit.gym.machine import LIMIT
from inwit.worlds import WORLDS
from inwit.worlds.oracle.programs import NO_TOKEN, OraclePrograms
from support import all_kinds, batch_of, lockstep, make_world
from worlds_from_outside import OUTSIDE, worlds_from_outside

every_world = pytest.mark.parametrize("world_id", [*WORLDS.names(), *OUTSIDE])
PICKS = st.lists(st.tuples(st.booleans(), st.integers(0, 2**16)), min_size=1, max_size=20)


@pytest.fixture(scope="module", autouse=True)
def from_outside() -> Iterator[None]:
    with worlds_from_outside():
        yield


def sampled(world: Any, each: int, seed: int) -> Any:
    return world.sample(all_kinds(world, each), torch.Generator().manual_seed(seed))


def random_programs(world: Any, rows: int, seed: int, legal_share: float) -> Any:
    """States, legal tokens, steps and tokens of random programs; `legal_share` of the tokens are drawn from the
    legal ones."""
    generator = torch.Generator().manual_seed(seed)
    tasks = sampled(world, rows, seed)
    state = world.reset(tasks)
    states, legal, steps, tokens = [state], [], [], []
    for _ in range(world.num_columns + 2):
        mask = world.legal(state)
        random = torch.rand(mask.shape, generator=generator)
        among_legal = torch.rand(mask.shape[0], 1, generator=generator) < legal_share
        token = random.masked_fill(among_legal & ~mask, -1.0).argmax(1)
        forced = world.forced(state)
        token = torch.where(forced < 0, token, forced)
        state, step = world.step(state, token)
        states.append(state)
        legal.append(mask)
        steps.append(step)
        tokens.append(token)
    return tasks, states, legal, steps, tokens


def ended_before(steps: list[Any]) -> torch.Tensor:
    """Bool[T, B]: whether a row had ended before each step, from the flags alone."""
    ended = torch.stack([step.terminated | step.truncated for step in steps])
    return (ended.long().cumsum(0) - ended.long()) > 0


@every_world
@given(data=st.data(), max_steps=st.sampled_from([1, 2, 3, 5, 7, 9]), masks=st.booleans())
def test_batched_agrees_with_the_scalar_twin(world_id: str, data: st.DataObject, max_steps: int, masks: bool) -> None:
    """Random programs, legal tokens and others, on random tasks of all kinds: every state, flag and reward."""
    try:
        world = make_world(world_id, max_steps=max_steps, masks=masks)
    except UserError:  # a budget in which nothing can be answered
        reject()
    everything = world.describe(sampled(world, 2, data.draw(st.integers(0, 2**32), label="task seed")))
    rows = st.lists(st.integers(0, len(everything) - 1), min_size=1, max_size=6, unique=True)
    tasks = [everything[row] for row in data.draw(rows, label="rows")]
    twins = [worlds.make_scalar(world_id, task, **world.settings.to_dict()) for task in tasks]
    programs, told = [], []
    for twin in twins:
        program, story = run_twin(twin, data.draw(PICKS, label="picks"))
        programs.append(program)
        told.append(story)
    states, legal, steps = lockstep(world, batch_of(world, tasks), programs)
    states = [listed(state) for state in states]
    for row, story in enumerate(told):
        earned, counts = 0.0, dict.fromkeys(steps[0].counts, 0)
        for column, moment in enumerate(story):
            where = f"{world_id}, {tasks[row]}, program {programs[row]}, after token {column + 1}"
            assert legal[column][row].nonzero()[:, 0].tolist() == moment["legal"], f"{where}: legal tokens differ."
            compare_state(states[column + 1], row, moment["state"], where)
            step = steps[column]
            assert bool(step.terminated[row]) == moment["terminated"], f"{where}: terminated differs."
            assert bool(step.truncated[row]) == moment["truncated"], f"{where}: truncated differs."
            assert bool(step.success[row]) == moment["success"], f"{where}: success differs."
            earned += float(step.reward[row])
            assert abs(earned - moment["reward"]) < 1e-9, f"{where}: reward differs."
            extra = {name: bool(step.extra[name][row]) for name in world.extra_outcomes}
            assert extra == moment["extra"], f"{where}: further outcomes differ."
            counts = {name: count + int(step.counts[name][row]) for name, count in counts.items()}
            assert counts == moment["counts"], f"{where}: counts differ."


@every_world
@pytest.mark.parametrize("rows", [500, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("legal_share", [1.0, 0.85])
def test_many_deep_programs_agree_with_the_scalar_twin(world_id: str, legal_share: float, rows: int) -> None:
    """A thousand mostly legal programs, so that rare states come up: what is legal, registers, flags and rewards."""
    world = make_world(world_id, max_steps=9)
    tasks, states, legal, steps, tokens = random_programs(world, 1 + rows // len(world.kinds), 11, legal_share)
    shows = capable(world, "machine")
    machines = [shows.machine(tasks, state) for state in states[1:]] if shows else None
    if shows and machines:
        assert machines[0].shape == (len(tasks), len(shows.machine_names)), f"{world_id}: a number without a name."
        assert max(float(seen.abs().max()) for seen in machines) <= LIMIT, f"{world_id}: a number is too large."
    programs = torch.stack(tokens, 1).tolist()
    states = [listed(state) for state in states]
    allowed = [[[id for id, yes in enumerate(row) if yes] for row in mask.tolist()] for mask in legal]
    told = [[part.tolist() for part in (step.terminated, step.success, step.reward)] for step in steps]
    settings = world.settings.to_dict()
    for row, task in enumerate(world.describe(tasks)):
        twin, earned = worlds.make_scalar(world_id, task, **settings), 0.0
        for column, token in enumerate(programs[row]):
            if twin.ended:
                break
            where = f"{world_id}, {task}, program {programs[row][: column + 1]}"
            assert allowed[column][row] == twin.legal(), f"{where}: legal tokens differ."
            twin.step(token)
            compare_state(states[column + 1], row, twin.state(), where)
            terminated, success, reward = (part[row] for part in told[column])
            assert (terminated, success) == (twin.terminated, bool(twin.success)), f"{where}: a flag differs."
            earned += reward
            assert abs(earned - float(twin.reward)) < 1e-9, f"{where}: reward differs."
            if machines is not None:
                difference = (machines[column][row] - torch.tensor(twin.machine())).abs().max()
                assert float(difference) < 1e-5, f"{where}: the machine is shown differently."


def run_twin(twin: Any, picks: list[tuple[bool, int]]) -> tuple[list[int], list[dict[str, Any]]]:
    """Let the scalar twin write what the picks say: the nth legal token, or the nth of the vocabulary."""
    program, story = [], []
    for from_legal, number in picks:
        if twin.ended:
            break
        choices = twin.legal() if from_legal else range(len(twin.vocabulary))
        token = choices[number % len(choices)] if twin.forced() < 0 else twin.forced()
        moment = {"legal": twin.legal()}
        twin.step(token)
        program.append(token)
        flags = {name: bool(getattr(twin, name)) for name in ("terminated", "truncated", "success")}
        extra = {name: bool(value) for name, value in twin.extra.items()}
        told = {"state": twin.state(), "reward": float(twin.reward), "extra": extra, "counts": dict(twin.counts)}
        story.append(moment | flags | told)
    return program, story


def listed(state: dict[str, torch.Tensor]) -> dict[str, list[Any]]:
    """To compare number by number: reading single numbers from tensors takes most of a test's time."""
    return {name: tensor.tolist() for name, tensor in state.items()}


def compare_state(state: dict[str, list[Any]], row: int, expected: dict[str, Any], where: str) -> None:
    """Registers of the same name hold the same; an empty one (None) has its `_full` flag down."""
    for name, value in expected.items():
        if name not in state:
            continue
        if value is not None:
            assert state[name][row] == value, f"{where}: {name} differs."
        if f"{name}_full" in state:
            assert bool(state[f"{name}_full"][row]) == (value is not None), f"{where}: {name} is full in one only."


@every_world
@pytest.mark.parametrize("legal_share", [1.0, 0.7, 0.0])
def test_the_course_of_an_episode(world_id: str, legal_share: float) -> None:
    """A live row has a legal token, and is forced to none but these; an ended row stays as it is and pays nothing."""
    world = make_world(world_id)
    _, states, legal, steps, _ = random_programs(world, 100, 3, legal_share)
    ended = ended_before(steps)
    assert bool(ended[-1].all()), f"Some row of {world_id} has not ended after num_columns = {world.num_columns}."
    for column, step in enumerate(steps):
        gone = ended[column]
        where = f"{world_id}, before column {column}"
        assert bool(legal[column][~gone].any(1).all()), f"{where}: a live row has no legal token."
        forced = world.forced(states[column])
        assert bool((forced[gone] >= 0).all()), f"{where}: a row that has ended must be forced."
        by_world = ~gone & (forced >= 0)
        allowed = legal[column].gather(1, forced.clamp_min(0)[:, None])[:, 0]
        assert bool(allowed[by_world].all()), f"{where}: a live row is forced to a token that is not legal."
        assert bool((forced[~gone & ~by_world] == -1).all()), f"{where}: a row that may choose is marked by -1."
        for name, tensor in states[column].items():
            same = tensor[gone] == states[column + 1][name][gone]
            assert bool(same.all()), f"{where}: {name} changes in a row that has ended."
        flags = [step.terminated, step.truncated, step.success, *step.extra.values()]
        assert not any(bool(flag[gone].any()) for flag in flags), f"{where}: a flag is up in a row that had ended."
        assert not bool(step.reward[gone].any()), f"{where}: a row that had ended is paid."
        assert not any(bool(count[gone].any()) for count in step.counts.values()), f"{where}: an ended row is counted."
        assert not bool((step.terminated & step.truncated).any()), f"{where}: a row is terminated and truncated."
        assert not bool((step.success & ~step.terminated).any()), f"{where}: success without ANS."
        assert set(step.extra) == set(world.extra_outcomes), f"{where}: extra must hold extra_outcomes."


@every_world
def test_a_step_leaves_the_given_state_alone(world_id: str) -> None:
    world = make_world(world_id)
    state = world.reset(sampled(world, 8, 0))
    before = {name: tensor.clone() for name, tensor in state.items()}
    for token in range(len(world.vocabulary)):
        world.step(state, torch.full((len(world.kinds) * 8,), token))
        for name, tensor in state.items():
            assert torch.equal(tensor, before[name]), f"{world_id}: step changes {name} of the state it is given."


@every_world
def test_rows_do_not_meet(world_id: str) -> None:
    """What happens to a row does not depend on the rows beside it."""
    world = make_world(world_id)
    tasks, states, _, steps, tokens = random_programs(world, 20, 5, 0.8)
    some = torch.tensor([7, 0, len(tasks) - 1])
    state = world.reset(tasks[some])
    for column, token in enumerate(tokens):
        state, step = world.step(state, token[some])
        assert torch.equal(step.reward, steps[column].reward[some]), f"{world_id}: rewards depend on other rows."
        for name, tensor in state.items():
            assert torch.equal(tensor, states[column + 1][name][some]), f"{world_id}: {name} depends on other rows."


@every_world
def test_prompts(world_id: str) -> None:
    """As wide as the world says whatever the batch; at least one token is shown, and real ones come first."""
    world = make_world(world_id)
    for kinds in [[kind] for kind in range(len(world.kinds))] + [list(range(len(world.kinds)))]:
        tasks = world.sample(torch.tensor(kinds * 5), torch.Generator().manual_seed(1))
        prompt, mask = world.prompt(tasks)
        assert prompt.shape == mask.shape == (len(tasks), world.prompt_width), f"{world_id}: the width must not vary."
        assert bool(mask.any(1).all()), f"{world_id}: a prompt shows nothing."
        assert int(prompt.min()) >= 0, f"{world_id}: a prompt's token is no id."
        assert int(prompt.max()) < len(world.vocabulary), f"{world_id}: a prompt's token is no id."
        alone, alone_mask = world.prompt(tasks[:1])
        assert torch.equal(alone, prompt[:1]), f"{world_id}: a prompt depends on the other rows."
        assert torch.equal(alone_mask, mask[:1]), f"{world_id}: a prompt's mask depends on the other rows."


@pytest.mark.parametrize("world_id", ["tutorial-v0", "tutorial-v1"])
def test_tutorial_prompts(world_id: str) -> None:
    """The shown digits, CTX, then padding: the mask covers digits and CTX."""
    world = make_world(world_id)
    tasks = sampled(world, 20, 2)
    prompt, mask = world.prompt(tasks)
    for row, task in enumerate(world.describe(tasks)):
        shown = task["operands"][: 3 + task["stage"]]
        padding = ["EOS"] * (5 - len(shown))
        assert world.vocabulary.decode(prompt[row].tolist()) == [*map(str, shown), "CTX", *padding]
        assert mask[row].tolist() == [True] * (len(shown) + 1) + [False] * len(padding)


@every_world
def test_sampling_draws_from_its_generator_only(world_id: str) -> None:
    world = make_world(world_id)
    kinds = all_kinds(world, 50)
    before = torch.get_rng_state()
    first, again, other = (world.sample(kinds, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), before), f"{world_id}: sample draws from the global generator."
    assert torch.equal(first.kind, kinds), f"{world_id}: sample changes the kinds it is asked for."
    for name, tensor in first.data.items():
        assert torch.equal(tensor, again.data[name]), f"{world_id}: the same seed gives different tasks."
    differs = [not torch.equal(tensor, other.data[name]) for name, tensor in first.data.items()]
    assert any(differs), f"{world_id}: another seed gives the same tasks."


@pytest.mark.parametrize("world_id", ["tutorial-v0", "tutorial-v1"])
def test_sampled_digits_are_uniform(world_id: str) -> None:
    """Every digit of every operand that exists, as often as the others; the operands that do not exist are 0."""
    world = make_world(world_id)
    for kind in range(3):
        count = 5 if world_id == "tutorial-v0" else 3 + kind
        tasks = world.sample(torch.full((10_000,), kind), torch.Generator().manual_seed(kind))
        for place, digits in enumerate(tasks.data["operands"].unbind(1)):
            counts = torch.bincount(digits, minlength=10)
            if place < count:
                assert len(counts) == 10
                assert int((counts - 1000).abs().max()) < 150, f"Operand {place}, kind {kind}: {counts.tolist()}."
            else:
                assert counts[0] == 10_000, f"{world_id}: operand {place} of kind {kind} does not exist."


@every_world
@given(seed=st.integers(0, 2**32))
def test_task_reads_what_describe_says(world_id: str, seed: int) -> None:
    world = make_world(world_id)
    tasks = sampled(world, 2, seed)
    described = world.describe(tasks)
    read = batch_of(world, described)
    assert torch.equal(read.kind, tasks.kind), f"{world_id}: task(describe(...)) has another kind."
    for name, tensor in tasks.data.items():
        assert torch.equal(read.data[name], tensor), f"{world_id}: task(describe(...)) differs in {name}."
    assert world.describe(read) == described, f"{world_id}: describe(task(...)) differs."
    for task, kind in zip(described, tasks.kind.tolist(), strict=True):
        assert int(world.stage(world.task(task))) == world.kinds.stages[kind], f"{world_id}: {task} changes its stage."


@every_world
def test_the_table_of_kinds_is_whole(world_id: str) -> None:
    kinds = make_world(world_id).kinds
    lengths = {len(kinds.names), len(kinds.stages), len(kinds.classes), len(kinds)}
    assert len(lengths) == 1, f"{world_id}: every kind has a name, a stage and a class."
    assert len(set(kinds.names)) == len(kinds), f"{world_id}: two kinds have the same name."
    assert min(kinds.stages) >= 0, f"{world_id}: stages count from 0."


@every_world
def test_all_tasks_lists_each_once(world_id: str) -> None:
    world = make_world(world_id)
    if "all_tasks" not in world.capabilities:
        pytest.skip(f"{world_id} cannot list its tasks.")
    for kind in range(len(world.kinds)):
        tasks = world.all_tasks([kind])
        assert bool((tasks.kind == kind).all()), f"{world_id}: all_tasks([{kind}]) holds other kinds."
        rows = torch.cat([tensor.reshape(len(tasks), -1) for tensor in tasks.data.values()], 1)
        distinct = len(torch.unique(rows, dim=0))
        assert distinct == len(tasks), f"{world_id}, kind {kind}: {len(tasks)} tasks, but {distinct} different ones."
    first, last = world.all_tasks([0]), world.all_tasks([len(world.kinds) - 1])
    both = world.all_tasks([0, len(world.kinds) - 1])
    assert len(both) == len(first) + len(last), f"{world_id}: all_tasks of two kinds is not both of them."


@pytest.mark.parametrize(("world_id", "counts"), [("tutorial-v0", [10**5] * 3), ("tutorial-v1", [10**3, 10**4, 10**5])])
def test_tutorials_have_all_problems(world_id: str, counts: list[int]) -> None:
    """Every problem is there: as many as there are rows of digits, and none but digits."""
    world = make_world(world_id)
    for kind, count in enumerate(counts):
        operands = world.all_tasks([kind]).data["operands"]
        assert len(operands) == count
        assert (int(operands.min()), int(operands.max())) == (0, 9)


@every_world
def test_sampled_tasks_are_among_all_tasks(world_id: str) -> None:
    world = make_world(world_id)
    if "all_tasks" not in world.capabilities:
        pytest.skip(f"{world_id} cannot list its tasks.")
    listed = world.all_tasks([0])
    drawn = world.sample(torch.zeros(200, dtype=torch.int64), torch.Generator().manual_seed(0))
    if "chance" in world.capabilities:  # what is drawn is listed as not drawn: the problems are the prompts
        prompts = [set(map(tuple, world.prompt(tasks)[0].tolist())) for tasks in (drawn, listed)]
        assert prompts[0] == prompts[1], f"{world_id}: sample makes other problems than all_tasks lists."
        return

    def rows(tasks: Any) -> set[tuple[int, ...]]:
        flat = torch.cat([tensor.reshape(len(tasks), -1) for tensor in tasks.data.values()], 1)
        return set(map(tuple, flat.tolist()))

    assert rows(drawn) <= rows(listed), f"{world_id}: sample makes tasks that all_tasks does not list."
    assert len(rows(drawn)) > 50, f"{world_id}: 200 draws are only {len(rows(drawn))} different tasks."


@every_world
def test_the_budget_truncates_and_answering_at_last_terminates(world_id: str) -> None:
    """A program of ineffective tokens is cut off after as many steps as were set, not before. (Tokens that spend
    nothing of the budget, where a world has such, come on top: `World.max_steps`.)"""
    world = make_world(world_id, max_steps=4)
    state = world.reset(sampled(world, 3, 0))
    illegal = ~world.legal(state).any(0)
    if not bool(illegal.any()) and not world_id.startswith("tutorial"):
        pytest.skip(f"{world_id} has no illegal token, so that none is known to be without effect.")
    ineffective = int(illegal.nonzero()[0]) if bool(illegal.any()) else world.vocabulary.id("EOS")
    for step_number in range(1, world.settings.max_steps + 1):
        state, step = world.step(state, torch.full((len(world.kinds) * 3,), ineffective))
        expected = step_number == world.settings.max_steps
        assert bool((step.truncated == expected).all()), f"{world_id}: truncated after {step_number} steps is wrong."
        assert not bool(step.terminated.any()), f"{world_id}: an ineffective token terminates."


@every_world
@pytest.mark.slow
def test_the_oracles_programs_solve_what_is_asked(world_id: str) -> None:
    """Whichever way a world knows them: a program that is handed out is right on every problem that is drawn."""
    world = make_world(world_id, max_operators=2)
    if not {"constant_programs", "best_programs"} & world.capabilities:
        pytest.skip(f"nobody knows the best programs of {world_id}.")
    tasks = sampled(world, 20, 6)
    programs = OraclePrograms(world)(tasks)
    _, _, steps = lockstep(world, tasks, programs.clamp_min(0).tolist())
    success = torch.stack([step.success for step in steps]).any(0)
    handed_out = programs[:, 0] != NO_TOKEN
    assert bool(handed_out.any()), f"{world_id} declares to know its best programs, and has none."
    assert bool(success[handed_out].all()), f"{world_id}: an oracle's program fails."
    held_out = torch.isin(tasks.kind, torch.tensor(world.kinds.held_out, dtype=torch.int64))
    assert not bool((held_out & handed_out).any()), f"{world_id}: programs of the test set are handed out."


@pytest.mark.parametrize("world_id", ["tutorial-v0", "tutorial-v1"])
def test_an_answer_at_the_last_step_terminates(world_id: str) -> None:
    world = make_world(world_id, max_steps=3)
    program = world.vocabulary.ids(["MUL", "ADD", "ANS"])
    tasks = batch_of(world, [{"stage": 0, "operands": [3, 4, 5, 0, 0][: 5 if world_id == "tutorial-v0" else 3]}])
    _, _, steps = lockstep(world, tasks, [program])
    assert bool(steps[-1].terminated)
    assert bool(steps[-1].success)
    assert not bool(steps[-1].truncated)


@every_world
def test_masks_change_nothing_in_the_world(world_id: str) -> None:
    """Masks limit what a policy may write; legal, step and forced are the same with and without."""
    on, off = make_world(world_id, masks=True), make_world(world_id, masks=False)
    _, states, legal, steps, tokens = random_programs(on, 20, 9, 0.5)
    state = off.reset(sampled(off, 20, 9))
    for column, token in enumerate(tokens):
        assert torch.equal(off.legal(state), legal[column]), f"{world_id}: masks change what is legal."
        state, step = off.step(state, token)
        assert torch.equal(step.reward, steps[column].reward), f"{world_id}: masks change the reward."
        for name, tensor in state.items():
            assert torch.equal(tensor, states[column + 1][name]), f"{world_id}: masks change {name}."


@every_world
def test_what_causal_worlds_say_of_themselves(world_id: str) -> None:
    """In random episodes: one token brings a right end nearer by one at most, and some legal token by one; an exchange
    with oneself changes nothing; registers are whole numbers, with a name each."""
    world = capable(make_world(world_id), "causal")
    if world is None:
        return
    tasks, states, _, steps, _ = random_programs(world, 1, 3, 1.0)
    ended, to_go = ended_before(steps), [world.to_go(tasks, state, 7) for state in states]
    for column in range(len(steps)):
        before, after, alive = to_go[column], to_go[column + 1], ~ended[column]
        over, right = steps[column].terminated | steps[column].truncated, steps[column].success
        assert not before[~alive].any()
        assert bool((before[alive] > 0).all())
        assert bool((before == 1)[alive & over & right].all()), "The answer is right."
        assert bool((after == 0)[over].all())
        going_on = alive & ~over & (before < FAR)
        assert bool((after >= before - 1)[going_on].all())
        assert world.registers(states[column]).shape == (len(tasks), len(world.register_names))
    has = world.has(tasks)
    assert has.shape == (len(tasks), len(world.variables))
    for place, name in enumerate(world.variables):
        some = tasks[has[:, place]]
        same = world.exchange(some, some, name)
        assert world.describe(same) == world.describe(some)
        other = world.exchange(some, some[torch.arange(len(some) - 1, -1, -1)], name)
        assert torch.equal(world.has(other), world.has(some))
