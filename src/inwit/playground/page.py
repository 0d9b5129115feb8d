"""A page that plays agents: one HTML file with their graphs and weights, live from disk, without a network.

`contents.py` says what it holds, and `scripts.py` of which files its script is made. Data and script are packed, and
`static/loader.js` unpacks them. The page's content security policy allows loader, script and style alone, by their
hashes, and nothing else.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from inwit.core import storage
from inwit.core.contracts import Agent, parameters_of
from inwit.core.errors import UserError, short
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.playground import cache, contents, earlier
from inwit.playground.graphs import agent_graphs, on_cpu
from inwit.playground.scripts import PAGE, document, script, static
from inwit.playground.tour import tour
from inwit.playground.tracing import INSTEAD
from inwit.runs.folder import number
from inwit.runs.loading import load

MARK = b'<meta name="generator" content="inwit playground'  # what a page says of itself
# A page goes without comments that stand on lines of their own, a quarter of what its script weighs. No text of the
# script goes over several lines, so none is taken for a comment.
COMMENT = re.compile(r"^ */\*(?:(?!\*/).)*\*/\n|^ *//[^\n]*\n", re.MULTILINE | re.DOTALL)
HEAD = 4096  # bytes of a page, at most, up to the end of the mark
LARGE, TOO_LARGE = 5_000_000, 50_000_000  # bytes of a page

Given = Agent | str | Path


def page(
    agents: Given | Sequence[Given],
    out: str | Path = "page.html",
    tell: storage.Tell = storage.to_stderr,
    *,
    snapshots: int = 0,
) -> Path:
    """Write a page on which one steps, breaks and mends agents; returns its path.

    `agents`: an agent or the word for a run, or up to six of them, in one world. `tell` gets a line for each step of
    the work. `snapshots`: with each agent so many earlier ones, of those that its run kept (2 to 60; 0: none). Raises
    `UserError` for a path where no page can be written, or where a file is that is no page; for what is no agent, for
    agents in different worlds, for a part that cannot become a graph, for snapshots of a run that kept none, and for a
    page beyond 50 MB."""
    if snapshots != 0 and not earlier.LEAST <= snapshots <= earlier.MOST:
        raise UserError(
            f"snapshots = {short(snapshots)}: a page holds {earlier.LEAST} to {earlier.MOST} for each agent, or none"
        )
    path = given_path(out)
    check_place(path)
    loaded = [each if isinstance(each, Agent) else load(each) for each in _given(agents)]
    made = html(described(loaded, tell, snapshots)).encode()
    if len(made) > TOO_LARGE:
        raise UserError(
            f"the page would have {len(made) / 1e6:.0f} MB, and 50 are allowed: give fewer or smaller agents than "
            + ", ".join(
                f"{_who(name, agent)} ({_megabytes(agent):.1f} MB of weights)"
                for name, agent in zip(contents.names_of(loaded), loaded, strict=True)
            )
        )
    if len(made) > LARGE:
        tell(f"the page is large, {len(made) / 1e6:.0f} MB: browsers open it slowly")
    storage.publish(path, made)
    return path


def check_place(path: Path) -> None:
    """Raises `UserError` where no page can be written, and where a file is that is no page: it would be lost."""
    storage.check_replaceable(path)
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: there is no folder {path.parent}; make it, or name another")
    if path.is_file():
        with storage.explained(f"cannot read {path}"), path.open("rb") as stream:
            head = stream.read(HEAD)
        if head and MARK not in head:
            raise UserError(f"{path} here is no page of inwit's: move it, or name another file")


def _given(agents: object) -> list[Given]:
    many = [agents] if isinstance(agents, Agent | str | Path) else agents
    if not isinstance(many, Sequence) or not all(isinstance(each, Agent | str | Path) for each in many):
        raise UserError(f"{short(agents)} is no agent: give an agent, the word for a run, or a list of them")
    return list(many)


def _who(name: str, agent: Agent) -> str:
    """An agent by its name, with its run, and with the run's state where its training did not finish."""
    if agent.path is None:
        return name
    update = number(agent.summary, "update")
    after = "" if agent.status == "finished" else f", {agent.status}"
    after += f" after update {update:g}" if after and update is not None else ""
    return f"{name} of {agent.path.name}{after}"


def _megabytes(agent: Agent) -> float:
    return sum(each.numel() * each.element_size() for each in parameters_of(agent.policy)) / 1e6


def described(agents: Sequence[Agent], tell: storage.Tell, snapshots: int = 0) -> Json:
    """All that a page holds: what `static/engine.js` takes, and what is shown beside it. `earlier.py` says what
    `snapshots` are."""
    if scripts := [agent.script for agent in agents if agent.script]:
        raise UserError(f"{scripts[0]} is a script, and plain Python cannot become a graph of a page; {INSTEAD}")
    world = contents.shared_world(agents, "make a page for each")
    graphs, blob = cache.graphs_of(world, searching=True)
    searched = {name: graphs.pop(name) for name in ("together", "advice")}
    made = contents.world_told(world, tell) | {"world": graphs, **searched}
    made |= {"agents": {}, "golden": [], "tour": []}
    for name, agent in zip(contents.names_of(agents), agents, strict=True):
        tell(f"the agent {_who(name, agent)}")
        policy = on_cpu(agent.policy)
        made["agents"][name] = contents.agent_told(agent, policy) | agent_graphs(agent, blob)
        if snapshots:
            made["agents"][name] |= earlier.snapshots(agent, made["agents"][name], blob, snapshots)
        made["tour"] += tour(agent, policy, name)
        made["golden"] += contents.golden(world, policy, name)
    return made | {"blob": blob.to_json(base64.b64encode(blob.data).decode())}


def html(held: Json) -> str:
    """The page that holds this."""
    code, loader, style = COMMENT.sub("", script(PAGE)), static("loader.js"), static("page.css")
    data, without = base64.b64decode(held["blob"]["data"]), held | {"blob": held["blob"] | {"data": ""}}
    sources = f"script-src '{digest(loader)}' '{digest(code)}'; style-src '{digest(style)}'"
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
    kept = {"data": storage.to_json(without, indent=None) + b"\0" + data, "script": code.encode()}
    parts = [f'<script type="text/plain" id="{name}">{packed(part)}</script>' for name, part in kept.items()]
    return document(
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>',
        '<span id="check">This page has not been checked against Python.</span> It loads nothing and sends nothing.',
        "\n".join([*parts, f"<script>{loader}</script>"]),
        f"{', '.join(held['agents'])} in {held['id']}",
    )


def packed(data: bytes) -> str:
    """What `static/loader.js` unpacks. The same data is the same text."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def digest(text: str) -> str:
    """The hash of a script or a style, as a content security policy has it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
