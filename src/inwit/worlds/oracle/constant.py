"""The best *constant* programs of a kind (the same tokens on every problem), found by search and counted exactly.

The search runs the world's scalar twin on columns of problems, breadth-first, and merges programs that made the same of
the machine on a random sample of problems. Registers are polynomials in the digits: in 9 steps two different ones agree
on a random row with probability < 0.9, on all of the sample with probability < 1e-23. What is reported is then counted
on every problem. Each node carries the probability that a uniformly random legal policy reaches it, so the success of
that policy is exact, too.

A twin (`core.contracts.ColumnTwin`) is copied with `copy.copy` at a branch: `step` must bind new values to its
attributes and never change an array or a container in place. `state()` must hold everything that later tokens can
depend on, besides the problem and the number of steps. `legal()` must not depend on values.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np

from inwit.core.capabilities import ColumnTwin
from inwit.core.settings import Settings
from inwit.worlds import TWINS

SAMPLE = 512


@dataclass(frozen=True)
class Program:
    """A constant program with its averages over every problem of the kind."""

    tokens: tuple[int, ...]
    success: float
    reward: float
    extra: dict[str, float]


@dataclass(frozen=True)
class Yardstick:
    """The best programs of one kind. `oracle` is None where no program is right on every problem."""

    oracle: Program | None
    shortcut: Program | None  # the best program shorter than the oracle's (of any length where there is no oracle)
    best_paid: Program | None  # the program with the highest expected reward
    random_success: float | None  # of a policy that draws uniformly from the legal tokens, exactly
    searched_to: int  # all programs of up to this many tokens were searched


@cache
def yardstick(world_id: str, kind: int, settings: Settings) -> Yardstick:
    """Search a kind of the world with these settings exhaustively. Of equally good programs the shortest is taken, of
    equally short ones the first in the order of token ids. Cached for the life of the process."""
    start = twin_on(world_id, kind, settings)
    answers, searched_to = _found(world_id, kind, settings)
    programs = [_measured(start, tokens) for tokens in answers]
    right = [program for program in programs if program.success == 1.0]
    oracle = right[0] if right else None  # breadth-first: the first is the shortest
    shorter = [p for p in programs if oracle is None or len(p.tokens) < len(oracle.tokens)]
    return Yardstick(
        oracle=oracle,
        shortcut=max(shorter, key=lambda program: program.success, default=None),
        best_paid=max(programs, key=lambda program: program.reward, default=None),
        random_success=sum(program.success * answers[program.tokens] for program in programs),
        searched_to=searched_to,
    )


@cache
def kind_success(world_id: str, kind: int, tokens: tuple[int, ...], settings: Settings) -> float:
    """The share of a kind's problems on which a constant program is right."""
    return _measured(twin_on(world_id, kind, settings), tokens).success


def answers_of(world_id: str, kind: int, settings: Settings) -> dict[tuple[int, ...], float]:
    """One program, the shortest, for every class of answers that constant programs can give, with the probability that
    the random legal policy ends in the class."""
    return _found(world_id, kind, settings)[0]


def right_on(world_id: str, kind: int, tokens: tuple[int, ...], settings: Settings) -> np.ndarray:
    """On which of a kind's problems a constant program is right: Bool[N], in the order of `on_all_problems`."""
    episode = twin_on(world_id, kind, settings)
    for token in tokens:
        episode.step(token)
    return np.array(np.broadcast_to(episode.success, (len(episode.operands[0]),)))


@cache
def _found(world_id: str, kind: int, settings: Settings) -> tuple[dict[tuple[int, ...], float], int]:
    return _search(twin_on(world_id, kind, settings))


def twin_on(world_id: str, kind: int, settings: Settings) -> ColumnTwin:
    """An episode on every problem of a kind, before its first token."""
    twin = cast("type[ColumnTwin]", TWINS.load(world_id))
    return twin.on_all_problems(settings, kind)


def _measured(start: ColumnTwin, tokens: tuple[int, ...]) -> Program:
    episode = copy(start)
    for token in tokens:
        episode.step(token)
    extra = {name: float(np.mean(value)) for name, value in episode.extra.items()}
    return Program(tokens, float(np.mean(episode.success)), float(np.mean(episode.reward)), extra)


@dataclass
class _Node:
    """What programs have made of the machine: an episode that is there, the shortest program that leads there, and the
    probability that the random legal policy gets there."""

    episode: ColumnTwin
    program: tuple[int, ...]
    probability: float


def _search(start: ColumnTwin) -> tuple[dict[tuple[int, ...], float], int]:
    """One program, the shortest, for every class of answers that constant programs can give, with the probability that
    the random legal policy ends in the class; and how many tokens the longest programs have."""
    random = np.random.default_rng(0)
    root = sampled(start, random)
    weights = random.integers(-(2**62), 2**62, SAMPLE)

    frontier: dict[Any, _Node] = {(): _Node(root, (), 1.0)}
    classes: dict[Any, tuple[int, ...]] = {}
    answers: dict[tuple[int, ...], float] = {}
    length = 0
    while frontier:
        following: dict[Any, _Node] = {}
        length += 1
        for node in frontier.values():
            legal = node.episode.legal()
            for token in legal:
                share = node.probability / len(legal)
                program, after = (*node.program, token), copy(node.episode)
                after.step(token)
                if after.terminated:
                    shortest = classes.setdefault(key_of([after.acc], weights), program)
                    answers[shortest] = answers.get(shortest, 0.0) + share
                elif not after.truncated:
                    key = key_of(after.state().values(), weights)
                    following.setdefault(key, _Node(after, program, 0.0)).probability += share
        frontier = following
    return answers, length


def sampled(start: ColumnTwin, random: np.random.Generator) -> ColumnTwin:
    """The episode on `SAMPLE` of its problems, drawn at random."""
    rows, root = random.integers(0, len(start.operands[0]), SAMPLE), copy(start)
    root.operands = [column[rows] for column in start.operands]
    return root


def key_of(values: Iterable[object], weights: np.ndarray) -> tuple[object, ...]:
    """Equal for equal contents: columns by a random linear hash modulo 2**64."""
    with np.errstate(over="ignore"):
        return tuple(int((v * weights).sum()) if isinstance(v, np.ndarray) else v for v in values)
