"""What is told of a world and its agents beside graphs, to a page from disk and by the server alike: problems,
yardsticks, what the agents are. And episodes as Python plays them, by which a page from disk checks itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from inwit.core import result_text, storage
from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, Policy, World, parameters_of
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.playground.advising import advises
from inwit.playground.asking import AGENTS
from inwit.playground.blob import LETTERS
from inwit.playground.problems import drawn, problems, revealed
from inwit.playground.registers import shown
from inwit.playground.units import units
from inwit.rollout.collect import collect
from inwit.runs.folder import evaluations, number, read_record, result
from inwit.version import __version__
from inwit.worlds.examination import yardsticks_of
from inwit.worlds.oracle.programs import oracle_program

GOLDEN = 8  # episodes of each agent
KINDS = 30  # of a world with more kinds the yardsticks are left to the page's own search


def world_told(world: World, tell: storage.Tell) -> Json:
    """What is told of a world. `task` are the types and shapes of its tasks' tensors, the kind first, as graphs write
    them: "i1,5". Where a world `draws`, the optimum is known if it `advises`; where it `proves`, one run shows that a
    program is right for every input. `tell` gets a line for each slow part."""
    tell(f"the world {world.id}")
    machine = shown(world)
    made: Json = {
        "version": __version__,
        "id": world.id,
        "settings": world.settings.to_dict(),
        "vocabulary": list(world.vocabulary.names),
        "kinds": list(world.kinds.names),
        "columns": world.num_columns,
        "masks": world.masks,
        "limit": world.known_limit,
        "draws": capable(world, "chance") is not None,
        "advises": advises(world),
        "proves": capable(world, "identity") is not None,
        "registers": machine.described(),
        "writable": machine.write is not None,
        "task": _signatures(drawn(world, torch.zeros(1, dtype=torch.int64), stream(0, "page task"))),
        "problems": problems(world),
    }
    tell("its yardsticks")
    return made | {"yardsticks": yardsticks(world)}


def agent_told(agent: Agent, policy: Policy) -> Json:
    """What is told of an agent, whose policy on the CPU is given, too: what it is, the names of its `memory`'s tensors,
    and which units they hold."""
    tasks = drawn(agent.world, torch.zeros(1, dtype=torch.int64), stream(0, "page task"))
    with torch.no_grad():
        _, memory = policy.begin(*agent.world.prompt(tasks), agent.world.stage(tasks))
    held = None if agent.script else units(agent.world, policy)
    return {"about": about(agent), "memory": list(memory), "units": held}


def shared_world(agents: Sequence[Agent], way_out: str) -> World:
    """The world of all of these agents. Raises `UserError` where they have several: `way_out` says what to do."""
    if not 1 <= len(agents) <= AGENTS:
        raise UserError(f"a page shows 1 to {AGENTS} agents, not {len(agents)}: name fewer runs")
    first = agents[0].world
    for agent in agents[1:]:
        if (agent.world.id, agent.world.settings) != (first.id, first.settings):
            one, other = agents[0].name or "the first", agent.name or "another"
            raise UserError(f"{one} lives in {first.id}, {other} in {agent.world.id} or with other settings: {way_out}")
    return first


def _signatures(tasks: Tasks) -> list[str]:
    return [LETTERS[each.dtype] + ",".join(map(str, each.shape)) for each in (tasks.kind, *tasks.data.values())]


def yardsticks(world: World) -> list[Json]:
    """For each kind the `oracle`'s program and the best `shortcut` with the share of problems on which it is right,
    where constant programs are known; {} elsewhere."""
    if not capable(world, "constant_programs"):
        return [_best_program(world, kind) for kind in range(len(world.kinds))]
    found = []
    for kind in range(len(world.kinds)):
        known = yardsticks_of(world, kind)
        oracle, shortcut = known["oracle"].program, known["shortcut"].program
        made: Json = {"oracle": world.vocabulary.ids(oracle)} if oracle else {}
        if shortcut:
            made |= {"shortcut": world.vocabulary.ids(shortcut), "share": known["shortcut"].success}
        found.append(made)
    return found


def _best_program(world: World, kind: int) -> Json:
    if len(world.kinds) > KINDS or not capable(world, "best_programs"):
        return {}
    try:
        program = oracle_program(world, kind)
    except UserError:
        return {}
    return {"oracle": list(program)} if program else {}


def golden(world: World, policy: Policy, name: str) -> list[Json]:
    """Greedy episodes: the task's tensors, flat, the tokens, the values before each of them, and whether it ended
    right."""
    draws = stream(0, "page golden")
    tasks = drawn(world, torch.arange(GOLDEN) * len(world.kinds) // GOLDEN, draws)
    tasks = revealed(world, tasks, draws)
    played = collect(world, policy, tasks)
    lengths = played.live.sum(1).tolist()
    return [
        {
            "agent": name,
            "task": [int(tasks.kind[row]), *(each[row].flatten().tolist() for each in tasks.data.values())],
            "tokens": played.tokens[row, :length].tolist(),
            "values": [round(value, 6) for value in played.values[row, :length].tolist()],
            "success": bool(played.success[row]),
        }
        for row, length in enumerate(lengths)
    ]


def about(agent: Agent) -> Json:
    """What is told of an agent: its policy, its size, its training and its result, as far as they are known."""
    told: Json = {"parameters": sum(each.numel() for each in parameters_of(agent.policy)), "run": agent.name}
    if agent.config is not None:
        told |= {"policy": agent.config.policy.id, "width": agent.config.policy.settings.to_dict().get("width")}
        told["seed"] = agent.config.seed
    if (seconds := number(agent.summary, "seconds")) is not None:
        told["seconds"] = seconds
    if agent.path is None or not (agent.path / "run.json").is_file() or agent.untold or _is_earlier(agent):
        return told
    found = result(read_record(agent.path), evaluations(agent.path))
    if found is not None:
        told |= {"solved": found.solved, "problems": found.problems, "what": result_text.problems(found)}
        told["proven"] = found.proven
    return told


def names_of(agents: Sequence[Agent]) -> list[str]:
    """A name for each agent, by which the page and its links call it: its policy's; where several have the same, with
    what tells them apart: the seed, the update that its weights are of, as in gru@120, or else a number."""
    names = [_policy(each) for each in agents]
    for more in (_seed, _moment):
        names = [
            f"{name}{more(each)}" if _differ(more, name, names, agents) else name
            for name, each in zip(names, agents, strict=True)
        ]
    return [
        f"{name}.{names[:place].count(name) + 1}" if names.count(name) > 1 else name for place, name in enumerate(names)
    ]


def _differ(more: Callable[[Agent], str], name: str, names: list[str], agents: Sequence[Agent]) -> bool:
    """Whether this tells some of those apart that have this name."""
    return len({more(each) for own, each in zip(names, agents, strict=True) if own == name}) > 1


def _seed(agent: Agent) -> str:
    return f"-{agent.config.seed}" if agent.config else ""


def _moment(agent: Agent) -> str:
    return f"@{number(agent.summary, 'update')}" if _is_earlier(agent) else ""


def _is_earlier(agent: Agent) -> bool:
    """Whether an agent is as it was at a moment of its training."""
    return agent.status in ("checkpoint", "snapshot")


def _policy(agent: Agent) -> str:
    return agent.script or (type(agent.policy).__name__ if agent.config is None else agent.config.policy.id)
