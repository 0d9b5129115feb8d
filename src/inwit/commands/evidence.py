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
kept after each claim in the run's evidence.json, of several runs in the first one's evidence-seeds.json (where
`inwit report` finds both), or in FILE. Of a script (`pipeline`, `react:calculator`), and in a world that --world.X
or --untold.X change (`inwit evaluate --help`), it is kept in FILE alone. Ctrl-C loses the claim at hand alone. What
was found before of the same weights stays until it is judged anew; --only judges some claims.

example: inwit evidence latest
         inwit evidence latest --only re-plans,remembers
         inwit evidence 'calculator-*' --out evidence.json
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser, add_json, add_worlds, agent, listed, print_json, take_agent
from inwit.core.claims import CLAIMS, Evidence
from inwit.core.errors import UserError, short, unknown
from inwit.core.records import as_dict
from inwit.core.storage import to_stderr
from inwit.core.text import plain, shown
from inwit.version import __version__

if TYPE_CHECKING:
    from inwit.core.contracts import Agent
    from inwit.core.results import Json

PATIENCE = 80  # tries to have a file alone, each of an eighth of a second


def main(arguments: list[str]) -> int:
    arguments, settings = take_agent(arguments)
    parser = Parser(__doc__)
    said = "a run, or several seeds: names, paths, patterns, latest, RUN@best; or a script, as in pipeline:calculator"
    parser.add_argument("runs", nargs="+", help=said, metavar="RUN")
    add_worlds(parser)
    names = ", ".join(map(_flag, CLAIMS))
    parser.add_argument("--only", action="append", help=f"only these claims, of {names}", metavar="CLAIM,...")
    parser.add_argument("--out", help="keep it in this file, and not in the first run", metavar="FILE")
    add_json(parser, at_end=True)
    args = parser.parse_args(arguments)
    claims = _claims(args.only)
    agents = _agents(args.runs, settings)
    kept = _Kept(agents, args.out)
    found = _examined(agents, claims, kept)
    if args.json:
        print_json(kept.record(found))
    else:
        from inwit.core.terminal import console
        from inwit.evaluation.changed import told

        if agents[0].untold:
            console().print(told(agents[0]))
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
    if texts and not asked:
        raise UserError(f"--only {short(texts[0])} names no claim: name some of {', '.join(named)}")
    return [claim for flag, claim in named.items() if flag in asked or texts is None]


def _agents(words: list[str], settings: dict[str, dict[str, str]]) -> list[Agent]:
    from inwit.report.select import select

    found: list[str | Path] = []
    for word in words:
        found += [run.record.path for run in select([word])] if any(sign in word for sign in "*?[") else [word]
    return [agent(each, settings) for each in found]


def _examined(agents: list[Agent], claims: list[str], kept: _Kept) -> Evidence:
    """Claim by claim, each kept as soon as it is judged."""
    from inwit.evidence.battery import examine

    found, done = None, 0
    try:
        for claim in claims:
            start = time.monotonic()
            part = examine(agents, only=[claim], progress=lambda text: to_stderr(f"{text} ..."))
            to_stderr(f"{claim}: {part.claims[0].verdict} ({time.monotonic() - start:.1f} s)")
            found, done = kept.keep(part), done + 1
    except KeyboardInterrupt:
        if not done:
            raise
        raise KeyboardInterrupt(f"{done} of {len(claims)} claims were judged{kept.place()}") from None
    assert found is not None
    return found


class _Kept:
    """Where evidence is kept: a file of the user's, or one of the first run's, if that is a whole one."""

    def __init__(self, agents: list[Agent], out: str | None) -> None:
        from inwit.runs.finding import EVIDENCE
        from inwit.runs.folder import COMPLETE

        self.own, self.agents, self.error = out is not None, agents, None
        self.mine: Evidence | None = None  # what was found just now
        first, self.file = agents[0], None
        if out is not None:
            self.file = _file_of_user(out)
        elif first.path is not None and first.status in COMPLETE and not first.untold:
            self.file = first.path / EVIDENCE[len(agents) > 1]
        else:
            to_stderr(
                f"what is found of {first.name or repr(first)} is kept nowhere: name a file with --out to keep it"
            )
        earlier = _evidence_in(self.file)
        if self.file and earlier and not self._is_mine(earlier):
            whose = ", ".join(Evidence.from_dict(earlier).agents)
            why = f"holds evidence of other weights, or of another version ({whose})"
            to_stderr(f"{shown(self.file)} {why}: it will be replaced; --out names another file")

    def record(self, found: Evidence) -> Json:
        """What the file holds: the evidence, and of which weights it is."""
        from inwit.runs.provenance import now

        made = {"inwit": __version__, "time": now(), "of": self._weights()}
        return found.to_dict() | {"made": made, **({"untold": untold} if (untold := self.agents[0].untold) else {})}

    def _weights(self) -> list[object]:
        """What tells the agents from others: after which update, and how their training ended; of a script and in a
        changed world, the world, too."""
        return [
            [each.path.name if each.path else each.script, each.status, each.summary.get("update"), *_abroad(each)]
            for each in self.agents
        ]

    def _is_mine(self, values: Mapping[str, object]) -> bool:
        """Whether that was found of the same weights, and by this version."""
        made = as_dict(values.get("made"))
        return made.get("of") == self._weights() and made.get("inwit") == __version__

    def _joined(self, mine: Evidence) -> Evidence:
        """With what the file holds of the same weights now: another command may have added to it."""
        earlier = _evidence_in(self.file)
        return Evidence.from_dict(earlier).joined(mine) if self._is_mine(earlier) else mine

    def keep(self, part: Evidence) -> Evidence:
        """Write it now, beside all that was found of the same weights before: gives that together. A disk that refuses
        it is told: what was found is true all the same."""
        from inwit.core import storage

        self.mine = self.mine.joined(part) if self.mine else part
        found = self._joined(self.mine)
        if self.file is None:
            return found
        try:
            with _alone_with(self.file):
                found = self._joined(self.mine)
                storage.publish(self.file, storage.to_json(plain(self.record(found))))
            self.error = None
        except UserError as error:
            if self.error is None:
                to_stderr(str(error))
            self.error = error
        return found

    def place(self) -> str:
        return "" if self.file is None or self.error else f", and are kept in {shown(self.file)}"

    def finish(self) -> None:
        """Say where it is; raises `UserError` if a file of the user's could not be written."""
        if self.error and self.own:
            raise self.error
        if self.file is not None and not self.error:
            to_stderr(f"kept in {shown(self.file)}")
        if not self.own and self.file is not None and not self.error:
            to_stderr(f"see what was done to it: inwit page {shown(self.file.parent)}, then Tour")


def _abroad(agent: Agent) -> list[object]:
    """The world of an agent that no run's folder tells."""
    told = agent.script or agent.untold
    return [json.loads(json.dumps({"id": agent.world.id, **agent.world.settings.to_dict()}))] if told else []


def _file_of_user(out: str) -> Path:
    """Raises `UserError` for what cannot be written, and for a file with anything else than evidence in it."""
    from inwit.core import storage
    from inwit.core.paths import given_path

    file = given_path(out)
    storage.check_replaceable(file)
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise UserError(f"--out {out} is no file that can be written: name one in a folder that exists")
    with storage.explained(f"cannot read --out {out}"):
        holds = file.exists() and file.stat().st_size > 0
    if holds and not _evidence_in(file):
        raise UserError(f"--out {out} holds no evidence, and would be lost: name another file, or delete this one")
    return file


def _evidence_in(file: Path | None) -> Mapping[str, object]:
    """What stands in a file; nothing where there is none, or what is there is no evidence."""
    with suppress(OSError, ValueError, RecursionError):
        values = as_dict(json.loads(file.read_bytes())) if file else {}
        if isinstance(values.get("claims"), list) and isinstance(values.get("agents"), list):
            return values
    return {}


@contextmanager
def _alone_with(file: Path) -> Iterator[None]:
    """Keep other commands from adding to the same file meanwhile: each would lose what the other adds. A disk that
    refuses the lock refuses the file, too, and then says why."""
    from inwit.core import storage

    real = file.resolve()
    for _ in range(PATIENCE):
        with ExitStack() as stack:
            held = True
            with suppress(OSError):
                held = stack.enter_context(storage.locked(real.with_name(f".{real.name}.lock")))
            if held:
                yield
                return
    raise UserError(f"cannot write {file}: another command is writing it, and does not end")
