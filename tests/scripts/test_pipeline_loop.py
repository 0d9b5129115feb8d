"""The loop that drives planner, memory and executor, with parts of the test's own: a machine that fetches by number."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

import inwit
from everywhere import registries_restored
from inwit.core.errors import UserError
from inwit.scripts import SCRIPTS, scripted
from inwit.scripts.pipeline import GIVEN_UP, PARTS, Call, Event, Look, Moment, Parts, Pipeline, Whole, make
from inwit.scripts.react import RULES, Reaction
from inwit.scripts.tutorial import Executor, Nothing, Planner, Rule
from support import make_world

# The tokens: fetch 0 or 1 by a cheap tool, fetch them surely, say that both are had, NO of a tool that failed, nothing.
FETCH, SURELY, SAY, NO, IDLE = 0, 2, 4, 5, 6


class Machine(NamedTuple):
    asked: int | None = None
    said: bool = False


class Fetching:
    """Each fetch is answered by the stream: NO, or the token of what was fetched."""

    def __init__(self, sure: bool = True) -> None:
        self.sure = sure

    def start(self, goal: Hashable) -> Hashable:
        return Machine()

    def write(self, machine: Hashable, call: Call, look: Look) -> int:
        return {"FETCH": FETCH, "SURELY": SURELY, "SAY": SAY}[call.tool] + sum(call.arguments)  # pyright: ignore

    def listens(self, machine: Any) -> bool:
        return machine.asked is not None

    def read(self, machine: Any, token: int) -> tuple[Hashable, Event | None]:
        if machine.asked is not None:
            return Machine(), Event(machine.asked % 2, failed=True) if token == NO else Event(machine.asked % 2, token)
        if token < SAY:
            return Machine(asked=token), None
        return Machine(said=machine.said or token == SAY), None

    def backup(self, call: Call) -> Call | None:
        return replace(call, tool="SURELY") if self.sure and call.tool == "FETCH" else None


class Both(Whole):
    """Plans to fetch 1, then 0, and to say so; without what is had already, or was given up."""

    def goal(self, prompt: tuple[int, ...], stage: int) -> Hashable:
        return prompt

    def plan(self, goal: Any, machine: Hashable, kept: Any) -> tuple[Call, ...]:
        missing = [each for each in goal if each not in dict(kept)]
        return (*(Call("FETCH", (each,), gives=each) for each in missing), Call("SAY", needs=goal))


class Notes:
    def empty(self, goal: Hashable) -> Hashable:
        return ()

    def store(self, kept: Any, event: Event, needed: Collection[Hashable]) -> Hashable:
        return (*(pair for pair in kept if pair[0] in needed), (event.key, event.value))

    def find(self, kept: Any, key: Hashable) -> Hashable | None:
        return dict(kept).get(key)

    def room(self, kept: Hashable, needed: Collection[Hashable]) -> Hashable | None:
        return None


def pipeline(retries: int = 2, sure: bool = True) -> Pipeline:
    return Pipeline(Parts(Both(), Notes(), Fetching(sure)), retries)


def read(script: Pipeline, *stream: int) -> tuple[Moment, list[int]]:
    """The state after a stream, and what the script would write before each of its tokens and after the last."""
    state = script.begin((1, 0), 0)
    wanted = [script.write(state)]
    for token in stream:
        state = script.read(state, token)
        wanted.append(script.write(state))
    return state, wanted


def test_calls_follow_the_plan_and_answers_are_kept() -> None:
    state, wanted = read(pipeline(), 1, 7, 0, 8, SAY)
    assert wanted[0::2] == [1, 0, SAY]
    assert state.kept == ((1, 7), (0, 8))


def test_a_call_that_fails_is_tried_again_and_then_its_backup_is_taken() -> None:
    for retries in (0, 1, 2):
        script = pipeline(retries)
        _, wanted = read(script, *[1, NO] * (retries + 1))
        assert wanted[0::2] == [1] * (retries + 1) + [SURELY + 1]


def test_without_a_backup_the_result_is_given_up_and_the_planner_asked_again() -> None:
    state, wanted = read(pipeline(retries=1, sure=False), 1, NO, 1, NO)
    assert state.kept == ((1, GIVEN_UP),)
    assert wanted[-1] == 0, "The plan goes on without it."


def test_a_result_whose_backup_fails_too_is_given_up() -> None:
    state, wanted = read(pipeline(retries=0), 1, NO, SURELY + 1, NO)
    assert wanted[0::2] == [1, SURELY + 1, 0]
    assert state.kept == ((1, GIVEN_UP),)


def test_the_planner_is_asked_again_when_the_machine_is_not_as_it_expects() -> None:
    """Somebody fetched 0 first: what is left is 1. A token without effect changes nothing at all."""
    script = pipeline()
    state, wanted = read(script, 0, 8)
    assert state.kept == ((0, 8),)
    assert wanted[-1] == 1
    assert [call.tool for call in state.calls] == ["FETCH", "SAY"]
    start = script.begin((1, 0), 0)
    assert script.read(start, IDLE) is start


def test_the_memory_evicts_what_no_call_needs() -> None:
    script = Pipeline(Parts(Both(), Notes(), Fetching()), 2)
    state, _ = read(script, 1, 7, 0, 8)
    assert script.memory.store(state.kept, Event(5, 9), {0}) == ((0, 8), (5, 9))


def test_a_planner_that_plans_nothing_is_told_so() -> None:
    class Idle(Both):
        def plan(self, goal: Any, machine: Hashable, kept: Any) -> tuple[Call, ...]:
            return ()

    with pytest.raises(UserError, match="the planner Idle gave a plan of no calls: end it with an answer"):
        Pipeline(Parts(Idle(), Notes(), Fetching())).begin((1, 0), 0)


class Backwards(Planner):
    """A planner of the test's own: it wants (a + b) * c, whatever the stage."""

    def goal(self, prompt: tuple[int, ...], stage: int) -> Any:
        return ("MUL", ("ADD", 0, 1), 2)


def test_each_part_can_be_replaced() -> None:
    world = make_world("tutorial-v1")
    agent = inwit.scripted("pipeline", world, planner=Backwards())
    shown = inwit.explain(agent, {"stage": 0, "operands": [2, 3, 4]})
    assert [choice.token for choice in shown.choices] == ["ADD", "MUL", "ANS"]
    own = PARTS.load("tutorial-v1")(world)
    memory, executor = Nothing(), Executor()
    assert make(world, memory=memory).memory is memory
    given = make(
        replace_id(make_world("tutorial-v1"), "nobodys"), planner=own.planner, memory=memory, executor=executor
    )
    assert given.executor is executor, "With all three parts given no world need be known."


@pytest.mark.parametrize(
    ("world_id", "options", "said"),
    [
        ("tutorial-v1", {"retries": -1}, "retries = -1 is too small: it must be at least 0"),
        ("tutorial-v1", {"retries": 1.5}, "retries = 1.5 is not a whole number"),
        ("tutorial-v1", {"retries": "2"}, "retries = '?2'? is not a whole number"),
        (
            "tutorial-v1",
            {"speed": 3},
            "unknown option of the pipeline of tutorial-v1 'speed': valid: planner, memory, executor, retries",
        ),
        ("tutorial-v1", {"planner": 3}, "planner = 3 is no planner: it has no function 'goal'"),
        ("lookup-v0", {"vote": 3}, "did you mean 'votes'"),
        ("lookup-v0", {"votes": "3"}, "votes = '?3'? is not a whole number"),
        ("lookup-v0", {"votes": True}, "votes = True is not a whole number"),
    ],
)
def test_options_that_a_pipeline_does_not_take(world_id: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        scripted("pipeline", make_world(world_id), **options)
    with pytest.raises(UserError, match=r"unknown option of react .*: valid: rule"):
        scripted("react", make_world(world_id), **options)


def test_what_is_no_world_and_no_rule() -> None:
    for nothing in (None, "calculator-v0"):
        with pytest.raises(
            UserError, match=r"is no world: give one, as inwit.make\('calculator-v0'\), or use inwit.load"
        ):
            scripted("pipeline", nothing)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match="rule = 3 is no rule: it has no function 'goal'"):
        scripted("react", make_world("tutorial-v1"), rule=3)


def test_what_goes_wrong_inside_a_script_is_not_blamed_on_its_options() -> None:
    def broken(world: Any) -> Any:
        raise TypeError("a fault of its own")

    with registries_restored():
        SCRIPTS.register("broken", broken, "")
        with pytest.raises(TypeError, match="a fault of its own"):
            scripted("broken", make_world("tutorial-v1"))


def test_parts_and_scripts_come_from_outside() -> None:
    world = replace_id(make_world("tutorial-v1"), "tutorial-mine")
    with registries_restored():
        PARTS.register("tutorial-mine", lambda world: Parts(Backwards(), Nothing(), Executor()), "(a + b) * c")
        RULES.register("tutorial-mine", lambda world: Reaction(Rule(), Nothing(), Executor()), "left to right")
        SCRIPTS.register("twice", lambda world, **options: make(world, **options), "the pipeline by another name")
        writes = [scripted(name, world).policy.begin(*prompt(world)) for name in ("pipeline", "react", "twice")]
        names = [world.vocabulary.names[int(output.logits.argmax())] for output, _ in writes]
        assert names == ["ADD", "MUL", "ADD"]
    with pytest.raises(UserError, match="not tutorial-mine"):
        scripted("pipeline", world)


def prompt(world: Any) -> tuple[Any, Any, Any]:
    tasks = world.task({"stage": 0, "operands": [2, 3, 4]})
    return (*world.prompt(tasks), world.stage(tasks))


def replace_id(world: Any, name: str) -> Any:
    world.id = name
    return world
