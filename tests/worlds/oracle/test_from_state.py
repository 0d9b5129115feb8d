"""The search from any state: against the oracle, against running all programs, and against itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import inwit
from inwit.core.capabilities import FAR, capable
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import State, Tasks, map_rows
from inwit.worlds import WORLDS
from inwit.worlds.oracle import from_state
from inwit.worlds.oracle.clocks import clocks
from inwit.worlds.oracle.from_state import Limits, after
from inwit.worlds.oracle.programs import oracle_program
from inwit.worlds.oracle.rows import rows_together, with_others
from inwit.worlds.oracle.seen import Seen
from support import make_world

PROGRAMMED = [name for name in WORLDS.names() if "chance" not in make_world(name).capabilities]
every_world_of_programs = pytest.mark.parametrize("world_id", PROGRAMMED)
KINDS = 12  # of a world with more, so many are tried


def problems(world: Any, kind: int, seed: int = 0, rows: int | None = None) -> Tasks:
    count = rows_together(world) if rows is None else rows
    return world.sample(torch.full((count,), kind), stream(seed, "problems"))


def wandered(world: Any, number: int, rows: int) -> State:
    """A state after a few random tokens that are legal in all rows, and end no episode."""
    draws = stream(number, "states")
    state = world.reset(problems(world, number % len(world.kinds), number, rows))
    for _ in range(number % 4):
        token = torch.multinomial(world.legal(state).all(0).double(), 1, generator=draws)
        following, step = world.step(state, token.expand(rows))
        if bool((step.terminated | step.truncated).any()):
            break
        state = following
    return state


def shortest(world: Any, state: State, rows: int) -> int | None:
    """The length of the shortest program that is right on all rows, by running every program."""
    for length in range(1, world.max_steps + 1):
        legal = world.legal(state).view(-1, rows, len(world.vocabulary)).all(1)
        place, token = legal.nonzero().unbind(1)
        if not len(place):
            return None
        taken = (place[:, None] * rows + torch.arange(rows)).flatten()
        chosen = map_rows(state, lambda tensor, taken=taken: tensor[taken])
        state, step = world.step(chosen, token.repeat_interleave(rows))
        if bool(step.success.view(-1, rows).all(1).any()):
            return length
        live = ~(step.terminated | step.truncated).view(-1, rows).any(1).repeat_interleave(rows)
        state = map_rows(state, lambda tensor, live=live: tensor[live])
    return None


@every_world_of_programs
def test_from_the_start_the_way_is_the_oracles(world_id: str) -> None:
    world = make_world(world_id, max_operators=2)
    for kind in range(0, len(world.kinds), max(1, len(world.kinds) // KINDS)):
        tasks = problems(world, kind)
        found, proven = inwit.way(world, world.reset(tasks)), oracle_program(world, kind)
        assert found.length == (len(proven) if proven else None), world.kinds.names[kind]
        assert found.lost is (proven is None)
        if found.program:
            assert right(world, world.reset(tasks), found.program)


def right(world: Any, state: State, program: tuple[int, ...]) -> bool:
    """Whether the last token of a program, and no token before, is right on all rows."""
    success = torch.zeros(1, dtype=torch.bool)
    for token in program:
        assert not bool(success.all())
        state, step = world.step(state, torch.full((len(state["ended"]),), token))
        success = step.success
    return bool(success.all())


CASES = [("tutorial-v1", {"max_steps": 6}), ("tutorial-v0", {"max_steps": 4})]
CASES += [("calculator-v0", {"max_operators": 1, "max_steps": 6})]


@pytest.mark.parametrize(("world_id", "settings"), CASES)
@pytest.mark.parametrize("rows", [1, 3])
def test_from_any_state_the_way_is_the_shortest_of_all_programs(
    world_id: str, settings: dict[str, Any], rows: int
) -> None:
    """From 200 states in all; where the search finds none, there is none."""
    world, lengths = make_world(world_id, **settings), set[int | None]()
    for number in range(34):
        state = wandered(world, number, rows)
        found = inwit.way(world, state)
        assert found.known
        assert found.length == shortest(world, state, rows), (number, found)
        assert found.program is None or right(world, state, found.program)
        lengths.add(found.length)
    assert None in lengths
    assert len(lengths) > 3


@pytest.mark.parametrize("world_id", ["tutorial-v1", "calculator-v0"])
def test_costs_say_how_much_longer_the_way_becomes(world_id: str) -> None:
    """The way after a token is the way before it less one token, and its cost. A way that is lost never comes back."""
    world, draws, lost = make_world(world_id, max_operators=1), stream(0, "costs"), 0
    for number in range(12):
        rows = rows_together(world)
        state = wandered(world, number, rows)
        while True:
            before = inwit.way(world, state)
            costs = inwit.token_costs(world, state)
            assert list(costs) == world.legal(state)[0].nonzero()[:, 0].tolist()
            legal = world.legal(state).all(0).nonzero()[:, 0].tolist()
            for token, cost in costs.items():
                left, here = after(world, state, token, Limits()).to_go, before.to_go
                assert cost is not None
                assert left is not None
                assert here is not None
                assert cost == math.inf if before.lost else cost == left - here + 1
                assert cost >= 0
            lost += before.lost
            if before.program:
                assert costs[before.program[0]] == 0
            token = legal[int(torch.randint(len(legal), (1,), generator=draws))]
            state, step = world.step(state, torch.full((rows,), token))
            assert not (before.lost and bool(step.success.all()))
            if bool((step.terminated | step.truncated).any()):
                break
    assert lost > 5


def test_the_least_number_of_positions_that_suffices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever number is looked at together: the same program, after as many positions."""
    world = make_world("tutorial-v1")
    state = world.reset(problems(world, 2))
    found = inwit.way(world, state)
    for rows in (24, 100, 8192):
        monkeypatch.setattr(from_state, "ROWS", rows)
        assert inwit.way(world, state) == found
        assert inwit.way(world, state, most=found.looked) == found
        short = inwit.way(world, state, most=found.looked - 1)
        assert (short.program, short.known, short.lost, short.looked) == (None, False, False, found.looked - 1)


def test_a_search_stops_when_it_is_told_to() -> None:
    world = make_world("tutorial-v1")
    state, asked = world.reset(problems(world, 2)), []
    found = inwit.way(world, state, stopped=lambda: bool(asked.append(1)) or len(asked) > 3)
    assert (found.known, found.to_go, len(asked)) == (False, None, 4)
    assert not inwit.way(world, state, seconds=0).known
    assert set(inwit.token_costs(world, state, seconds=0).values()) == {None}
    with pytest.raises(UserError, match="most = 0 is too few"):
        inwit.way(world, state, most=0)


def test_rows_that_need_different_programs_have_no_way() -> None:
    world = make_world("tutorial-v1")
    states = [world.reset(problems(world, kind)) for kind in (0, 2)]
    assert [inwit.way(world, state).length for state in states] == [3, 7]
    together = inwit.way(world, {name: torch.cat([state[name] for state in states]) for name in states[0]})
    assert together.lost


def test_positions_that_differ_in_two_swapped_registers_are_two() -> None:
    """3 in the accumulator and 4 in memory is not the same as the other way round."""
    world = make_world("tutorial-v1")
    state = world.reset(world.task({"stage": 0, "operands": [3, 4, 5]}))
    full = {"acc_full": torch.tensor([True]), "mem_full": torch.tensor([True])}
    one = state | full | {"acc": torch.tensor([3]), "mem": torch.tensor([4])}
    other = state | full | {"acc": torch.tensor([4]), "mem": torch.tensor([3])}
    search = from_state._Search(world, one, Limits())
    assert search.seen.new(search._bytes(one | {"steps": state["steps"] + 3})) == []
    assert search.seen.new(search._bytes(other)) == [0]
    assert search.seen.new(search._bytes(other)) == []


def test_what_was_seen_is_exact() -> None:
    """As a set of whole rows, whichever bytes come to differ later on."""
    draws, width = stream(0, "seen"), 12
    first = torch.zeros(1, width, dtype=torch.uint8).numpy()
    seen, known = Seen(first), {first.tobytes()}
    for block in range(40):
        rows = torch.randint(0, 2, (30, width), generator=draws, dtype=torch.uint8)
        rows[:, 1 + block // 3 :] = 0
        fresh = [row for row in map(bytes, rows.tolist()) if row not in known and not known.add(row)]
        assert [bytes(rows[place].tolist()) for place in seen.new(rows.numpy())] == fresh
    assert len(known) > 300


@pytest.mark.parametrize("world_id", ["tutorial-v1", "calculator-v0"])
def test_leaving_out_the_clocks_changes_no_way(world_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(world_id, max_operators=1, max_steps=7)
    states = [wandered(world, number, rows_together(world)) for number in range(16)]
    found = [inwit.way(world, state) for state in states]
    assert clocks(world) == ["steps"]
    monkeypatch.setattr(from_state, "_clocks", lambda _: [])
    longer = [inwit.way(world, state) for state in states]
    assert [each.program for each in found] == [each.program for each in longer]
    assert sum(each.looked for each in found) < sum(each.looked for each in longer)


def test_the_way_agrees_with_what_a_world_itself_knows() -> None:
    world = capable(make_world("calculator-v0", max_operators=2), "causal")
    assert world is not None
    for number in range(0, 60, 3):
        tasks = problems(world, number % len(world.kinds), number)
        state = wandered(world, number, 1)
        found, to_go = inwit.way(world, state), int(world.to_go(tasks, state, 9))
        assert found.known
        assert (found.length or FAR) == to_go or (found.length or 0) > 9


def test_worlds_that_draw_are_refused() -> None:
    world = make_world("lookup-v0")
    with pytest.raises(UserError, match=r"lookup-v0 .*`advice`") as refused:
        inwit.way(world, world.reset(problems(world, 0)))
    assert "\n" not in str(refused.value)


def test_others_of_a_kind_are_the_same_each_time() -> None:
    world = make_world("tutorial-v1")
    task = world.task({"stage": 1, "operands": [3, 4, 5, 6]})
    one, two = (world.describe(with_others(world, task)) for _ in range(2))
    assert one == two
    assert one[0] == world.describe(task)[0]
    assert {each["stage"] for each in one} == {1}
    assert len({str(each) for each in one}) == 8
