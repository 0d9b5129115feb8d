"""Which problems a page may pose: examples of each kind, and which of their numbers a person may change."""

from __future__ import annotations

import torch
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import Tasks

TRIALS = 128  # tasks of a kind that tell what varies in it
EXAMPLES = 24  # of a kind whose numbers depend on each other, so that none may be changed alone
ADVISED = 3  # of a kind in a world that advises: for these a page from disk knows the optimum


def problems(world: World) -> list[Json]:
    """For each kind its `name`, its `goal` where a formula says more than the name, `fields` that may be changed alone,
    each [tensor, place, least, greatest, words] in the order in which the prompt shows them, and `examples`, each a
    list of the tasks' tensors, flat: one, or several where there are no fields. `words`: a token for each number, where
    the prompt shows the number as something else; else null."""
    return [_of_kind(world, kind) for kind in range(len(world.kinds))]


def drawn(world: World, kinds: Tensor, draws: torch.Generator) -> Tasks:
    """Tasks of these kinds. Of a world that draws nothing is drawn, where it can list its tasks."""
    listing = capable(world, "all_tasks") if capable(world, "chance") else None
    if listing is None:
        return world.sample(kinds, draws)
    wanted = kinds.tolist()
    listed = {kind: listing.all_tasks([kind]) for kind in set(wanted)}
    places = {kind: torch.randint(len(tasks), (len(wanted),), generator=draws) for kind, tasks in listed.items()}
    return Tasks.joined([listed[kind][places[kind][row : row + 1]] for row, kind in enumerate(wanted)])


def revealed(world: World, tasks: Tasks, draws: torch.Generator) -> Tasks:
    """The tasks as an episode needs them: where the world draws, with all that is hidden drawn, in the tensors that the
    tasks have."""
    if (drawing := capable(world, "chance")) is None:
        return tasks
    hidden = drawing.draw(tasks, draws).data
    return Tasks(tasks.kind, {name: hidden[name].to(each.dtype) for name, each in tasks.data.items()})


def advised_examples(world: World, kind: int) -> list[Tasks]:
    """Problems of a kind in a world that advises, a row each: as many as the page knows the optimum of, or all."""
    tasks = drawn(world, torch.full((TRIALS,), kind), stream(kind, "page problems"))
    different = {str(cells(tasks, row)): row for row in reversed(range(TRIALS))}
    return [tasks[torch.tensor([row])] for row in sorted(different.values())[:ADVISED]]


def cells(tasks: Tasks, row: int = 0) -> list[list[int]]:
    """The tensors of a task, flat."""
    return [each[row].flatten().tolist() for each in tasks.data.values()]


def _of_kind(world: World, kind: int) -> Json:
    draws = stream(kind, "page problems")
    tasks = drawn(world, torch.full((TRIALS,), kind), draws)
    rows = [tensor.flatten(1) if tensor.ndim > 1 else tensor[:, None] for tensor in tasks.data.values()]
    fields = [
        [number, place, int(row[:, place].min()), int(row[:, place].max())]
        for number, row in enumerate(rows)
        for place in range(row.shape[1])
        if row[:, place].min() < row[:, place].max()
    ]
    free = _independent(world, tasks, fields, draws)
    shown = sorted(_shown(world, tasks, rows, field) for field in fields) if free else []
    fields = [field for _, _, field in shown]
    examples = [cells(tasks, row) for row in range(1 if free else EXAMPLES)]
    goal = {"goal": world.kinds.goals[kind]} if world.kinds.goals else {}
    return {"name": world.kinds.names[kind], **goal, "fields": fields, "examples": examples}


def _shown(
    world: World, tasks: Tasks, rows: list[Tensor], field: list[int]
) -> tuple[int, list[int], list[int | list[str] | None]]:
    """Where the prompt shows a field, beyond its end if nowhere, and the field with its words."""
    number, place, least, most = field
    values, (prompt, mask) = rows[number][:, place].tolist(), world.prompt(tasks)
    for column in range(prompt.shape[1]):
        told = dict(zip(values, prompt[:, column].tolist(), strict=True))
        same = all(told[value] == token for value, token in zip(values, prompt[:, column].tolist(), strict=True))
        if mask[:, column].all() and same and len(set(told.values())) == len(told) == most - least + 1:
            words = [world.vocabulary.names[told[value]] for value in range(least, most + 1)]
            plain = words == [str(value) for value in range(least, most + 1)]
            return column, field, [*field, None if plain else words]
    return prompt.shape[1], field, [*field, None]


def _independent(world: World, tasks: Tasks, fields: list[list[int]], draws: torch.Generator) -> bool:
    """Whether any values of the fields together make a task: the world reads them back as they were."""
    names, made = list(tasks.data), Tasks(tasks.kind, {name: each.clone() for name, each in tasks.data.items()})
    for number, place, least, most in fields:
        tensor = made.data[names[number]]
        flat = tensor.view(len(tensor), -1)
        flat[:, place] = torch.randint(least, most + 1, (len(flat),), generator=draws).to(flat.dtype)
    try:
        again = [world.task(task) for task in world.describe(made)]
    except (UserError, ValueError, IndexError, KeyError):
        return False
    back = Tasks.joined(again)
    same = [torch.equal(back.data[name].to(each.dtype), each) for name, each in made.data.items()]
    return torch.equal(back.kind, made.kind) and all(same)
