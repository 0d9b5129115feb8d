"""`inwit playground [RUN...]`: step, break and mend agents in the browser, with Python behind the page.

Serves the playground's page on this machine and opens it. Unlike the file that `inwit page` writes, this page shows
runs that are still being trained, starts and stops trainings, lists all runs, and plays worlds and policies that
cannot become graphs. Up to six agents of one world are shown together. Without RUN the page opens the last run that
finished, or else the last one that was interrupted; where there is none, it opens on the list of runs and on trainings.

Nobody else reaches the page: the server listens on 127.0.0.1 alone, and answers only whoever has the token that stands
in the printed address. Keep that address to yourself. From another machine, use a tunnel with the same port at both
ends: ssh -L 8765:127.0.0.1:8765 HOST, and there inwit playground --port 8765 --no-browser.

The server ends with Ctrl-C, with its terminal, or when the page was closed for --idle minutes. A page that is open
goes on when the server is started anew on the same --port within a day of its end.

example: inwit playground latest
example: inwit playground tutorial-0 tutorial-1 --port 8765 --no-browser
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser
from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import finite_number, given_number
from inwit.core.storage import to_stderr

if TYPE_CHECKING:
    from inwit.runs.index import Row

IDLE = 30  # minutes
SHOWN = 5  # names of runs in an error


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="*", help="paths of run folders, their names, or `latest`", metavar="RUN")
    port = "the port on this machine (default: 0, any that is free)"
    parser.add_argument("--port", help=port, metavar="N", default="0")
    parser.add_argument("--no-browser", help="print the address, and open no browser", action="store_true")
    idle = f"end after so many minutes without an open page and a training (default: {IDLE}; 0: never)"
    parser.add_argument("--idle", help=idle, metavar="MINUTES", default=str(IDLE))
    if any(each == "--host" or each.startswith("--host=") for each in arguments):
        raise UserError(
            "--host is refused: the playground has no passwords and listens on 127.0.0.1 alone; from another machine "
            "use a tunnel, as in ssh -L 8765:127.0.0.1:8765 HOST"
        )
    args = parser.parse_args(arguments)
    number = given_number("--port", args.port, text=True)
    if not 0 <= number <= 65535:
        raise UserError(f"--port {short(number)} is none: ports go from 1 to 65535, and 0 takes any that is free")
    minutes, runs = _minutes(args.idle), _runs(args.runs)
    import webbrowser  # brings many modules, and --help none of them

    from inwit.playground.asking import Runs
    from inwit.playground.server import run

    def opened(address: str) -> None:
        print(f"{address}\nThis address is for you alone. Ctrl-C ends the playground.", flush=True)
        if not args.no_browser and _has_display():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # some wait for their end

    return run(Runs({name: name for name in runs}), runs, port=number, idle=minutes, opened=opened)


def _minutes(text: str) -> float:
    try:
        minutes = finite_number(text)
    except (ValueError, OverflowError):
        minutes = -1
    if minutes < 0:
        raise UserError(f"--idle {short(text)} is no time: give minutes, as in {IDLE}, or 0 to go on for ever")
    return minutes


def _runs(words: Sequence[str]) -> list[str]:
    """The words as the page sends them: each means the same run for ever, a script, or a world. Raises `UserError` for
    a word that means nothing. Needs no PyTorch."""
    from inwit.playground.asking import AGENTS
    from inwit.runs.folder import COMPLETE
    from inwit.runs.index import listing
    from inwit.runs.words import script_word
    from inwit.worlds import WORLDS

    if len(set(words)) > AGENTS:
        raise UserError(f"the page shows up to {AGENTS} agents beside each other, not {len(set(words))}: name fewer")
    rows = listing()
    if not words and not any(row.status in COMPLETE for row in rows):
        return []
    found: list[str] = []
    for word in words or [_last(rows)]:
        named = word if script_word(word) or word in WORLDS.names() else _named(word)
        if named is None:
            raise unknown("run", word, ["latest", *(row.run for row in rows[:SHOWN])])
        found.append(named)
        if not words or word == "latest":
            to_stderr(f"{'the last run is' if not words else 'latest is'} {_told(named, rows)}")
    return list(dict.fromkeys(found))


def _last(rows: Sequence[Row]) -> str:
    """The run that changed last of those that finished, or else of those that were interrupted."""
    from inwit.runs.folder import COMPLETE

    complete = [row for row in rows if row.status in COMPLETE]
    finished = [row for row in complete if row.status == "finished"]
    return max(finished or complete, key=lambda row: (row.updated, row.run)).run


def _told(run: str, rows: Sequence[Row]) -> str:
    """A run, and how it stands."""
    row = next((each for each in rows if each.run == run), None)
    if row is None:
        return run
    updates = "" if row.updates is None else f" after {row.updates} update{'' if row.updates == 1 else 's'}"
    solved = "" if row.solved is None or row.problems is None else f", solves {row.solved:,} of {row.problems:,}"
    return f"{run}: {row.status}{updates}{solved}"


def _named(word: str) -> str | None:
    """The name of a run's folder among the runs, or else its path; None if the word means no run. After `@` may stand a
    moment of its training."""
    from inwit.runs.finding import meant, split_moment
    from inwit.runs.folder import runs_folder

    paths, moment = meant(word), None
    if not paths:
        name, moment = split_moment(word)
        paths = meant(name, any_status=True) if moment else []
    if not paths:
        return None
    path = paths[-1].absolute()
    named = path.name if path.parent == runs_folder().absolute() else str(path)
    return f"{named}@{moment}" if moment else named


def _has_display() -> bool:
    """Whether a browser could show a window here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
