"""Lessons for lookup-v0: calls that a script makes in the world alone, for a query that they answer.

A lesson is an episode that ends right: calls, the world's answers, ANS and the query's value. One rule keeps it honest:
*a call is judged by what was heard before it, never by what it turned out to say.* Each call asks the first cell that
the query, read from left to right, still needs; none is asked once the query is decided. So no call can be spared, and
the next token is a function of the query and of what was heard: however often a query or an answer comes up, the
lessons teach one habit and no luck. (A lesson judged in hindsight would keep `G 4` before `F 2` of `F 2 ? F 2 : G 4`
whenever F 2 turned out even.)

What lessons tell is much: how a query is read, in which order to ask, and when to stop. They are demonstrations by a
scripted expert; with the default settings every token is one that the oracle would write next. They do not see the
oracle, nor any cell that no call asked for. They know no failure: no call errs or lies in them, and none is sure.

Coincidences are rare and are what is learnt last: a cell that is needed twice, a tool that gives back its argument,
a branch with both ends alike. The rule allows to draw them more often than the world does (`COINCIDENCE`).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.types import Tasks, Taught
from inwit.worlds.lookup.queries import MAX_CHAIN, MAX_TERMS, MOST_CALLS, OPERATORS
from inwit.worlds.lookup.rules import ANS, FIRST_TOOL, PAD, LookupSettings
from inwit.worlds.lookup.tasks import LookupTasks, tools_of

COINCIDENCE = 0.15  # how often a term repeats another one on purpose, and a cell its own argument
FAILURES = ("broken", "fails", "lies", "stale")
Row = Int[Tensor, " B"]
Flag = Bool[Tensor, " B"]
Column = tuple[Row, Flag, bool]  # tokens, which rows have one, whether the policy is to choose it
Reading = tuple[Int[Tensor, "B 3 3"], Int[Tensor, "B 3"], Row]  # tools, values, operator


class LookupLessons(LookupTasks):
    """The world's tasks, and lessons made of them."""

    def __init__(self, settings: LookupSettings) -> None:
        super().__init__(settings)
        self.narrow = True  # on the CPU; elsewhere the longest stream is not looked up: that would wait for the device

    def teach(self, kinds: Row, generator: torch.Generator) -> Taught:
        """A lesson for each of the kinds. One that does not fit the budget has no chosen token."""
        tasks = self._problems(kinds, generator)
        table, query, columns = tasks.data["table"], self._to_be_read(tasks), []
        heard = torch.full_like(table, -1)
        for _ in range(min(MOST_CALLS, self.settings.max_calls)):
            value, cell = self._read(heard, query)
            answer = table.gather(1, cell[:, None])
            known = torch.where((value < 0)[:, None], answer, heard.gather(1, cell[:, None]))
            heard = heard.scatter(1, cell[:, None], known)
            columns += self._call(cell, answer[:, 0].long(), value < 0)
        value, _ = self._read(heard, query)
        decided = value >= 0
        columns += [(torch.full_like(value, ANS), decided, True), (value + self.settings.first_value, decided, True)]
        return self._side_by_side(tasks, columns)

    def _problems(self, kinds: Row, generator: torch.Generator) -> Tasks:
        """Queries of the given kinds with everything hidden drawn, richer in coincidences than the world's own; nothing
        fails or deceives."""
        data, device = dict(self.sample(kinds, generator).data), generator.device
        tools, values, table = data["tools"], data["values"], data["table"]
        other = torch.randint(MAX_TERMS, values.shape, generator=generator, device=device)
        repeats = torch.rand(values.shape, generator=generator, device=device) < COINCIDENCE
        there, again = tools.gather(1, other[:, :, None].expand(-1, -1, MAX_CHAIN)), values.gather(1, other)
        data["tools"] = torch.where(repeats[:, :, None] & (tools >= 0) & (there >= 0), there, tools)
        data["values"] = torch.where(repeats & (values >= 0) & (again >= 0), again, values)
        argument = torch.arange(table.shape[1], device=device) % self.settings.num_values
        returns = torch.rand(table.shape, generator=generator, device=device) < COINCIDENCE
        data["table"] = torch.where(returns, argument.to(table.dtype), table)
        honest = {name: torch.zeros_like(data[name]) for name in FAILURES if name in data}
        return self._with_goal(Tasks(kinds, data | honest))

    def _to_be_read(self, tasks: Tasks) -> Reading:
        """The queries; a branch whose ends are alike needs no condition, and is the end alone."""
        tools, values, operator = tasks.data["tools"], tasks.data["values"], self._operators(tasks)
        alike = (tools[:, 1] == tools[:, 2]).all(1) & (values[:, 1] == values[:, 2])
        alike = alike & (operator == OPERATORS.index("?"))
        order = torch.where(alike[:, None], 1, torch.arange(MAX_TERMS, device=tools.device))
        tools = tools.gather(1, order[:, :, None].expand(-1, -1, MAX_CHAIN))
        return tools, values.gather(1, order), operator.masked_fill(alike, OPERATORS.index(""))

    def _read(self, heard: Tensor, query: Reading) -> tuple[Row, Row]:
        """The value of each query as far as cells were heard, -1 where it is not decided; and the cell to ask for next,
        0 where there is none."""
        value, cell = self.resolve(heard, *query)
        return value, cell.clamp_min(0)

    def _call(self, cell: Row, answer: Row, asks: Flag) -> list[Column]:
        """The tokens of a call, and the world's answer."""
        n, star, first = self.settings.num_values, self.settings.num_tools, self.settings.first_value
        tool = tools_of(self.settings, cell)
        place = cell - tool * n
        return [
            (tool + FIRST_TOOL, asks, True),
            (place // n + first, asks & (tool == star), True),
            (place % n + first, asks, True),
            (answer + first, asks, False),
        ]

    def _side_by_side(self, tasks: Tasks, columns: list[Column]) -> Taught:
        """The columns as streams without gaps."""
        tokens = torch.stack([token for token, _, _ in columns], 1)
        written = torch.stack([rows for _, rows, _ in columns], 1)
        chosen = torch.stack([rows & choice for _, rows, choice in columns], 1)
        chosen = chosen & (written[:, -1] & (chosen.sum(1) <= self.settings.max_steps))[:, None]
        order = (~written).long().argsort(dim=1, stable=True)
        if self.narrow and tokens.device.type == "cpu":
            order = order[:, : int(written.sum(1).max())]
        return Taught(tasks, tokens.masked_fill(~written, PAD).gather(1, order), chosen.gather(1, order))
