"""The shortest program from any state of a world, by a search that knows nothing of the world but its contract.

All programs of legal tokens are run, shortest first, whole levels at once; positions that are alike are looked at once.
A *position* is what one program makes of R rows: the program must be right on all of them. One row tells what is right
there, perhaps by luck; several problems of a kind tell what is right in general.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import World, answers
from inwit.core.errors import UserError
from inwit.core.types import State, map_rows
from inwit.worlds.oracle.clocks import clocks
from inwit.worlds.oracle.seen import Bytes, Seen

MOST = 200_000  # positions that a search looks at
SECONDS = 2.0  # that the searches of one question may take, where somebody waits for the answer
ROWS = 8192  # rows of a state that are stepped at once: few enough for the cache, enough to hide the cost of a call

Stopped = Callable[[], bool]
Pairs = Int[Tensor, " N"]


@dataclass(frozen=True)
class Way:
    """What a search found. `program` is a shortest one; of several the one whose tokens come first. None: there is
    none (`lost`), or the search gave up before it knew (`known` is False)."""

    program: tuple[int, ...] | None
    looked: int  # positions
    known: bool = True

    @property
    def length(self) -> int | None:
        """Tokens to a right end."""
        return None if self.program is None else len(self.program)

    @property
    def lost(self) -> bool:
        """Whether no program of legal tokens is right from here."""
        return self.known and self.program is None

    @property
    def to_go(self) -> float | None:
        """Tokens to a right end, infinity where none is left; None where the search gave up."""
        return math.inf if self.lost else self.length


class Limits:
    """When a search gives up: after `most` positions, after so many seconds from now, or when `stopped` says so."""

    def __init__(self, most: int = MOST, seconds: float = math.inf, stopped: Stopped | None = None) -> None:
        if most < 1:
            raise UserError(f"most = {most} is too few: a search looks at one position at least")
        self.most, self.ends, self.stopped = most, time.monotonic() + seconds, stopped

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.ends or (self.stopped is not None and self.stopped())


def way(
    world: World, state: State, *, most: int = MOST, seconds: float = math.inf, stopped: Stopped | None = None
) -> Way:
    """The shortest program that is right from here, on each of the state's R rows.

    `state` is as `World.reset` and `World.step` give it, of rows that have not ended. The search gives up after `most`
    positions, after so many `seconds`, or when `stopped` says so, which is asked every few milliseconds. Raises
    `UserError` for a world that draws: there no program is right whatever comes.
    """
    return search(world, state, Limits(most, seconds, stopped))


def token_costs(
    world: World, state: State, *, most: int = MOST, seconds: float = math.inf, stopped: Stopped | None = None
) -> dict[int, float | None]:
    """What each token costs that may be written in the first row: 0 keeps to a shortest way, n makes it n tokens
    longer, infinity leaves no way. None: the search gave up. As `way`; `most` holds for each search, `seconds` for all
    together."""
    limits = Limits(most, seconds, stopped)
    return costs_within(world, state, search(world, state, limits), limits)


def costs_within(world: World, state: State, here: Way, limits: Limits) -> dict[int, float | None]:
    """As `token_costs`, where the way from the state is known."""
    found: dict[int, float | None] = {}
    legal = world.legal(state)[0].tolist()
    for token in range(len(world.vocabulary)):
        if world.masks and not legal[token]:
            continue
        if here.program is None:
            found[token] = here.to_go
        elif token == here.program[0]:
            found[token] = 0
        else:
            left = after(world, state, token, limits).to_go
            found[token] = None if left is None else 1 + left - len(here.program)
    return found


@torch.no_grad()
def after(world: World, state: State, token: int, limits: Limits) -> Way:
    """The way that is left after a token: of no tokens where it is right on all rows."""
    rows = len(next(iter(state.values())))
    state, step = world.step(state, torch.full((rows,), token, device=next(iter(state.values())).device))
    if bool(step.success.all()):
        return Way((), 0)
    if bool((step.terminated | step.truncated).any()):
        return Way(None, 0)
    return search(world, state, limits)


def refuse_drawing(world: World) -> None:
    """Raises `UserError` for a world that writes tokens itself."""
    if capable(world, "chance") or answers(world):
        raise UserError(
            f"{world.id} writes tokens of its own, so no program is right whatever it writes: ask its `advice` for the "
            "best next token, as `inwit explain` does"
        )


@torch.no_grad()
def search(world: World, state: State, limits: Limits) -> Way:
    """As `way`."""
    refuse_drawing(world)
    return _Search(world, state, limits).run(map_rows(state, torch.Tensor.cpu))


_CLOCKS: weakref.WeakKeyDictionary[World, list[str]] = weakref.WeakKeyDictionary()


def _clocks(world: World) -> list[str]:
    if not isinstance(world, Hashable):
        return clocks(world)
    if world not in _CLOCKS:
        _CLOCKS[world] = clocks(world)
    return _CLOCKS[world]


class _Search:
    """Level after level of positions; a level's lie one after another, R rows each."""

    def __init__(self, world: World, state: State, limits: Limits) -> None:
        self.world, self.limits, self.looked = world, limits, 0
        self.rows = len(next(iter(state.values())))
        self.size = max(1, ROWS // self.rows)  # positions that are looked at together
        self.kept = [name for name in state if name not in _clocks(world)]
        self.seen = Seen(self._bytes(state))
        self.before: list[list[int]] = []  # of each level, for each position: the one it comes from,
        self.tokens: list[list[int]] = []  # and the token that leads to it

    def run(self, level: State) -> Way:
        """The way from a level of one position."""
        while level:
            self.before.append([])
            self.tokens.append([])
            parts: list[State] = []
            place, token = self._pairs(level)
            for pair in range(0, len(place), self.size):
                end = min(pair + self.size, len(place))
                allowed = min(end, pair + self.limits.most - self.looked)
                if self.limits.over:
                    return self._gave_up()
                part, right = self._written(level, place[pair:allowed], token[pair:allowed])
                if right is not None:
                    return Way(self._program(int(place[pair + right]), int(token[pair + right])), self.looked)
                if allowed < end:
                    return self._gave_up()
                parts.append(part)
            any_new = bool(self.before[-1])
            level = {name: torch.cat([part[name] for part in parts]) for name in level} if any_new else {}
        return Way(None, self.looked)

    def _gave_up(self) -> Way:
        return Way(None, self.looked, known=False)

    def _pairs(self, level: State) -> tuple[Pairs, Pairs]:
        """All positions of a level with each token that is legal in all of their rows."""
        legal = self.world.legal(level)
        place, token = legal.view(-1, self.rows, legal.shape[1]).all(1).nonzero().unbind(1)
        return place, token

    def _written(self, level: State, place: Pairs, token: Pairs) -> tuple[State, int | None]:
        """The new positions after these tokens, and which pair is the first that is right."""
        state, step = self.world.step(self._taken(level, place), token.repeat_interleave(self.rows))
        right = step.success.view(-1, self.rows).all(1).nonzero()[:, 0]
        if len(right):
            self.looked += int(right[0]) + 1
            return {}, int(right[0])
        self.looked += len(place)
        running = (~(step.terminated | step.truncated)).view(-1, self.rows).all(1).nonzero()[:, 0]
        new = self.seen.new(self._bytes(state)[running.numpy()])
        chosen = running[torch.tensor(new, dtype=torch.int64)]
        self.before[-1] += place[chosen].tolist()
        self.tokens[-1] += token[chosen].tolist()
        return self._taken(state, chosen), None

    def _taken(self, state: State, places: Pairs) -> State:
        """These positions, with all of their rows."""
        rows = (places[:, None] * self.rows + torch.arange(self.rows)).flatten()
        return map_rows(state, lambda tensor: tensor[rows])

    def _bytes(self, state: State) -> Bytes:
        """All that each position holds, but the clocks."""
        parts = [state[name].reshape(-1, self.rows, *state[name].shape[1:]).flatten(1) for name in self.kept]
        return np.concatenate([part.contiguous().numpy().view(np.uint8) for part in parts], axis=1)

    def _program(self, place: int, last: int) -> tuple[int, ...]:
        """The tokens that lead to a position, and one more."""
        tokens = [last]
        for before, written in zip(reversed(self.before[:-1]), reversed(self.tokens[:-1]), strict=True):
            tokens.append(written[place])
            place = before[place]
        return tuple(reversed(tokens))
