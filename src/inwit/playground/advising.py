"""What is known, and what is best to write, at a position of a world that answers: for the server, and for the table
that a page holds.

An episode is written again token by token in the world's scalar twin, whose `advice` depends on what was heard alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

from inwit.core.capabilities import Advises, StochasticTwin, capable
from inwit.core.contracts import ScalarWorld, World
from inwit.core.errors import UserError, short
from inwit.core.results import Advice, Json, Task
from inwit.core.text import held
from inwit.core.types import Tasks
from inwit.core.vocabulary import CHOICE
from inwit.worlds import TWINS
from inwit.worlds.oracle.from_state import Limits

Exact = Fraction | float
UNKNOWN: Json = {"best": [], "values": {}, "value": None, "facts": {}}


def advises(world: World) -> bool:
    """Whether the world has advice, and a registered scalar twin to ask for it."""
    return capable(world, "advice") is not None and world.id in TWINS.names()


def advised(world: World, tasks: Tasks, path: Sequence[int], limits: Limits | None = None) -> Json:
    """What is known after these tokens, the world's among them, on one task: `best` (tokens), `values` (by token, as
    text: the expected reward from here if it is written and the optimum goes on), `value` (that of the best; before the
    world's token its expectation; null where the optimum is not known) and `facts` (texts by name). A world
    without advice has none of these. Raises `UserError` for a token that cannot come there.

    Where the `limits` are over, `value` is null; they are asked between two pieces of advice, and one may take the
    world some seconds."""
    adviser = capable(world, "advice")
    if adviser is None or not advises(world):
        return UNKNOWN
    episodes = Episodes(adviser, world.describe(tasks)[0], limits)
    twin = episodes.after(path, checked=True)
    advice, value = adviser.advice(twin), episodes.value(path)
    return {
        "best": advice.best,
        "values": {str(token): float(each) for token, each in advice.values.items()},
        "value": None if value is None else float(value),
        "facts": {name: joined(each) for name, each in parts(advice).items()},
    }


def parts(advice: Advice) -> dict[str, list[str]]:
    """The facts by name, each as the parts of its text: one for each thing that a fact lists."""
    listed = {}
    for name, fact in advice.facts.items():
        listed[name] = [held({key: item}) for key, item in fact.items()] if isinstance(fact, dict) else [held(fact)]
    return listed


def joined(listed: Sequence[str]) -> str:
    """The text of a fact."""
    return ", ".join(listed) or held({})


class Episodes:
    """Episodes of one task in the scalar twin, by the tokens so far. After the `limits` no value is known any more."""

    def __init__(self, adviser: Advises, task: Task, limits: Limits | None = None) -> None:
        self.adviser, self.task, self.twin = adviser, task, TWINS.load(adviser.id)
        self.limits = limits or Limits()
        self._known: dict[tuple[str, tuple[int, ...]], Exact | None] = {}

    def after(self, path: Sequence[int], *, checked: bool = False) -> ScalarWorld:
        """The episode after these tokens. With `checked` it raises `UserError` for one that cannot come."""
        twin = self.twin.from_task(self.adviser.settings, self.task)
        for place, token in enumerate(path):
            if checked:
                self._check(twin, place, token)
            twin.step(token)
        return twin

    def value(self, path: Sequence[int]) -> Exact | None:
        """The expected reward from there on, if the optimum goes on; None where that is not known."""
        twin = self.after(path)
        if twin.ended:
            return 0
        if self.limits.over:
            return None
        advice = self.adviser.advice(twin)
        if twin.forced() == CHOICE:
            return max(advice.values.values(), default=None)
        if (asked := self._as_written(path, twin)) is not None:
            return asked
        key = None if advice.alike is None else (advice.alike, tuple(twin.legal()))
        if key not in self._known:
            found = self._expected(twin, path)
            if key is None:
                return found
            self._known[key] = found
        return self._known[key]

    def _as_written(self, path: Sequence[int], twin: ScalarWorld) -> Exact | None:
        """Before the world's token that follows the policy's own: what was expected of that one, less what it paid."""
        if not path:
            return None
        before = self.after(path[:-1])
        expected = self.adviser.advice(before).values.get(path[-1])
        return None if expected is None else expected - (twin.reward - before.reward)

    def _expected(self, twin: ScalarWorld, path: Sequence[int]) -> Exact | None:
        total: Exact = 0
        for token, chance in chances(twin).items():
            follows = [*path, token]
            value = self.value(follows)
            if value is None:
                return None
            total += chance * (value + (self.after(follows).reward - twin.reward))
        return total

    def _check(self, twin: ScalarWorld, place: int, token: int) -> None:
        names = twin.vocabulary.names
        if twin.ended:
            raise UserError(
                f"the episode ends after {place} tokens, and {place + 1} or more were given: leave them out"
            )
        may = range(len(names)) if twin.forced() == CHOICE and not self.adviser.masks else twin.legal()
        if token not in may:
            name = names[token] if 0 <= token < len(names) else short(token)
            allowed = " ".join(names[each] for each in may)
            raise UserError(f"token {place + 1} cannot be {name}: there it is one of {allowed}")


def chances(twin: ScalarWorld) -> dict[int, Fraction]:
    """What the world may write next, with its chances: of one that decides all of it, the one token."""
    if (forced := twin.forced()) >= 0:
        return {forced: Fraction(1)}
    return cast(StochasticTwin, twin).chance()
