"""Episodes as Python plays them, for the page to play again: the greedy agent's, and random tokens."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.distributions import choose
from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.core.vocabulary import CHOICE, UNDECIDED
from inwit.playground.blob import Blob
from inwit.playground.graphs import example, on_cpu, policy_graphs, world_graphs
from inwit.playground.registers import Shown, shown
from inwit.playground.scripts import script
from javascript import run_javascript

REPLAY = Path(__file__).with_name("parity.js")


def page_of(world: Any, policies: dict[str, Any]) -> dict[str, Any]:
    """What a page holds of a world and its agents, as far as its engine needs it."""
    blob, tasks = Blob(), example(world)
    prompts = (*world.prompt(tasks), world.stage(tasks))
    graphs = world_graphs(world, tasks, blob)
    agents = {name: policy_graphs(name, on_cpu(policy), prompts, blob) for name, policy in policies.items()}
    described = {"masks": world.masks, "columns": world.num_columns, "vocabulary": list(world.vocabulary.names)}
    return {"world": graphs, "agents": agents, "blob": packed(blob), **described}


def packed(blob: Blob) -> dict[str, Any]:
    return blob.to_json(base64.b64encode(blob.data).decode())


def some_tasks(world: Any, count: int, seed: int = 0) -> Tasks:
    """Tasks of all kinds, as the graphs take them: of a world that draws, half with nothing drawn."""
    draws = stream(seed, "parity tasks")
    tasks = world.sample(torch.randint(len(world.kinds), (count,), generator=draws), draws)
    if (drawing := capable(world, "chance")) is None or (listing := capable(world, "all_tasks")) is None:
        return tasks
    listed = listing.all_tasks(list(range(len(world.kinds))))
    some = listed[torch.randint(len(listed), (count,), generator=draws)]
    drawn = drawing.draw(some, draws)
    hidden = torch.arange(count) % 2 == 0
    data = {
        name: torch.where(hidden.view(-1, *[1] * (tensor.ndim - 1)), tensor, drawn.data[name].to(tensor.dtype))
        for name, tensor in some.data.items()
    }
    return Tasks(some.kind, data)


def record(world: Any, policy: Any, tasks: Tasks, blob: Blob, agent: str = "", seed: int = 0) -> dict[str, Any]:
    """Episodes of the greedy policy, or of random tokens where there is none; to one column after the last end."""
    draws, made = stream(seed, "parity tokens"), _Made()
    state, prompts = world.reset(tasks), (*world.prompt(tasks), world.stage(tasks))
    made.add({f"task {name}": tensor for name, tensor in ({"kind": tasks.kind} | tasks.data).items()})
    made.add({f"prompt {place}": tensor for place, tensor in enumerate(prompts)})
    with torch.no_grad():
        output, memory = policy.begin(*prompts) if policy is not None else (None, {})
        ended, columns = torch.zeros_like(tasks.kind, dtype=torch.bool), 0
        made.add(_seen(world, state, draws if policy is None else None))
        while not bool(ended.all()) or columns == 0:
            token = _token(world, state, output, draws)
            if output is not None:
                made.add({"logits": output.logits, "value": output.value})
            state, step = world.step(state, token)
            flags = {"terminated": step.terminated, "truncated": step.truncated, "success": step.success}
            extra = {f"extra {name}": tensor for name, tensor in step.extra.items()}
            counts = {f"counts {name}": tensor for name, tensor in step.counts.items()}
            made.add({"token": token, "reward": step.reward} | flags | extra | counts)
            made.add(_seen(world, state, draws if policy is None else None))
            ended, columns = ended | step.terminated | step.truncated, columns + 1
            if policy is not None and not bool(ended.all()):
                output, memory = policy.step(token, memory)
    numbers = {name: blob.add(torch.stack(tensors)) for name, tensors in made.parts.items()}
    return {"rows": len(tasks), "columns": columns, "numbers": numbers, "agent": agent}


class _Made:
    """Tensors by name, one for each column."""

    def __init__(self) -> None:
        self.parts: dict[str, list[Tensor]] = {}

    def add(self, tensors: dict[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            self.parts.setdefault(name, []).append(tensor)


def _seen(world: Any, state: dict[str, Tensor], draws: torch.Generator | None) -> dict[str, Tensor]:
    """With `draws` also what registers hold, and the state once one of them holds something else."""
    seen = {f"state {name}": tensor for name, tensor in state.items()}
    seen |= {"legal": world.legal(state), "forced": world.forced(state)}
    seen |= {"chance": world.chance(state)} if "chance" in world.capabilities else {}
    machine = shown(world)
    if draws is None or not machine.registers:
        return seen
    values, present = machine.read(state)
    seen |= {"registers": values, "present": present}
    return seen | (_written(machine, state, values, present, draws) if machine.write else {})


def _written(
    machine: Shown, state: dict[str, Tensor], values: Tensor, present: Tensor, draws: torch.Generator
) -> dict[str, Tensor]:
    """In each row one register, in turn, holds another value or none: which, what, whether, and the state then."""
    assert machine.write is not None
    rows = torch.arange(len(values))
    index = torch.randint(len(machine.registers), rows.shape, generator=draws)
    least, most = (torch.tensor([getattr(each, end) for each in machine.registers])[index] for end in ("least", "most"))
    value = least + (torch.rand(rows.shape, generator=draws).double() * (most - least + 1)).long()
    there = torch.rand(rows.shape, generator=draws) < 0.8
    there |= ~torch.tensor([each.optional for each in machine.registers])[index]
    values, present = values.clone(), present.clone()
    values[rows, index], present[rows, index] = value * there, there
    after = machine.write(state, values, present)
    how = {"write index": index, "write value": value, "write present": there}
    return how | {f"written {name}": tensor for name, tensor in after.items()}


def _token(world: Any, state: dict[str, Tensor], output: Any, draws: torch.Generator) -> Tensor:
    """What is written next in each row: the world's own, the agent's likeliest, or a random one, mostly legal."""
    legal, forced = world.legal(state), world.forced(state)
    if output is not None:
        token = choose(output.logits, legal if world.masks else torch.ones_like(legal), None)
    else:
        weights = torch.where(torch.rand(len(forced), 1, generator=draws) < 0.8, legal.double(), 1.0)
        weights[~(weights > 0).any(1)] = 1.0
        token = torch.multinomial(weights, 1, generator=draws)[:, 0]
    if bool((forced == UNDECIDED).any()):
        chance = world.chance(state)
        chance[~(chance > 0).any(1)] = 1.0
        token = torch.where(forced == UNDECIDED, torch.multinomial(chance, 1, generator=draws)[:, 0], token)
    return torch.where(forced > CHOICE, forced, token)


def operators_of(graphs: dict[str, Any]) -> list[str]:
    """The operators of a world's graphs, or of an agent's."""
    return sorted(
        {
            node[0]
            for graph in graphs.values()
            if isinstance(graph, dict) and "nodes" in graph
            for node in graph["nodes"]
        }
    )


def played_again(
    world: Any,
    policies: dict[str, Any],
    folder: Path,
    rows: int,
    v8: bool | None = None,
    page: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Each policy's greedy episodes and random ones, played in the page: what `parity.js` found, by name; and the
    operators of each part."""
    page, blob = page or page_of(world, policies), Blob()
    played = {"random": record(world, None, some_tasks(world, rows, 1), blob, seed=1)}
    played |= {name: record(world, policy, some_tasks(world, rows), blob, name) for name, policy in policies.items()}
    data = {"page": page, "played": played, "blob": packed(blob)}
    how = {} if v8 is None else {"v8": v8}
    told = run_javascript(script() + REPLAY.read_text(encoding="utf-8"), data, folder, **how)
    parts = {"world": page["world"], **page["agents"]}
    return {"played": told, "operators": {name: operators_of(graphs) for name, graphs in parts.items()}}
