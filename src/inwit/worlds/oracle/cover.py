"""The fewest constant programs that together solve every problem of a world, found by search.

One program runs in all kinds at once, on a sample of problems each, as in `constant`; what makes the same of all
machines is merged. So every set of kinds that one program solves is found, and the smallest cover of all kinds by such
sets is the answer. With masks on an illegal token ends a program's use for a kind: the policy could not write it there.
With masks off it is a wasted step. What is reported was counted on every problem.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

from inwit.core.capabilities import ColumnTwin
from inwit.core.settings import Settings
from inwit.worlds.oracle.constant import SAMPLE, key_of, kind_success, sampled, twin_on, yardstick

Solved = frozenset[int]  # kinds


@cache
def smallest_cover(world_id: str, num_kinds: int, settings: Settings) -> tuple[tuple[int, ...], ...] | None:
    """The fewest constant programs by which every problem of all kinds is solved; None if some kind has no program that
    is right on all of its problems. Of equally small sets the one of the fewest tokens. `settings` says with `masks`
    whether a policy may write illegal tokens. Cached for the life of the process."""
    if any(yardstick(world_id, kind, settings).oracle is None for kind in range(num_kinds)):
        return None
    found = solved_by_one(world_id, num_kinds, settings)
    for size in range(1, num_kinds + 1):
        covers = [each for each in combinations(found, size) if len(frozenset().union(*each)) == num_kinds]
        if covers:
            best = min(covers, key=lambda cover: sum(len(found[solved]) for solved in cover))
            return tuple(found[solved] for solved in best)
    raise AssertionError("each kind has a right program, and the search missed one")


def solved_by_one(world_id: str, num_kinds: int, settings: Settings) -> dict[Solved, tuple[int, ...]]:
    """Every set of kinds that one constant program solves, with a shortest such program; where one program solves all,
    perhaps not every other set."""
    return _Search(world_id, num_kinds, settings).run()


@dataclass
class _Node:
    """What one program has made of the machines: an episode for each kind where it still runs, and what it solved."""

    episodes: dict[int, ColumnTwin]
    solved: Solved
    program: tuple[int, ...]


class _Search:
    def __init__(self, world_id: str, num_kinds: int, settings: Settings) -> None:
        self.world_id, self.settings, random = world_id, settings, np.random.default_rng(0)
        self.masks = bool(settings.to_dict().get("masks"))
        self.roots = {kind: sampled(twin_on(world_id, kind, settings), random) for kind in range(num_kinds)}
        self.weights = random.integers(-(2**62), 2**62, SAMPLE)
        self.found: dict[Solved, tuple[int, ...]] = {}
        self.right: dict[object, bool] = {}  # by kind and answer

    def run(self) -> dict[Solved, tuple[int, ...]]:
        """The shortest program for each set. The search ends early at a program that solves all."""
        frontier, seen = [_Node(self.roots, frozenset(), ())], set[Any]()
        everything = frozenset(self.roots)
        while frontier and everything not in self.found:
            following = []
            for node in frontier:
                for after in self._after(node):
                    if after.solved:
                        self.found.setdefault(after.solved, after.program)
                    key = self._key(after)
                    if after.episodes and key not in seen:
                        seen.add(key)
                        following.append(after)
            frontier = following
        return self.found

    def _after(self, node: _Node) -> list[_Node]:
        """One token later, for each token that has an effect in some kind."""
        legal = {kind: frozenset(episode.legal()) for kind, episode in node.episodes.items()}
        return [self._step(node, token, legal) for token in sorted(frozenset().union(*legal.values()))]

    def _step(self, node: _Node, token: int, legal: dict[int, frozenset[int]]) -> _Node:
        running, solved = {}, set(node.solved)
        for kind, episode in node.episodes.items():
            if self.masks and token not in legal[kind]:
                continue
            episode = copy(episode)
            episode.step(token)
            if episode.terminated and self._solves(kind, episode, (*node.program, token)):
                solved.add(kind)
            if not episode.ended:
                running[kind] = episode
        return _Node(running, frozenset(solved), (*node.program, token))

    def _solves(self, kind: int, episode: ColumnTwin, program: tuple[int, ...]) -> bool:
        """Whether it is right on every problem of the kind: counted once for all programs that answer alike."""
        key = kind, key_of([episode.acc], self.weights)
        if key not in self.right:
            on_sample = bool(np.all(episode.success))
            self.right[key] = on_sample and kind_success(self.world_id, kind, program, self.settings) == 1.0
        return self.right[key]

    def _key(self, node: _Node) -> tuple[object, ...]:
        states = tuple((kind, key_of(each.state().values(), self.weights)) for kind, each in node.episodes.items())
        return node.solved, states
