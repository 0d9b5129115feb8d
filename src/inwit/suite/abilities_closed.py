"""Abilities in the world whose tools answer: the agent asks, hears, and goes on by what it heard."""

from __future__ import annotations

from inwit.core.contracts import World
from inwit.core.results import Json
from inwit.suite.ability import Ability, Experiment
from inwit.suite.asking import BothWays, NoWaste, Success, Value

BUDGET = 400_000  # tokens of an ability: some seven seconds of a core that does nothing else


def _world(*queries: str, **settings: object) -> Json:
    return {"id": "lookup-v0", "queries": queries, **settings}


def _each_kind(world: World, names: dict[str, str]) -> dict[str, list[int]]:
    """A level for each kind: its name is the value of the knob."""
    return {names[name]: [kind] for kind, name in enumerate(world.kinds.names) if name in names}


HORIZON = Ability(
    name="horizon",
    about="Follows a chain of calls: each one asks about the answer to the one before.",
    knob="calls in the chain",
    experiments=(
        Experiment(
            name="chains",
            settings={
                "world": _world("Tx", "TUx", "TUVx", price=0.005, max_steps=15),
                "curriculum": {"id": "gated"},
                "training": {"episodes": 256},
            },
            measure=Success(),
            levels=lambda world: _each_kind(world, {"Tx": "1", "TUx": "2", "TUVx": "3"}),
            tokens=BUDGET,
        ),
    ),
)

HOLDING = Ability(
    name="holding",
    about="Holds what it heard while it asks for something else; the stream is its only memory.",
    knob="answers held while another one is asked for",
    experiments=(
        Experiment(
            name="held",
            settings={
                "world": _world("Tx", "Tx*Uy", num_values=3, num_tools=1, price=0.005),
                "curriculum": {"id": "uniform"},
                "training": {"episodes": 128},
            },
            measure=Success(),
            levels=lambda world: _each_kind(world, {"Tx": "0", "Tx*Uy": "1"}),
            tokens=BUDGET,
        ),
    ),
)

ADAPTING = Ability(
    name="adapting",
    about="Lets what it heard decide what it does next.",
    knob="what an answer decides",
    experiments=(
        Experiment(
            name="branches",
            settings={
                "world": _world("TUx", "Tx?y:z", "Tx?Uy:Vz", num_values=4, price=0.005, max_steps=6),
                "curriculum": {"id": "uniform"},
                "training": {"episodes": 128},
            },
            measure=BothWays(),
            levels=lambda world: _each_kind(
                world, {"TUx": "what it asks about", "Tx?y:z": "what it answers", "Tx?Uy:Vz": "which tool it asks"}
            ),
            tokens=BUDGET,
        ),
    ),
)

THRIFT = Ability(
    name="thrift",
    about="Asks no more than the query needs, and takes no dear call where a cheap one does.",
    knob="calls that are needed at the most",
    experiments=(
        Experiment(
            name="prices",
            settings={
                "world": _world("Tx", "TUx", num_values=3, num_tools=1, price=0.02, sure_price=0.1),
                "curriculum": {"id": "gated"},
                "training": {"episodes": 128, "confirm": False},
            },
            measure=NoWaste(),
            levels=lambda world: _each_kind(world, {"Tx": "1", "TUx": "2"}),
            tokens=BUDGET,
        ),
    ),
)


def _failing(name: str, knob: str, num_values: int, **settings: object) -> Experiment:
    return Experiment(
        name=name,
        settings={
            "world": _world("Tx", num_values=num_values, num_tools=1, **settings),
            "curriculum": {"id": "uniform"},
            "training": {"episodes": 128, "confirm": False},
        },
        measure=Value(),
        levels=lambda world: {knob: [0]},
        tokens=250_000,
    )


# Low prices, tokens to spare, and more values than three: else the random policy, which calls in vain, would be so poor
# that an answer without a call scored more than 0.1.
FAILING = Ability(
    name="failing tools",
    about="Asks again, asks elsewhere, or asks twice, as the way in which its tools fail demands.",
    knob="how a tool fails",
    experiments=(
        _failing("errors", "an error, this time", 4, fail=0.5, price=0.01),
        _failing("broken", "an error, for good", 5, broken=0.5, price=0.003, sure_price=0.02, max_steps=17),
        _failing("lies", "a lie, this time", 4, lie=0.3, price=0.01),
        _failing("stale", "a lie, for good", 5, stale=0.5, price=0.003, sure_price=0.02, max_steps=17),
    ),
)
