"""A world and its agents as graphs: all that a page needs to play, of functions that third parties wrote for trainings.

Rows: those of the tasks that a world is traced on; one, if a page steps one episode.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, Policy, Readable, World
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import Memory, Output, State, Tasks
from inwit.playground.blob import Blob
from inwit.playground.registers import Shown, shown
from inwit.playground.tracing import INSTEAD, trace

Prompts = tuple[Tensor, Tensor, Tensor]


def example(world: World, rows: int = 1) -> Tasks:
    """Tasks to trace a world on. Of a world that draws nothing is drawn, if it can list its tasks: such a graph also
    plays what is drawn."""
    if capable(world, "chance") and (listing := capable(world, "all_tasks")):
        return listing.all_tasks([0])[torch.zeros(rows, dtype=torch.int64)]
    return world.sample(torch.zeros(rows, dtype=torch.int64), stream(0, "graphs"))


def world_graphs(world: World, tasks: Tasks, blob: Blob, *, showing: bool = True) -> Json:
    """The graphs of a world's rules, and the names of what they take and give.

    `open`: kind and the task's `data` -> prompt, mask, stage, and the state. `look`: state -> legal, forced, of a world
    that draws chance, and where there are `registers` their values and whether they are there. `step`: token, state ->
    state, reward, terminated, truncated, success, then the further readings of success `extra` and the `counts`.
    `write`: values of the registers, whether they are there, state -> state; None where nobody may write them. Without
    `showing` there are no registers. Raises `UserError` for rules that cannot be traced."""
    data, state = list(tasks.data), world.reset(tasks)
    keys, token = list(state), torch.zeros_like(tasks.kind)
    drawing, machine = capable(world, "chance"), shown(world) if showing else None
    what = f"the world {world.id}"

    def opened(kind: Tensor, *given: Tensor) -> list[Tensor]:
        of = Tasks(kind, dict(zip(data, given, strict=True)))
        return [*world.prompt(of), world.stage(of), *world.reset(of).values()]

    def look(*given: Tensor) -> list[Tensor]:
        now = dict(zip(keys, given, strict=True))
        chance = [drawing.chance(now)] if drawing else []
        held = machine.read(now) if machine and machine.registers else ()
        return [world.legal(now), world.forced(now), *chance, *held]

    def step(token: Tensor, *given: Tensor) -> list[Tensor]:
        after, done = world.step(dict(zip(keys, given, strict=True)), token)
        judged = [done.reward, done.terminated, done.truncated, done.success]
        return [*in_order(after, keys, f"{what}: step's state"), *judged, *done.extra.values(), *done.counts.values()]

    _, first = world.step(state, token)
    values = list(state.values())
    return {
        "rows": len(tasks),
        "data": data,
        "state": keys,
        "extra": list(first.extra),
        "counts": list(first.counts),
        "draws": drawing is not None,
        "registers": machine.described() if machine else [],
        "open": trace(f"{what} (prompt, reset)", opened, [tasks.kind, *tasks.data.values()], blob),
        "look": trace(f"{what} (legal, forced)", look, values, blob),
        "step": trace(f"{what} (step)", step, [token, *values], blob),
        "write": _write_graph(what, machine, state, blob) if machine else None,
    }


def _write_graph(what: str, machine: Shown, state: State, blob: Blob) -> Json | None:
    if machine.write is None or not machine.registers:
        return None
    writing, keys = machine.write, list(state)

    def write(values: Tensor, present: Tensor, *given: Tensor) -> list[Tensor]:
        after = writing(dict(zip(keys, given, strict=True)), values, present)
        return in_order(after, keys, f"{what}: write_registers' state")

    return trace(f"{what} (write_registers)", write, [*machine.read(state), *state.values()], blob)


def agent_graphs(agent: Agent, blob: Blob) -> Json:
    """The graphs of an agent's policy for one episode: `begin`: prompt, mask, stage -> logits, value, memory. `step`:
    token, memory -> the same. `read`: memory -> logits, value, where the policy has it. `memory` names its tensors.
    Raises `UserError` for a policy that cannot be traced."""
    tasks = example(agent.world)
    prompts = (*agent.world.prompt(tasks), agent.world.stage(tasks))
    return policy_graphs(_named(agent), on_cpu(agent.policy), prompts, blob)


def policy_graphs(name: str, policy: Policy, prompts: Prompts, blob: Blob) -> Json:
    """As `agent_graphs`, for a policy on the CPU and a prompt of one row."""
    with torch.no_grad():
        memory, after = _first_memories(policy, prompts)
    names, token = list(memory), torch.zeros_like(prompts[2])
    what = f"the policy {name}"

    def flat(output: Output, memory: Memory) -> list[Tensor]:
        return [output.logits, output.value, *in_order(memory, names, f"{what}: step's memory")]

    def begin(*given: Tensor) -> list[Tensor]:
        return flat(*policy.begin(*given))

    def step(token: Tensor, *given: Tensor) -> list[Tensor]:
        return flat(*policy.step(token, dict(zip(names, given, strict=True))))

    values = in_order(after, names, f"{what}: step's memory")
    axes = [_axes(before, later, what) for before, later in zip(memory.values(), values, strict=True)]
    growing = {place: found for place, found in enumerate(axes) if found}
    of_step = {1 + place: found for place, found in growing.items()}
    graphs: Json = {
        "memory": names,
        "begin": trace(f"{what} (begin)", begin, prompts, blob, part=policy),
        "step": trace(f"{what} (step)", step, [token, *values], blob, part=policy, growing=of_step),
    }
    if isinstance(policy, Readable):
        readable = policy

        def read(*given: Tensor) -> list[Tensor]:
            output = readable.read(dict(zip(names, given, strict=True)))
            return [output.logits, output.value]

        graphs["read"] = trace(f"{what} (read)", read, values, blob, part=policy, growing=growing)
    return graphs


def on_cpu(policy: Policy) -> Policy:
    """A copy of a policy there, that trains no more; a policy without parameters as it is."""
    return copy.deepcopy(policy).cpu().eval() if isinstance(policy, nn.Module) else policy


def in_order(tensors: State | Memory, names: Sequence[str], what: str) -> list[Tensor]:
    """The tensors by these names. Raises `UserError` where they have others."""
    if set(tensors) != set(names):
        raise UserError(f"{what} has the tensors {', '.join(tensors)}, not {', '.join(names)}; {INSTEAD}")
    return [tensors[name] for name in names]


def _first_memories(policy: Policy, prompts: Prompts) -> tuple[Memory, Memory]:
    """The memory after the prompt and after one token more."""
    _, memory = policy.begin(*prompts)
    _, after = policy.step(torch.zeros_like(prompts[2]), memory)
    return memory, after


def _axes(before: Tensor, after: Tensor, what: str) -> tuple[int, ...]:
    """The axes that a token makes longer."""
    if before.ndim != after.ndim or before.dtype != after.dtype:
        raise UserError(f"{what}: its memory changes its rank or type from token to token; {INSTEAD}")
    return tuple(axis for axis, (old, new) in enumerate(zip(before.shape, after.shape, strict=True)) if old != new)


def _named(agent: Agent) -> str:
    return agent.script or (type(agent.policy).__name__ if agent.config is None else agent.config.policy.id)
