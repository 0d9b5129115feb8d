"""The tasks of lookup-v0 as tensors: queries, prompts, and their hidden part, drawn or not.

Data: `tools` Int[B, 3, 3], the chains of up to three terms in the order in which they are called, and `values`
Int[B, 3]; -1 where there is none. The hidden part is `table` [B, cells], `broken` [B, tools], `fails` [B, calls] and
what else the settings have, int8, -1 where it is not drawn. Where all is drawn `goal` Int[B] is the query's value.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.results import Task
from inwit.core.types import Kinds, Tasks
from inwit.worlds.lookup.queries import (
    MAX_CHAIN,
    MAX_TERMS,
    OPERATORS,
    STAR,
    TEMPLATES,
    Query,
    Term,
    form_of,
    goal_of,
    queries_of,
)
from inwit.worlds.lookup.rules import (
    FIRST_TOOL,
    NOT_DRAWN,
    LookupSettings,
    Problem,
    parse_task,
)

Terms = Int[Tensor, "B 3"]
_SIGNS = ("PAD", "=", *OPERATORS[1:], ":")  # of a prompt


class LookupTasks:
    """Base of the batched world: everything about its tasks that needs no state."""

    settings: LookupSettings
    kinds: Kinds

    def __init__(self, settings: LookupSettings) -> None:
        self.settings = settings
        self.vocabulary = settings.vocabulary
        names = settings.queries
        stages, goals = tuple(TEMPLATES[name] for name in names), tuple(goal_of(name) for name in names)
        self.kinds = Kinds(names, stages, tuple(range(len(names))), goals=goals)
        self.prompt_width = settings.prompt_width
        self._shapes = [form_of(name) for name in names]
        self._on: dict[torch.device, dict[str, Tensor]] = {}

    def sample(self, kinds: Int[Tensor, " B"], generator: torch.Generator) -> Tasks:
        """Queries of the given kinds, uniform over tools and values, with everything hidden drawn."""
        chains, count, device = self._constants(kinds.device)["chains"][kinds], len(kinds), generator.device
        settings, shape = self.settings, (len(kinds), MAX_TERMS, MAX_CHAIN)
        tools = torch.randint(settings.num_tools, shape, generator=generator, device=device)
        values = torch.randint(settings.num_values, (count, MAX_TERMS), generator=generator, device=device)
        place = torch.arange(MAX_CHAIN, device=device)
        data = {
            "tools": tools.masked_fill(place >= chains[:, :, None], -1),
            "values": values.masked_fill(chains < 0, -1),
        }
        return self._with_goal(Tasks(kinds, data | self._draw(count, generator)))

    def draw(self, tasks: Tasks, generator: torch.Generator) -> Tasks:
        """The same queries, with everything hidden drawn where it is not drawn yet."""
        fresh = self._draw(len(tasks), generator)
        hidden = {name: torch.where(tasks.data[name] < 0, new, tasks.data[name]) for name, new in fresh.items()}
        return self._with_goal(Tasks(tasks.kind, tasks.data | hidden))

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks:
        """Every query of the given kinds, once each, with nothing drawn but what is certain."""
        rows = [Problem(query, kind, None) for kind in kinds for query in self._queries(kind)]
        tools, values = zip(*(row.terms_padded() for row in rows), strict=True)
        data = {"tools": torch.tensor(tools, device=device), "values": torch.tensor(values, device=device)}
        return Tasks(torch.tensor([row.kind for row in rows], device=device), data | self._undrawn(len(rows), device))

    def task(self, task: Task) -> Tasks:
        """One row from a task: see `rules.parse_task`. Raises `UserError` for one that does not fit."""
        problem = parse_task(self.settings, task)
        tools, values = problem.terms_padded()
        data = {"tools": torch.tensor([tools]), "values": torch.tensor([values])}
        if problem.hidden is None:
            return Tasks(torch.tensor([problem.kind]), data | self._undrawn(1, "cpu"))
        hidden = {name: torch.tensor([cells], dtype=torch.int8) for name, cells in problem.hidden.items()}
        return self._with_goal(Tasks(torch.tensor([problem.kind]), data | hidden))

    def describe(self, tasks: Tasks) -> list[Task]:
        """Each row as the dict that `task` reads; the query alone where nothing is drawn."""
        texts = [query.text for query in self.queries(tasks)]
        if "goal" not in tasks.data:
            return [{"query": text} for text in texts]
        hidden = {name: tasks.data[name].tolist() for name in self.settings.hidden_sizes()}
        return [{"query": text, **{n: cells[i] for n, cells in hidden.items()}} for i, text in enumerate(texts)]

    def queries(self, tasks: Tasks) -> list[Query]:
        """The query of each row."""
        return [self._query(*row) for row in zip(*self._lists(tasks), strict=True)]

    def stage(self, tasks: Tasks) -> Int[Tensor, " B"]:
        return self._constants(tasks.kind.device)["stages"][tasks.kind]

    def prompt(self, tasks: Tasks) -> tuple[Int[Tensor, "B P"], Bool[Tensor, "B P"]]:
        """The query as text, then `=`, left-padded with PAD; the mask is False on the padding."""
        pieces = self._constants(tasks.kind.device)["layout"][tasks.kind]  # Int[B, P]: see `_layout`
        tools = tasks.data["tools"].flatten(1) + FIRST_TOOL
        values = tasks.data["values"] + self.settings.first_value
        signs = self._constants(tasks.kind.device)["signs"].expand(len(tasks), -1)
        tokens = torch.cat([signs, tools, values], 1).gather(1, pieces)
        return tokens, pieces > 0

    def _queries(self, kind: int) -> list[Query]:
        return list(queries_of(self.kinds.names[kind], self.settings.num_tools, self.settings.num_values))

    def _query(self, kind: int, tools: list[list[int]], values: list[int]) -> Query:
        operator, chains = self._shapes[kind]
        rows = zip(tools, values, chains, strict=False)
        return Query(operator, tuple(Term(tuple(own[:length]), value) for own, value, length in rows))

    def _lists(self, tasks: Tasks) -> tuple[list[int], list[list[list[int]]], list[list[int]]]:
        return tasks.kind.tolist(), tasks.data["tools"].tolist(), tasks.data["values"].tolist()

    def _constants(self, device: torch.device) -> dict[str, Tensor]:
        """By kind, on a device, made once: stages, operators, the lengths of chains (-1: no such term), the layout."""
        if device not in self._on:
            chains = [[*lengths, *[-1] * (MAX_TERMS - len(lengths))] for _, lengths in self._shapes]
            made = {
                "stages": self.kinds.stages,
                "operators": [OPERATORS.index(operator) for operator, _ in self._shapes],
                "chains": chains,
                "signs": [self.vocabulary.id(sign) for sign in _SIGNS],
                "layout": [self._layout(operator, lengths) for operator, lengths in self._shapes],
            }
            self._on[device] = {name: torch.tensor(values, device=device) for name, values in made.items()}
        return self._on[device]

    def _layout(self, operator: str, lengths: tuple[int, ...]) -> list[int]:
        """What stands where in a prompt: places in `_SIGNS`, then the tools, then the values of a row."""
        between = {"?": ["?", ":"]}.get(operator, [operator])
        pieces: list[int] = []
        for term, length in enumerate(lengths):
            pieces += [_SIGNS.index(between[term - 1])] if term else []
            pieces += [len(_SIGNS) + term * MAX_CHAIN + place for place in reversed(range(length))]
            pieces += [len(_SIGNS) + MAX_TERMS * MAX_CHAIN + term]
        pieces.append(_SIGNS.index("="))
        return [0] * (self.prompt_width - len(pieces)) + pieces

    def _draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        hidden, device = {}, generator.device
        for name, (size, least, most, chance) in self.settings.hidden_sizes().items():
            shape = (count, size)
            if chance == 0.0:
                hidden[name] = torch.zeros(shape, dtype=torch.int8, device=device)
                continue
            low = least if chance != chance else 1  # NaN: uniform
            drawn = torch.randint(low, most + 1, shape, generator=generator, device=device, dtype=torch.int8)
            if chance == chance:
                drawn = drawn * (torch.rand(shape, generator=generator, device=device) < chance)
            hidden[name] = drawn
        return hidden

    def _undrawn(self, count: int, device: torch.device | str) -> dict[str, Tensor]:
        return {
            name: torch.full((count, size), 0 if chance == 0.0 else NOT_DRAWN, dtype=torch.int8, device=device)
            for name, (size, _, _, chance) in self.settings.hidden_sizes().items()
        }

    def _with_goal(self, tasks: Tasks) -> Tasks:
        goal, _ = self.resolve(tasks.data["table"], tasks.data["tools"], tasks.data["values"], self._operators(tasks))
        return Tasks(tasks.kind, tasks.data | {"goal": goal})

    def _operators(self, tasks: Tasks) -> Int[Tensor, " B"]:
        return self._constants(tasks.kind.device)["operators"][tasks.kind]

    def resolve(
        self, table: Tensor, tools: Int[Tensor, "B 3 3"], values: Terms, operator: Int[Tensor, " B"]
    ) -> tuple[Int[Tensor, " B"], Int[Tensor, " B"]]:
        """The value of each query, -1 where the drawn cells do not decide it; and the first cell that must be drawn to
        know it, -1 where it is known. `table` is Int8[B, cells]; `operator` counts in `queries.OPERATORS`."""
        n, star = self.settings.num_values, self.settings.num_tools * self.settings.num_values
        current, stuck = values, torch.full_like(values, -1)
        for tool in tools.unbind(2):
            active = (tool >= 0) & (current >= 0)
            cell = torch.where(active, tool * n + current, 0)
            found = table.gather(1, cell).long()
            stuck = torch.where(active & (found < 0), cell, stuck)
            current = torch.where(active, found, current)
        (a, b, c), (at_a, at_b, at_c) = current.unbind(1), stuck.unbind(1)
        odd = a % 2 == 1
        both = (a >= 0) & (b >= 0)
        zero = (a == 0) | (b == 0)  # nothing is less
        cell = torch.where(both, star + a * n + b, 0)
        starred = table.gather(1, cell[:, None])[:, 0].long()
        at_both = torch.where(a < 0, at_a, at_b)
        at_branch = torch.where(a < 0, at_a, torch.where(odd, at_b, at_c))
        results = {
            "": (a, at_a),
            STAR: (starred.masked_fill(~both, -1), torch.where(both, cell.masked_fill(starred >= 0, -1), at_both)),
            "?": (torch.where(odd, b, c).masked_fill(a < 0, -1), at_branch),
            "+": (((a + b) % n).masked_fill(~both, -1), at_both),
            "&": (torch.minimum(a, b).masked_fill(zero, 0), at_both.masked_fill(zero, -1)),  # -1 is the least
        }
        value, needed = results[""]
        for place, name in enumerate(OPERATORS):
            value = torch.where(operator == place, results[name][0], value)
            needed = torch.where(operator == place, results[name][1], needed)
        return value, needed


def tools_of(settings: LookupSettings, cell: Int[Tensor, "*B"]) -> Int[Tensor, "*B"]:
    """The tool of each cell, as `LookupSettings.tool_of`."""
    return (cell // settings.num_values).clamp(max=settings.num_tools)
