"""Addresses of a page's sessions, written in Python: the same fragment as `static/link.js` writes and reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from inwit.core.contracts import World
from inwit.core.types import Tasks

VERSION = "1"
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
SEED = 1  # of the answers of a world that draws, and of other problems


def link(world: World, task: Tasks, branches: Sequence[Sequence[str]], agent: str, at: int = 0) -> str:
    """The fragment that opens a problem, one row, with these branches, after `at` steps of the last one. A step is
    `token`, `forgets` or `has_memory_of`. The agent goes on where a branch ends."""
    parts = [("v", VERSION), ("w", quote(world.id, safe="")), ("k", str(int(task.kind)))]
    parts.append(("p", ".".join(map(str, cells(task)[1:]))))
    parts += [("t", ".".join(steps)) for steps in branches]
    parts += [("at", f"{len(branches) - 1}.{at}"), ("a", quote(agent, safe="")), ("s", str(SEED))]
    return "#" + "&".join(f"{name}={value}" for name, value in parts)


def cells(task: Tasks) -> list[int]:
    """The numbers of a task, one row: its kind, then all others."""
    return [int(task.kind), *(int(each) for tensor in task.data.values() for each in tensor[0].flatten().tolist())]


def token(world: World, number: int) -> str:
    """The step that writes a token."""
    name = world.vocabulary.names[number]
    return name if PLAIN.fullmatch(name) else f"*{number}"


def forgets(agent: str) -> str:
    """The step that gives an agent the memory that it had after the prompt."""
    return f"~{_coded(agent)}!0"


def has_memory_of(agent: str, task: Tasks) -> str:
    """The step that gives an agent the memory that it has on another problem, one row, after as many tokens."""
    return f"~{_coded(agent)}!{'_'.join(map(str, cells(task)))}*{SEED}"


def _coded(name: str) -> str:
    """As JavaScript's `encodeURIComponent`, and without the signs that part a step."""
    text = quote(name, safe="-_'()")
    return text.replace(".", "%2E").replace("~", "%7E")
