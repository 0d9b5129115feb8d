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
from html import escape
from importlib import resources
from pathlib import Path

from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.playground import cache, contents
from inwit.playground.graphs import agent_graphs, example, on_cpu
from inwit.playground.scripts import PAGE, script
from inwit.playground.tracing import INSTEAD
from inwit.runs.loading import load
from inwit.version import __version__

LARGE, TOO_LARGE = 5_000_000, 50_000_000  # bytes of a page

Given = Agent | str | Path


def page(
    agents: Given | Sequence[Given], out: str | Path = "page.html", tell: storage.Tell = storage.to_stderr
) -> Path:
    """Write a page on which one steps, breaks and mends agents; returns its path.

    `agents`: an agent or the word for a run, or up to six of them, in one world. `tell` gets a line for each step of
    the work. Raises `UserError` for agents in different worlds, for a part that cannot become a graph, and for a page
    beyond 50 MB."""
    given = [agents] if isinstance(agents, Agent | str | Path) else list(agents)
    path = given_path(out)
    made = html(described([each if isinstance(each, Agent) else load(each) for each in given], tell)).encode()
    if len(made) > TOO_LARGE:
        raise UserError(
            f"the page would have {len(made) / 1e6:.0f} MB, and 50 are allowed: give fewer or smaller agents"
        )
    if len(made) > LARGE:
        tell(f"the page is large, {len(made) / 1e6:.0f} MB: browsers open it slowly")
    storage.publish(path, made)
    return path


def described(agents: Sequence[Agent], tell: storage.Tell) -> Json:
    """All that a page holds: what `static/engine.js` takes, and what is shown beside it."""
    if scripts := [agent.script for agent in agents if agent.script]:
        raise UserError(f"{scripts[0]} is a script, and plain Python cannot become a graph of a page; {INSTEAD}")
    world = contents.shared_world(agents, "make a page for each")
    graphs, blob = cache.graphs_of(world, searching=True)
    together = graphs.pop("together")
    made = contents.world_told(world, tell) | {"world": graphs, "together": together}
    made |= {"machine": contents.machine(world, example(world), blob), "agents": {}, "golden": []}
    for name, agent in zip(contents.names_of(agents), agents, strict=True):
        tell(f"the agent {name}")
        policy = on_cpu(agent.policy)
        made["agents"][name] = contents.agent_told(agent, policy) | agent_graphs(agent, blob)
        made["golden"] += contents.golden(world, policy, name)
    return made | {"blob": blob.to_json(base64.b64encode(blob.data).decode())}


def html(held: Json) -> str:
    """The page that holds this."""
    code, loader, style = script(PAGE), static("loader.js"), static("page.css")
    data, without = base64.b64decode(held["blob"]["data"]), held | {"blob": held["blob"] | {"data": ""}}
    sources = f"script-src '{digest(loader)}' '{digest(code)}'; style-src '{digest(style)}'"
    parts = {
        "POLICY": f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'",
        "VERSION": __version__,
        "TITLE": escape(f"{', '.join(held['agents'])} in {held['id']}"),
        "STYLE": style,
        "DATA": packed(storage.to_json(without, indent=None) + b"\0" + data),
        "SCRIPT": packed(code.encode()),
        "LOADER": loader,
    }
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], static("page.html"))


def static(name: str) -> str:
    """The text of a file of `static/`."""
    return (resources.files("inwit.playground") / "static" / name).read_text(encoding="utf-8")


def packed(data: bytes) -> str:
    """What `static/loader.js` unpacks. The same data is the same text."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def digest(text: str) -> str:
    """The hash of a script or a style, as a content security policy has it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
