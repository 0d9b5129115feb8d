"""What lies open: a world and the agents that play in it, by the words that a page sends for them.

A page names runs by their names alone. It cannot name a path, an address or a file: only who starts the server may, on
the command line. Everything is loaded on the CPU.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from inwit.core import storage
from inwit.core.contracts import Agent, Policy, World
from inwit.core.errors import UserError, short
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.playground import contents
from inwit.playground.asking import AGENTS
from inwit.playground.graphs import on_cpu
from inwit.playground.problems import drawn
from inwit.playground.registers import shown
from inwit.playground.retelling import Retold
from inwit.playground.tour import tour
from inwit.playground.wire import Form, form_of
from inwit.playground.words import Meant, meant
from inwit.runs.loading import load
from inwit.scripts.script import Scripted
from inwit.worlds import make

KEPT = 4  # tables at once
LARGEST = 900_000  # bytes that one position may have on the wire: a message may have a million

Forms = dict[str, Form]


@dataclass(frozen=True)
class Seat:
    """An agent at a table: its policy on the CPU, and the form of its memory."""

    name: str
    agent: Agent
    policy: Policy
    memory: Forms


class Table:
    """A world and its agents by name. `state` and each seat's `memory` say what a page may send, `task` the types of a
    task's tensors, the kind first."""

    def __init__(self, world: World, agents: Sequence[Agent], words: Sequence[str] = ()) -> None:
        self.world, self.words = world, tuple(words)
        tasks = drawn(world, torch.zeros(1, dtype=torch.int64), stream(0, "page task"))
        self.task = [form_of("the task's kind", tasks.kind)]
        self.task += [form_of(f"the task's {name}", each) for name, each in tasks.data.items()]
        self.data = list(tasks.data)
        self.machine = shown(world)
        self.registers = self.machine.registers
        with torch.no_grad():
            state, token = world.reset(tasks), torch.zeros(1, dtype=torch.int64)
            self.state = forms(f"the state of {world.id}", [state, world.step(state, token)[0]])
            self.seats = {
                name: _seated(name, agent, tasks) for name, agent in zip(contents.names_of(agents), agents, strict=True)
            }
        held = [self.state, *(seat.memory for seat in self.seats.values())]
        size = sum(form.bytes for each in held for form in each.values())
        if size > LARGEST:
            raise UserError(
                f"a position of {', '.join(self.seats) or world.id} has {size / 1e6:.1f} MB, and {LARGEST / 1e6} may "
                "be sent: open fewer agents, or make a page with inwit page"
            )

    @cached_property
    def told(self) -> Json:
        """All that is told of the world and the agents. The slow parts are computed once."""
        made = contents.world_told(self.world, lambda _: None) | {"table": list(self.words)}
        told = {name: contents.agent_told(seat.agent, seat.policy) for name, seat in self.seats.items()}
        tours = [tour(seat.agent, seat.policy, name) for name, seat in self.seats.items()]
        return made | {"agents": told, "tour": [each for found in tours for each in found], "golden": []}


class Tables:
    """The tables that were used last. `given` has for the words of the command line, which may be paths, what
    `runs.loading.load` takes."""

    def __init__(self, given: Mapping[str, str | Path] | None = None, tell: storage.Tell = lambda _: None) -> None:
        self.given, self.tell = dict(given or {}), tell
        self._kept: OrderedDict[tuple[str, ...], tuple[list[Meant], Table]] = OrderedDict()
        self._lock = Lock()

    def table(self, words: object, *, anew: bool = False) -> Table:
        """The table of these words, as `words.meant` has them. With `anew` a table that is kept is loaded again where
        its weights have changed since. Raises `UserError` for words that name nothing, and for agents that cannot share
        a table."""
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UserError(f"table = {short(words)} is no list of names: name runs, or one world")
        if not 1 <= len(words) <= AGENTS:
            raise UserError(f"a table has 1 to {AGENTS} runs, or one world, not {len(words)} names")
        with self._lock:
            key = tuple(words)
            if anew or key not in self._kept:
                found = meant(words, self.given)
                key = tuple(each.word for each in found)
                if key not in self._kept or self._kept[key][0] != found:
                    self.tell(f"opening {', '.join(key)}")
                    self._kept[key] = found, _opened(found)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[key][1]


def forms(what: str, seen: Sequence[Mapping[str, Tensor]]) -> Forms:
    """Which tensors may be sent in place of any of these: a size that changes may be any between the least and the
    most. Raises `UserError` for tensors that change their names, rank or type."""
    made: Forms = {}
    for name, first in seen[0].items():
        own = [form_of(f"{what}: {name}", each[name]) for each in seen if name in each]
        if len(own) < len(seen) or len({(form.dtype, len(form.most)) for form in own}) > 1:
            raise UserError(f"{what}: {name} changes its rank or type from token to token, so no page can send it")
        axes = list(zip(*(form.most for form in own), strict=True))
        made[name] = Form(first.dtype, tuple(map(min, axes)), tuple(map(max, axes)))
    if any(each.keys() != made.keys() for each in seen):
        raise UserError(f"{what} has other tensors after other tokens, so no page can send it")
    return made


def _opened(found: Sequence[Meant]) -> Table:
    if found[0].world:
        return Table(make(found[0].world), [], [found[0].word])
    agents = [load(each.source, None if each.script else "cpu", at=each.at) for each in found]
    return Table(contents.shared_world(agents, "open one table for each"), agents, [each.word for each in found])


def _seated(name: str, agent: Agent, tasks: Tasks) -> Seat:
    """An agent with its memory's form, as it is in the longest episode."""
    policy, world = _policy(agent), agent.world
    _, memory = policy.begin(*world.prompt(tasks), world.stage(tasks))
    seen = [memory]
    for _ in range(world.num_columns - 1):
        _, memory = policy.step(torch.zeros_like(tasks.kind), memory)
        seen.append(memory)
    return Seat(name, agent, policy, forms(f"the memory of {name}", seen))


def _policy(agent: Agent) -> Policy:
    if isinstance(agent.policy, Scripted):
        return Retold(agent.policy.script, agent.policy.size)
    return on_cpu(agent.policy)
