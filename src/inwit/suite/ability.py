"""What an ability is, as data: experiments that train an agent, and the levels of its knob at which it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from inwit.core.contracts import Agent, World
from inwit.core.results import Json


@dataclass(frozen=True)
class Figure:
    """A measured value; `interval` is of 95 %, where it was sampled. None: it is exact."""

    value: float
    interval: tuple[float, float] | None = None


class Measure(Protocol):
    """What is measured of an agent on some kinds of its world's problems, and what the extremes of it are.

    The agent is greedy. `random` is of the uniformly random legal policy, `optimum` of the best possible agent; both
    are exact where that can be computed. `of` an agent that writes as the optimum does
    is `optimum`."""

    name: str  # in words, as "success"

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure: ...
    def random(self, world: World, kinds: Sequence[int]) -> Figure: ...
    def optimum(self, world: World, kinds: Sequence[int]) -> float: ...


@dataclass(frozen=True)
class Experiment:
    """One training, and what is measured after it. `settings` are those of a recipe (world, curriculum, training), but
    for the learner, the policy, the seed and the budget: these are the agent's. No auxiliary is on.

    `levels` gives the kinds that belong to each value of the knob."""

    name: str
    settings: Json
    measure: Measure
    levels: Callable[[World], dict[str, list[int]]]
    tokens: int  # that the training may spend, at the default budget


@dataclass(frozen=True)
class Ability:
    """`knob` says in words what its levels are, as "operators"."""

    name: str
    about: str  # what it asks, in a sentence
    knob: str
    experiments: tuple[Experiment, ...]


@dataclass(frozen=True)
class Level:
    """A value of the knob, as it was measured."""

    knob: str
    figure: Figure
    random: Figure
    optimum: float

    @property
    def score(self) -> float:
        """0 is random, 1 the optimum; not clipped."""
        return (self.figure.value - self.random.value) / (self.optimum - self.random.value)
