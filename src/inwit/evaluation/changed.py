"""An agent in a world that was changed behind its back: it was made for other settings, and nobody told it."""

from __future__ import annotations

from dataclasses import replace

from inwit.core.contracts import Agent
from inwit.evaluation.exact import refuse_unfit
from inwit.worlds import make


def changed(agent: Agent, **settings: object) -> Agent:
    """The agent as it is, in its world with some settings changed (`changed(agent, max_steps=5)`). Its weights, or its
    script, stay those that were made for the world before. Raises `UserError` for a setting that does not exist, and
    for one that gives the world other tokens, or more stages than a policy knows."""
    world = make(agent.world.id, **{**agent.world.settings.to_dict(), **settings})
    found = replace(agent, world=world)
    refuse_unfit(found)
    return found


def told(agent: Agent) -> str:
    """What nobody told the agent of its world, in words; empty where it is at home."""
    if not agent.untold:
        return ""
    changes = (f"{name} {_text(value)}" for name, value in agent.untold.items())
    return f"in a changed world: {', '.join(changes)} (the agent was made for another one, and nobody told it)"


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value).lower()
