"""Advice as a table: a page opened from disk cannot ask Python what the optimum would write.

For a few problems the table has the positions that a person is likely to look at: first those of the optimum's own
episodes under all answers, then those after one token that is not best, then after two, up to a number of positions.
Positions that the world calls alike (`Advice.alike`) are one, so a token that tells nothing costs little.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from itertools import zip_longest
from time import monotonic

from inwit.core.capabilities import capable
from inwit.core.contracts import ScalarWorld, World
from inwit.core.results import Advice, Json
from inwit.core.types import Tasks
from inwit.core.vocabulary import CHOICE
from inwit.playground.advising import Episodes, Exact, advises, parts
from inwit.playground.problems import advised_examples, cells

LOOKS = 7200  # positions that are looked at for all problems together: some 5 s, before the table is kept
SECONDS = 20.0  # after which no further problem is begun: some optima take seconds to prove

Path = tuple[int, ...]
Facts = dict[str, list[str]]


@dataclass(frozen=True)
class _Seen:
    """A position as it was met first."""

    path: Path
    twin: ScalarWorld
    advice: Advice
    facts: Facts
    tokens: list[int]  # that may be written next


def advice_table(world: World) -> Json | None:
    """What `static/advice.js` reads, as `AdviceTable` has it: all problems that a page from disk poses. None for a
    world without advice."""
    if not advises(world):
        return None
    table, started = AdviceTable(world), monotonic()
    examples = [advised_examples(world, kind) for kind in range(len(world.kinds))]
    in_turn = [each for row in zip_longest(*examples) for each in row if each is not None]
    for tasks in in_turn:
        if monotonic() - started < SECONDS:
            table.add(tasks, LOOKS // len(in_turn))
    return table.to_json()


class AdviceTable:
    """Positions of several problems of one world, with what they share.

    A position is [row, groups, changes]: the number of its row, and for each of the row's tokens the group of positions
    that follows and the number of what changes in the facts; both are empty at the table's edge. A row is [tokens,
    values, best, value], with null for values that are not known. A group has the positions that are alike, which
    differ in the tokens that may come. A change lists [fact, parts, 0], or [fact, parts, 1] where the parts are added
    to those that are listed. A problem is [[kind, cells], group, facts].
    """

    def __init__(self, world: World) -> None:
        self.adviser = capable(world, "advice")
        self.names: list[str] = []
        self.rows: dict[str, int] = {}
        self.changes: dict[str, int] = {}
        self.groups: list[list[int]] = []
        self.positions: list[list] = []
        self.problems: list[list] = []

    def to_json(self) -> Json:
        """What `static/advice.js` reads."""
        rows, changes = ([json.loads(text) for text in pool] for pool in (self.rows, self.changes))
        shared: Json = {"facts": self.names, "rows": rows, "changes": changes}
        return shared | {"groups": self.groups, "positions": self.positions, "problems": self.problems}

    def add(self, tasks: Tasks, most: int) -> None:
        """One problem, up to `most` positions that are looked at; those that are alike count each time."""
        assert self.adviser is not None
        search = _Search(self, Episodes(self.adviser, self.adviser.describe(tasks)[0]))
        start = search.seen(())
        self.names = list(start.facts)
        group, place, _ = search.place(start, search.episodes.value(()))
        search.widen(start, place, most)
        self.problems.append([[int(tasks.kind), cells(tasks)], group, list(start.facts.values())])


class _Search:
    """The positions of one problem."""

    def __init__(self, table: AdviceTable, episodes: Episodes) -> None:
        self.table, self.episodes = table, episodes
        self.groups: dict[str | Path, int] = {}
        self.places: dict[tuple[int, tuple[int, ...]], int] = {}

    def seen(self, path: Path) -> _Seen:
        twin = self.episodes.after(path)
        advice = self.episodes.adviser.advice(twin)
        free = not self.episodes.adviser.masks and not advice.values and twin.forced() == CHOICE
        tokens = list(range(len(twin.vocabulary))) if free else list(advice.values) or twin.legal()
        return _Seen(path, twin, advice, parts(advice), [] if twin.ended else tokens)

    def widen(self, start: _Seen, first: int, most: int) -> None:
        """All positions from the start on, those after fewer tokens that are not best first."""
        queue, looked = [(0, 0, first, start)], 0
        while queue and looked < most:
            strays, depth, place, before = heapq.heappop(queue)
            groups, changes = [], []
            for token in before.tokens:
                after = self.seen((*before.path, token))
                group, found, new = self.place(after, self.value(before, token, after))
                astray = bool(before.advice.best) and token not in before.advice.best
                if new and not after.twin.ended:
                    heapq.heappush(queue, (strays + astray, depth + 1, found, after))
                groups.append(group)
                changes.append(_number(self.table.changes, self.change(before.facts, after.facts)))
            looked += len(groups)
            self.table.positions[place][1:] = [groups, changes]

    def place(self, seen: _Seen, value: Exact | None) -> tuple[int, int, bool]:
        """The group and the position that stand for it, and whether the position is new."""
        table, alike = self.table, seen.path if seen.advice.alike is None else seen.advice.alike
        if alike not in self.groups:
            self.groups[alike] = len(table.groups)
            table.groups.append([])
        group, tokens = self.groups[alike], tuple(seen.tokens)
        new = (group, tokens) not in self.places
        if new:
            self.places[group, tokens] = len(table.positions)
            table.groups[group].append(len(table.positions))
            values = [float(each) for each in seen.advice.values.values()] or None
            row = [tokens, values, seen.advice.best, None if value is None else float(value)]
            table.positions.append([_number(table.rows, row), [], []])
        return group, self.places[group, tokens], new

    def value(self, before: _Seen, token: int, after: _Seen) -> Exact | None:
        """What the optimum expects after a token: before the world's own, what it expected of that token, less what the
        token paid."""
        if after.twin.ended or after.advice.values:
            return max(after.advice.values.values(), default=0)
        if token in before.advice.values:
            return before.advice.values[token] - (after.twin.reward - before.twin.reward)
        return self.episodes.value(after.path)

    def change(self, before: Facts, after: Facts) -> list[list]:
        changed = []
        for place, name in enumerate(self.table.names):
            old, new = before[name], after[name]
            if new != old:
                added = new[: len(old)] == old
                changed.append([place, new[len(old) :] if added else new, int(added)])
        return changed


def _number(pool: dict[str, int], value: object) -> int:
    return pool.setdefault(json.dumps(value), len(pool))
