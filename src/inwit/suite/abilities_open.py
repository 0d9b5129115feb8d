"""Abilities in worlds that never answer: the agent writes a program, and learns at its end whether it was right."""

from __future__ import annotations

from collections.abc import Callable

from inwit.core.contracts import World
from inwit.core.results import Json
from inwit.suite.ability import Ability, Experiment, Measure
from inwit.suite.measures import BeyondLuck, Recovered, Solved
from inwit.worlds.oracle.shortest import shortest_table

# Sums and differences of any brackets: `LOAD a`, then each operand with its sign. No memory slot is needed. A sign is
# read off the operators and brackets before the operand, so that nothing is right but what was read.
SIGNS: Json = {"id": "calculator-v0", "tools": ["ADD", "SUB"], "num_slots": 0}
EVERY_KIND: Json = {"id": "uniform"}


def by_stage(world: World) -> dict[str, list[int]]:
    """The kinds of each stage; of the calculator's a stage is a number of operators."""
    levels: dict[str, list[int]] = {}
    for kind, stage in enumerate(world.kinds.stages):
        levels.setdefault(str(stage), []).append(kind)
    return levels


def by_slots(world: World) -> dict[str, list[int]]:
    """The kinds of a calculator's world by the slots that they need, as the search finds."""
    settings, levels = world.settings.to_dict(), dict[str, list[int]]()
    table = shortest_table(*(settings[each] for each in ("max_operators", "num_slots", "tools", "crossed")))
    for kind, name in enumerate(world.kinds.names):
        levels.setdefault(str(table[name].slots_needed), []).append(kind)
    return dict(sorted(levels.items()))


def all_as(knob: str) -> Callable[[World], dict[str, list[int]]]:
    """Every kind, as the one level of an experiment."""

    def levels(world: World) -> dict[str, list[int]]:
        return {knob: list(range(len(world.kinds)))}

    return levels


def _signs(
    name: str,
    measure: Measure,
    levels: Callable[[World], dict[str, list[int]]],
    tokens: int,
    **settings: object,
) -> Experiment:
    """An experiment on sums and differences; `settings` are those of its world."""
    return Experiment(
        name=name,
        settings={"world": {**SIGNS, **settings}, "curriculum": EVERY_KIND, "training": {"episodes": 128}},
        measure=measure,
        levels=levels,
        tokens=tokens,
    )


READING = Ability(
    name="reading",
    about="Reads which operators an expression has, and in which order they apply.",
    knob="operators",
    experiments=(_signs("reading", Solved(), by_stage, 400_000, max_operators=3, max_steps=9),),
)

RECOVERY = Ability(
    name="recovery",
    about="Ends right after a token that it did not choose.",
    knob="operators",
    experiments=(_signs("recovery", Recovered(), by_stage, 250_000, max_operators=2, max_steps=12),),
)


def _exploring(free: int) -> Experiment:
    return Experiment(
        name=f"{free} free tokens",
        settings={
            "world": {"id": "tutorial-v1", "idle": free - 3},
            "curriculum": {"id": "schedule", "stages": [0, 1], "period": 1},
            "training": {"episodes": 128},
        },
        measure=BeyondLuck(),
        levels=lambda world: {str(free): [0, 1]},
        tokens=20_000,
    )


# Differences of any brackets: `(a-b)-c` is done as it stands, `a-(b-c)` puts b-c aside. Of expressions of up to four
# operators none needs a second slot: the search says so. Sub-expressions are paid for: from success
# alone nobody comes upon the first program with a slot, which is drawn by chance once in 70,000 episodes.
SLOTS = Ability(
    name="slots",
    about="Puts a value aside where the expression needs it.",
    knob="slots",
    experiments=(
        Experiment(
            name="slots",
            settings={
                "world": {
                    "id": "calculator-v0",
                    "tools": ["SUB"],
                    "num_slots": 1,
                    "max_operators": 3,
                    "max_steps": 13,
                    "milestones": 0.5,
                },
                "curriculum": EVERY_KIND,
                "training": {"episodes": 128},
            },
            measure=Solved(),
            levels=by_slots,
            tokens=150_000,
        ),
    ),
)

EXPLORATION = Ability(
    name="exploration",
    about="Finds programs of three and four tokens among tokens that do nothing.",
    knob="tokens to choose from at first",
    experiments=tuple(_exploring(free) for free in (3, 9, 15)),
)

LUCKY_SHORTCUTS = Ability(
    name="lucky shortcuts",
    about="Goes on from a short program that is right by luck to one that is right.",
    knob="the shortcut is right on",
    experiments=(
        Experiment(
            name="lucky shortcuts",
            settings={
                "world": {"id": "tutorial-v1"},
                "curriculum": {"id": "learnability"},
                "training": {"episodes": 256},
            },
            measure=BeyondLuck(),
            levels=lambda world: {"10 %": [1], "19 %": [2]},
            tokens=150_000,
        ),
    ),
)


def _noisy(noise: int) -> Experiment:
    world = {"max_operators": 2, "max_steps": 7, "noise": noise}
    return _signs(f"{noise} irrelevant tokens", Solved(), all_as(str(noise)), 100_000, **world)


NOISE = Ability(
    name="noise",
    about="Reads an expression among tokens that mean nothing.",
    knob="irrelevant tokens",
    experiments=tuple(_noisy(noise) for noise in (0, 8, 16)),
)


def _held_out(knob: str) -> Callable[[World], dict[str, list[int]]]:
    """The kinds that are held out, as the one level of an experiment."""

    def levels(world: World) -> dict[str, list[int]]:
        return {knob: list(world.kinds.held_out)}

    return levels


CARRYING_OVER = Ability(
    name="carrying over",
    about="Solves expressions that it never met: other texts, and one operator more.",
    knob="never met",
    experiments=(
        _signs("other texts", Solved(), _held_out("text"), 400_000, max_operators=3, max_steps=9, split="text"),
        _signs(
            "one operator more",
            Solved(),
            _held_out("length"),
            250_000,
            max_operators=3,
            max_steps=9,
            names="any",
            split="longest",
        ),
    ),
)
