"""A script beside runs: evaluated for the occasion, in the world that its word names or in those of the runs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inwit.core.contracts import Agent
from inwit.core.records import as_dict
from inwit.evaluation.exact import evaluate
from inwit.report.select import SCRIPT, Run
from inwit.runs.folder import Kept, Record, runs_folder
from inwit.runs.scripted import script_agent
from inwit.runs.words import ScriptWord
from inwit.scripts import scripted
from inwit.worlds import make


def script_runs(word: ScriptWord, runs: Sequence[Run]) -> list[Run]:
    """The script in its world; one that names no world, in each different one of the runs. Raises `UserError`."""
    if word.where or not runs:
        return [_as_run(word, script_agent(word))]
    worlds = {
        json.dumps(world, sort_keys=True): world for run in runs if (world := as_dict(run.record.config["world"]))
    }
    made = [{**world} for world in worlds.values()]
    return [_as_run(word, scripted(word.name, make(str(world.pop("id")), **world))) for world in made]


def _as_run(word: ScriptWord, agent: Agent) -> Run:
    """As a run would say it. No folder has its path, which is but a name."""
    world = {"id": agent.world.id, **agent.world.settings.to_dict()}
    path = runs_folder() / ".scripts" / str(word).replace("/", "-")
    record = Record(path, agent.status, {SCRIPT: word.name, "world": world}, {}, {})
    return Run(record, [], [Kept(None, None, evaluate(agent))], agent)
