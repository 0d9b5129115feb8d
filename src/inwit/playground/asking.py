"""What the page asks a local server, and what the parts that answer rely on.

A question is one JSON object, `{"id": ..., "ask": NAME, ...}`; its answer is `{"id": ..., **answer}`, or
`{"id": ..., "error": one sentence}`. A part is a module of this folder with a function

    def part(runs: Runs) -> Part: ...

which the server calls once, before its first question and in no thread of the server's own: the module may import
what is slow. An answer is a function of the whole message and of who asks:

    def _begin(message: Json, asker: Asker) -> Json: ...

It raises `UserError` with one sentence for what a person can mend. Any other exception becomes a sentence with the name
of its type, and a line at the terminal. What it returns must be JSON: no NaN, no infinity; and no `id` and no `error`.

The questions of one part are answered one after the other, in one thread, so a part needs no locks, but for those in
`APART`: each of them has a thread of its own, beside the others, one of a kind for each socket. A later `way` of the
same socket takes the place of the earlier one, which is answered at once: `asker.stopped()` becomes true, and nobody
waits for what the earlier one returns. The later one begins when the earlier one has come to its end. A second
`start`, `stop` or `page` is refused while the first goes on. Needs no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from inwit.core.errors import UserError, short
from inwit.core.results import Json
from inwit.runs.folder import runs_folder
from inwit.runs.index import listing

APART = frozenset({"way", "start", "stop", "page"})  # in threads of their own
NEWEST = frozenset({"way"})  # the next one ends the one before
AGENTS = 6  # beside each other, at most


class Asker(Protocol):
    """Who asked a question: one socket of the page."""

    def stopped(self) -> bool:
        """Whether nobody waits for the answer any more: there is one, or a newer question took its place, the socket is
        closed, or the server ends. Ask now and then where an answer takes long; what is returned then is dropped."""
        ...

    def push(self, line: Json) -> bool:
        """Send what the page did not ask for now, as `{"follow": RUN, "line": ...}`. From any thread but the server's
        own; waits while the page takes nothing. False if the socket is closed: stop pushing."""
        ...

    def closed(self, seconds: float) -> bool:
        """Wait until the socket is closed, or for so many seconds; whether it is closed."""
        ...


Answer = Callable[[Json, Asker], Json]
Answers = Mapping[str, Answer]


def _nothing() -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Part:
    """What a module answers, by the name of the question, and what it does when the server ends. While it is `busy`
    the server does not end because no page is open; the server asks often, and in its own thread."""

    answers: Answers
    close: Callable[[], None] = _nothing
    busy: Callable[[], bool] = _never


@dataclass(frozen=True)
class Runs:
    """The runs that a page may name. No path and no address comes in by a socket: a run has the name of its folder in
    the runs folder. Only the words that the command was `given` may mean something else."""

    given: Mapping[str, str | Path] = field(default_factory=dict)  # what `runs.loading.load` takes for each

    def folder(self, name: object) -> Path:
        """The folder of a run, whatever its status. Raises `UserError` for what is none in the runs folder."""
        if not isinstance(name, str) or name not in {row.run for row in listing()}:
            raise UserError(f"no run here is called {short(name)}: choose one of the list of runs")
        return runs_folder() / name
