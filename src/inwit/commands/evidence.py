"""`inwit evidence RUN [RUN...]`: whether it plans, remembers, or recites.

That an agent solves everything does not say how. This examines what a run's agent does inside:

  reads        it solves problems that it was never trained on
  remembers    it fails where its memory is rebuilt from the prompt and the last token
  looks ahead  what it will do later can be exchanged in its memory before it begins
  re-plans     it finds another right way after a token that was forced on it
  thinks       more time before it answers helps

Each claim is shown, not shown, refuted, or not testable here: which one, follows from a bar that stands beside
the figure, and from controls in the next columns, whose results are known beforehand. A control that fails
makes its figure worthless, and then nothing is shown. What cannot be judged says why; the rest is judged.

Several runs are seeds of one recipe: figures are then means over them, intervals are over seeds. Everything is
kept after each claim in the first run's evidence.json (where `inwit report` finds it), or in FILE. Ctrl-C loses
the claim at hand alone. --only leaves what was found of other claims before, for the same weights.

example: inwit evidence latest
         inwit evidence latest --only re-plans,remembers
         inwit evidence 'calculator-*' --out evidence.json
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser, add_json, listed, print_json
from inwit.core.claims import CLAIMS, Evidence
from inwit.core.errors import UserError, unknown
from inwit.core.storage import to_stderr
from inwit.core.text import plain, shown
from inwit.version import __version__

if TYPE_CHECKING:
    from inwit.core.contracts import Agent
    from inwit.core.results import Json


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.add_argument(
        "runs", nargs="+", help="a run, or several seeds: names, paths, patterns, latest, RUN@best", metavar="RUN"
    )
    names = ", ".join(map(_flag, CLAIMS))
    parser.add_argument("--only", action="append", help=f"only these claims, of {names}", metavar="CLAIM,...")
    parser.add_argument("--out", help="keep it in this file, and not in the first run", metavar="FILE")
    add_json(parser, at_end=True)
    args = parser.parse_args(arguments)
    claims = _claims(args.only)
    agents = _agents(args.runs)
    kept = _Kept(agents, args.out)
    found = _examined(agents, claims, kept)
    if args.json:
        print_json(kept.record(found))
    else:
        from inwit.core.terminal import console

        console().print(found)
    kept.finish()
    return 0


def _flag(claim: str) -> str:
    return claim.replace(" ", "-")


def _claims(texts: list[str] | None) -> list[str]:
    """The claims that were asked for, in their own order."""
    named = {_flag(claim): claim for claim in CLAIMS}
    asked = [_flag(text.strip()) for text in listed(texts or [])]
    for text in asked:
        if text not in named:
            raise unknown("claim", text, named)
    return [claim for flag, claim in named.items() if flag in asked or texts is None]


def _agents(words: list[str]) -> list[Agent]:
    from inwit.report.select import select
    from inwit.runs.loading import load

    found: list[str | Path] = []
    for word in words:
        found += [run.record.path for run in select([word])] if any(sign in word for sign in "*?[") else [word]
    return [load(each) for each in found]


def _examined(agents: list[Agent], claims: list[str], kept: _Kept) -> Evidence:
    """Claim by claim, each kept as soon as it is judged."""
    from inwit.evidence.battery import examine

    found, done = kept.before(claims), 0
    try:
        for claim in claims:
            start = time.monotonic()
            part = examine(agents, only=[claim], progress=lambda text: to_stderr(f"{text} ..."))
            found, done = part if found is None else found.joined(part), done + 1
            to_stderr(f"{claim}: {part.claims[0].verdict} ({time.monotonic() - start:.1f} s)")
            kept.keep(found)
    except KeyboardInterrupt:
        if found is None or not done:
            raise
        raise KeyboardInterrupt(f"{done} of {len(claims)} claims were judged{kept.place()}") from None
    assert found is not None
    return found


class _Kept:
    """Where evidence is kept: a file of the user's, or the first run's, if that is a whole one."""

    def __init__(self, agents: list[Agent], out: str | None) -> None:
        from inwit.core import storage
        from inwit.core.paths import given_path
        from inwit.runs.folder import COMPLETE

        self.own, self.agents, self.error = out is not None, agents, None
        first, self.file = agents[0], None
        if out is not None:
            self.file = given_path(out)
            storage.check_replaceable(self.file)
            if self.file.is_dir() or not self.file.absolute().parent.is_dir():
                raise UserError(f"--out {out} is no file that can be written: name one in a folder that exists")
        elif first.path is not None and first.status in COMPLETE:
            self.file = first.path / "evidence.json"
        else:
            to_stderr(f"what is found of {first!r} is kept nowhere: name a file with --out to keep it")

    def record(self, found: Evidence) -> Json:
        """What the file holds: the evidence, and of which weights it is."""
        from inwit.runs.provenance import now

        return found.to_dict() | {"made": {"inwit": __version__, "time": now(), "of": self._weights()}}

    def _weights(self) -> list[object]:
        """What tells the weights of the agents from others: after which update, and how their training ended."""
        return [
            [agent.path.name if agent.path else "", agent.status, agent.summary.get("update")] for agent in self.agents
        ]

    def before(self, claims: list[str]) -> Evidence | None:
        """What was found earlier of the same weights, where not everything is judged anew."""
        if self.file is None or set(claims) == set(CLAIMS):
            return None
        with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
            earlier = json.loads(self.file.read_bytes())
            if earlier["made"]["of"] == self._weights() and earlier["made"]["inwit"] == __version__:
                return Evidence.from_dict(earlier)
        return None

    def keep(self, found: Evidence) -> None:
        """Write it now. A disk that refuses it is told: what was found is true all the same."""
        from inwit.core import storage

        if self.file is None:
            return
        try:
            storage.publish(self.file, storage.to_json(plain(self.record(found))))
            self.error = None
        except UserError as error:
            if self.error is None:
                to_stderr(str(error))
            self.error = error

    def place(self) -> str:
        return "" if self.file is None or self.error else f", and are kept in {shown(self.file)}"

    def finish(self) -> None:
        """Say where it is; raises `UserError` if a file of the user's could not be written."""
        if self.error and self.own:
            raise self.error
        if self.file is not None and not self.error:
            to_stderr(f"kept in {shown(self.file)}")
