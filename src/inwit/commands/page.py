"""`inwit page RUN... [--out FILE] [--snapshots N]`: a page on which one steps, breaks and mends agents, live from disk.

One HTML file that runs the agents and their world in the browser: step forward and back, write another token than the
agent would, change its memory, take another problem, and see at once what the agent expects and what the optimum would
still need. The page needs no network, no server and no other file. Up to six agents of one world are shown together.
With --snapshots also as they were earlier, where their runs kept snapshots (--training.snapshots).

example: inwit page latest
example: inwit page tutorial-0 tutorial-1 --out tutorial.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser, agent
from inwit.core.errors import UserError
from inwit.core.numbers import given_number

if TYPE_CHECKING:
    from inwit.core.contracts import Agent


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="+", help="paths of run folders, their names, or `latest`", metavar="RUN")
    parser.add_argument("--out", help="the page's file (default: page.html here)", metavar="FILE")
    earlier = "also each agent as it was at so many earlier updates, 2 to 60, of those that its run kept"
    parser.add_argument("--snapshots", help=earlier, metavar="N", default="0")
    args = parser.parse_args(arguments)
    snapshots = given_number("--snapshots", args.snapshots, text=True)
    if args.out == "":
        raise UserError("--out '' is no file: name one, or leave it out for page.html")
    from inwit.core import storage
    from inwit.core.paths import given_path
    from inwit.playground.page import check_place, page

    path = given_path(args.out or "page.html")
    check_place(path)  # before any agent is loaded
    agents = []
    for word in dict.fromkeys(args.runs):  # a run that is named twice is shown once
        found = agent(word, {"world": {}, "untold": {}})
        if found.path is None or not any(_same(found, each) for each in agents):
            agents.append(found)
    written = page(agents, path, storage.to_stderr, snapshots=snapshots)
    print(f"written: {written} ({written.stat().st_size / 1000:,.0f} kB): open it in a browser")
    return 0


def _same(one: Agent, other: Agent) -> bool:
    """Whether both are of the same moment of the same run, whatever the words were."""
    return (one.path, one.status, one.summary.get("update")) == (other.path, other.status, other.summary.get("update"))
