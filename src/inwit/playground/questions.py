"""What a page asks, answered by Python: plain data in, plain data out. The server that carries it is `server.py`.

    open      table                            `page`: all that is told of the world and its agents, and the words of
                                               the table
    begin     task                             the first position of a problem, and its prompt
    advance   token, state, agents: memories   the position after one more token, whoever writes it
    read      agent, memory                    what the agent would write with this memory; null if it cannot tell
    write     state, index, value              the position in which a register holds something else; null: nothing
    way       task, path: tokens and changes   the shortest way from there (`way_question`), with `costs` what
              as {index, value}, costs, ended  each token costs; with `ended` on how many problems the path is right;
                                               of a world that draws what is best and known (`advising.advised`),
                                               after a change nothing
    reading   agent, task                      what the agent would write after each token of the prompt; [] for a
                                               script, which reads a prompt as a whole

A message names its table by words (see `words.py`). A task is lists of whole numbers, the kind first. A position has
what the page's own engine gives: `state`, `legal`, `forced`, `chance`, `registers`, `agents`. Tensors, logits and
chances travel as `wire.py` has them. Nothing is kept between two questions but what was loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import Readable, World
from inwit.core.errors import UserError, cut, short
from inwit.core.isolation import on_own_terms
from inwit.core.results import Json
from inwit.core.types import Memory, Output, State, Tasks
from inwit.playground.advising import UNKNOWN, advised
from inwit.playground.asking import Answers, Asker, Part, Runs
from inwit.playground.registers import change, token
from inwit.playground.tables import Seat, Table, Tables
from inwit.playground.way_question import answer_luck, answer_way
from inwit.playground.wire import all_received, all_sent, number, sent
from inwit.worlds.oracle.from_state import MOST, SECONDS, Limits

LONGEST = 1000  # steps of a path
Prompt = tuple[Tensor, Tensor, Tensor]
Stopped = Callable[[], bool]


def part(runs: Runs) -> Part:
    """The part of the server that answers these questions. Loads nothing yet."""
    tables = Tables(runs.given)

    def ask(name: str, message: Json, asker: Asker) -> Json:
        return answer(tables, message | {"ask": name}, asker.stopped)

    answers: Answers = {name: partial(ask, name) for name in ANSWERS}
    return Part(answers)


def answer(tables: Tables, message: Json, stopped: Stopped = lambda: False) -> Json:
    """The answer to a message with `ask`, one of `ANSWERS`, and `table`. Raises `UserError`, one sentence for the
    person at the page, whatever else the message holds. `stopped` says whether nobody waits any more.

    Computes on the CPU with one thread, without gradients, and draws nothing from the global random state."""
    with on_own_terms(1):
        table = tables.table(message.get("table"), anew=message["ask"] == "open")
        return answer_at(table, message, stopped)


def answer_at(table: Table, message: Json, stopped: Stopped = lambda: False) -> Json:
    """As `answer`, at a table that is open. How many threads compute is the caller's choice."""
    try:
        with torch.no_grad():
            return ANSWERS[message["ask"]](table, message, stopped)
    except UserError:
        raise
    except Exception as error:  # the rules or the agent, asked for what cannot be
        why = cut(error) or type(error).__name__
        raise UserError(f"{table.world.id} and its agents cannot go on from what was sent: {why}") from None


def _open(table: Table, message: Json, stopped: Stopped) -> Json:
    return {"page": table.told}  # by itself: a world has an id, and so has an answer


def _begin(table: Table, message: Json, stopped: Stopped) -> Json:
    tasks = _task(table, message)
    prompt = _prompt(table, tasks)
    agents = {name: _said(seat, seat.policy.begin(*prompt)) for name, seat in table.seats.items()}
    return {"prompt": [sent(each) for each in prompt], **_position(table, table.world.reset(tasks)), "agents": agents}


def _advance(table: Table, message: Json, stopped: Stopped) -> Json:
    number_written, memories = token(table.world, message.get("token")), message.get("agents", {})
    if not isinstance(memories, dict):
        raise UserError(f"agents = {short(memories)} is not the memory of each agent by its name")
    written = torch.tensor([number_written])
    state, step = table.world.step(all_received("the state", message.get("state"), table.state), written)
    over = bool(step.terminated) or bool(step.truncated)
    agents = {}
    for name, memory in memories.items():
        seat = _seat(table, name)
        held = None if over or memory is None else _memory(memory, seat)
        agents[name] = None if held is None else _said(seat, seat.policy.step(written, held))
    return {
        **_position(table, state),
        "reward": number(float(step.reward)),
        "terminated": bool(step.terminated),
        "truncated": bool(step.truncated),
        "success": bool(step.success),
        "extra": {name: bool(each) for name, each in step.extra.items()},
        "counts": {name: int(each) for name, each in step.counts.items()},
        "agents": agents,
    }


def _read(table: Table, message: Json, stopped: Stopped) -> Json:
    seat = _seat(table, message.get("agent"))
    memory = _memory(message.get("memory"), seat)
    return {"answer": _given(seat.policy.read(memory)) if isinstance(seat.policy, Readable) else None}


def _write(table: Table, message: Json, stopped: Stopped) -> Json:
    (index, value), machine = change(table.world, table.machine.registers, message), table.machine
    if machine.write is None:
        raise UserError(f"{table.world.id} shows its registers, and lets nobody change them")
    state = all_received("the state", message.get("state"), table.state)
    values, present = (each.clone() for each in machine.read(state))
    values[0, index], present[0, index] = value or 0, value is not None
    return _position(table, machine.write(state, values, present))


def _reading(table: Table, message: Json, stopped: Stopped) -> Json:
    seat = _seat(table, message.get("agent"))
    prompt, mask, stage = _prompt(table, _task(table, message))
    answers = []
    for last in [] if seat.agent.script else mask[0].nonzero()[:, 0].tolist():
        shown = mask.clone()
        shown[:, last + 1 :] = False
        answers.append(_said(seat, seat.policy.begin(prompt, shown, stage)))
    return {"answers": answers}


def _way(table: Table, message: Json, stopped: Stopped) -> Json:
    tasks, path, world = _task(table, message), message.get("path"), table.world
    if not isinstance(path, list) or len(path) > LONGEST:
        raise UserError(f"path = {short(path)} is not a list of at most {LONGEST} tokens and changes")
    if capable(world, "chance"):
        return _advised(table, tasks, path, stopped)
    if message.get("ended"):
        return answer_luck(world, tasks, path)
    return answer_way(world, tasks, path, with_costs=bool(message.get("costs")), stopped=stopped)


def _advised(table: Table, tasks: Tasks, path: Sequence[object], stopped: Stopped) -> Json:
    """What is known in a world that draws: nothing once a register was changed, since advice follows tokens alone."""
    world, tokens = table.world, list[int]()
    for each in path:
        if isinstance(each, dict):
            change(world, table.machine.registers, each)
        else:
            tokens.append(token(world, each))
    return UNKNOWN if len(tokens) < len(path) else advised(world, tasks, tokens, Limits(MOST, SECONDS, stopped))


ANSWERS: dict[str, Callable[[Table, Json, Stopped], Json]] = {
    "open": _open,
    "begin": _begin,
    "advance": _advance,
    "read": _read,
    "write": _write,
    "reading": _reading,
    "way": _way,
}


def _position(table: Table, state: State) -> Json:
    world, machine, drawing = table.world, table.machine, capable(table.world, "chance")
    held = [each[0].tolist() for each in machine.read(state)] if machine.registers else [[], []]
    return {
        "state": all_sent(f"the state of {world.id}", state, table.state),
        "legal": world.legal(state)[0].int().tolist(),
        "forced": int(world.forced(state)),
        "chance": sent(drawing.chance(state)) if drawing else None,
        "registers": [value if there else None for value, there in zip(*held, strict=True)],
    }


def _said(seat: Seat, said: tuple[Output, Memory]) -> Json:
    output, memory = said
    return _given(output) | {"memory": all_sent(f"the memory of {seat.name}", memory, seat.memory)}


def _given(output: Output) -> Json:
    return {"logits": sent(output.logits), "value": number(float(output.value))}


def _task(table: Table, message: Json) -> Tasks:
    """The task of a message. Raises `UserError` for another form, and for numbers of which the world makes no task."""
    given, world = message.get("task"), table.world
    if not isinstance(given, list) or len(given) != len(table.task):
        raise UserError(f"task = {short(given)} is not the kind and {len(table.data)} lists of numbers")
    columns = []
    for name, cells, form in zip(["kind", *table.data], given, table.task, strict=True):
        size = torch.Size(form.most).numel()
        if not (isinstance(cells, list) and len(cells) == size and all(_fits(cell, form.dtype) for cell in cells)):
            what = f"{size} {_numbers(form.dtype)}"
            raise UserError(f"{name} = {short(cells)} of the task is not {what}: open the page again")
        columns.append(torch.tensor(cells, dtype=form.dtype).reshape(1, *form.most))
    kind, *data = columns
    if not 0 <= int(kind) < len(world.kinds):
        raise UserError(f"kind = {int(kind)} does not exist: kinds are 0..{len(world.kinds) - 1}")
    tasks = Tasks(kind, dict(zip(table.data, data, strict=True)))
    _refuse_unknown(world, tasks)
    return tasks


def _refuse_unknown(world: World, tasks: Tasks) -> None:
    """Raises `UserError` for a task that the world cannot have: it must read back what it describes. What a world draws
    is not told in a description, so there nothing is compared."""
    try:
        told = world.describe(tasks)[0]
        again = world.task(told)
    except UserError:
        raise
    except (IndexError, KeyError, ValueError, RuntimeError):
        raise UserError(f"the task has numbers that {world.id} does not know: open the page again") from None
    same = all(torch.equal(again.data[name], each) for name, each in tasks.data.items() if name in again.data)
    if not capable(world, "chance") and not same:
        raise UserError(f"the task is none of {world.id}, which reads it as {short(told)}: open the page again")


def _fits(cell: object, dtype: torch.dtype) -> bool:
    if dtype.is_floating_point:
        return type(cell) in (int, float)
    least, most = _bounds(dtype)
    return type(cell) is int and least <= cell <= most


def _bounds(dtype: torch.dtype) -> tuple[int, int]:
    if dtype == torch.bool:
        return 0, 1
    limits = torch.iinfo(dtype)
    return limits.min, limits.max


def _numbers(dtype: torch.dtype) -> str:
    if dtype.is_floating_point:
        return "numbers"
    least, most = _bounds(dtype)
    return f"whole numbers from {least} to {most}"


def _prompt(table: Table, tasks: Tasks) -> Prompt:
    return (*table.world.prompt(tasks), table.world.stage(tasks))


def _seat(table: Table, name: object) -> Seat:
    if not isinstance(name, str) or name not in table.seats:
        raise UserError(f"no agent here is called {short(name)}: open are {', '.join(table.seats) or 'none'}")
    return table.seats[name]


def _memory(given: object, seat: Seat) -> Memory:
    return all_received(f"the memory of {seat.name}", given, seat.memory)
