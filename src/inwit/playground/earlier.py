"""An agent as it was at earlier updates, on the same page: its graphs are the same, and only weights differ.

An agent of a page gains

    parameters: [number, ...]                                   the constants of the blob that are its weights
    snapshots: [{update, constants: [number, ...], success}]    earliest first

In the agent's graphs, after so many updates, the k-th of the `constants` stands for the k-th of the `parameters`; all
other constants stay. `success` is the running success of each stage at that update, null where no line of the run's
metrics has it. The last snapshot need not be the agent itself.
"""

from __future__ import annotations

from inwit.core.contracts import Agent, weights_of
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.playground.blob import Blob
from inwit.playground.specimen import updates_kept
from inwit.runs.folder import read_metrics
from inwit.runs.loading import load

LEAST, MOST = 2, 60  # snapshots of an agent, if any


def snapshots(agent: Agent, graphs: Json, blob: Blob, count: int) -> Json:
    """`parameters` and `snapshots` of an agent with these graphs: `count` of those that its run kept, evenly chosen,
    the first and the last among them. Raises `UserError` for an agent whose run kept fewer than two."""
    kept = updates_kept(agent.path) if agent.path is not None else []
    if agent.path is None or len(kept) < LEAST:
        raise UserError(
            f"of {agent.name or 'an agent without a run'} no earlier weights are kept: train with "
            "--training.snapshots 0,50,100, or leave --snapshots out"
        )
    used = {number for graph in graphs.values() if isinstance(graph, dict) for number in graph.get("constants", ())}
    numbers = {name: blob.add(tensor, name) for name, tensor in weights_of(agent.policy).items()}
    names = [name for name, number in numbers.items() if number in used]
    success = {line["update"]: line.get("success") for line in read_metrics(agent.path)}
    told: list[Json] = []
    for update in evenly(kept, count):
        weights = weights_of(load(agent.path, "cpu", at=update).policy)
        constants = [blob.add(weights[name], name) for name in names]
        told.append({"update": update, "constants": constants, "success": success.get(update)})
    return {"parameters": [numbers[name] for name in names], "snapshots": told}


def evenly(values: list[int], count: int) -> list[int]:
    """So many of the values, the first and the last among them; all, where there are no more."""
    if len(values) <= count:
        return values
    return [values[round(place * (len(values) - 1) / (count - 1))] for place in range(count)]
