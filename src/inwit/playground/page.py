"""A page that plays agents: one HTML file with their graphs and weights, live from disk, without a network.

`contents.py` says what it holds, and `scripts.py` of which files its script is made. Its content security policy allows
this script and this style alone, by their hashes, and nothing else.
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
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.playground import cache, contents
from inwit.playground.asking import AGENTS
from inwit.playground.graphs import agent_graphs, example, on_cpu
from inwit.playground.problems import problems
from inwit.playground.scripts import PAGE, script
from inwit.playground.units import units
from inwit.runs.loading import load
from inwit.version import __version__

# Comments and indents are for those who mend the script: a page goes without. No text of it may go over several lines.
SPARE = re.compile(
    r"^ */\*(?:(?!\*/).)*\*/\n|/\*\* @type [^*]*\*/ ?|^ *//[^\n]*\n|(?<=[;,{(]) // [^\n\"'`]*$|^ +",
    re.MULTILINE | re.DOTALL,
)
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
    world = _shared(agents)
    tell(f"the world {world.id}")
    graphs, blob = cache.graphs_of(world, searching=True)
    together = graphs.pop("together")
    made: Json = {
        "version": __version__,
        "id": world.id,
        "settings": world.settings.to_dict(),
        "vocabulary": list(world.vocabulary.names),
        "kinds": list(world.kinds.names),
        "columns": world.num_columns,
        "masks": world.masks,
        "limit": world.known_limit,
        "world": graphs,
        "together": together,
        "problems": problems(world),
    }
    tell("its yardsticks")
    made |= {"machine": contents.machine(world, example(world), blob), "yardsticks": contents.yardsticks(world)}
    made |= {"agents": {}, "golden": []}
    for name, agent in zip(contents.names_of(agents), agents, strict=True):
        tell(f"the agent {name}")
        policy = on_cpu(agent.policy)
        shown: Json = {"about": contents.about(agent), "units": units(world, policy)}
        made["agents"][name] = agent_graphs(agent, blob) | shown
        made["golden"] += contents.golden(world, policy, name)
    return made | {"blob": blob.to_json(base64.b64encode(blob.data).decode())}


def html(held: Json) -> str:
    """The page that holds this."""
    folder = resources.files("inwit.playground") / "static"
    code = SPARE.sub("", script(PAGE))
    style = re.sub(r"\s+", " ", (folder / "page.css").read_text(encoding="utf-8"))
    style = re.sub(r"(?<=[:;,{}]) | (?=[{}])", "", style)
    data, without = base64.b64decode(held["blob"]["data"]), held | {"blob": held["blob"] | {"data": ""}}
    packed = gzip.compress(storage.to_json(without, indent=None) + b"\0" + data, 9, mtime=0)
    sources = f"script-src '{digest(code)}'; style-src '{digest(style)}'"
    parts = {
        "POLICY": f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'",
        "VERSION": __version__,
        "TITLE": escape(f"{', '.join(held['agents'])} in {held['id']}"),
        "STYLE": style,
        "DATA": base64.b64encode(packed).decode(),
        "SCRIPT": code,
    }
    text = (folder / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], text)


def digest(text: str) -> str:
    """The hash of a script or a style, as a content security policy has it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _shared(agents: Sequence[Agent]) -> World:
    """The world of all of them. Raises `UserError` where they have several, and for scripts."""
    if not 1 <= len(agents) <= AGENTS:
        raise UserError(f"a page shows 1 to {AGENTS} agents, not {len(agents)}: name fewer runs")
    if scripts := [agent.script for agent in agents if agent.script]:
        raise UserError(
            f"{scripts[0]} is a script, and plain Python cannot become a graph of a page; inwit explain shows it"
        )
    first = agents[0].world
    for agent in agents[1:]:
        if (agent.world.id, agent.world.settings) != (first.id, first.settings):
            one, other = agents[0].name or "the first", agent.name or "another"
            raise UserError(
                f"{one} lives in {first.id}, {other} in {agent.world.id} or with other settings: make a page for each"
            )
    return first
