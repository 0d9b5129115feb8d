"""lookup-v0, free of PyTorch: settings, vocabulary, the hidden part of a task and its reading.

Hidden, for each episode, all independent and uniform: a table for each unary tool (n cells) and one for `*` (n x n
cells), flat, one after another. Where tools fail each tool is *broken* with probability `broken`, and the c-th call of
the episode *fails* with probability `fail`: both answer ERR. Where tools deceive a call *lies* with probability `lie`
(it answers a uniformly random other value), and a tool is *stale* with probability `stale`: each of its cells then
answers another value than the true one, the same each time. A sure call always answers the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import given_number
from inwit.core.results import Task
from inwit.core.seeding import stream_seed
from inwit.core.settings import Settings, setting
from inwit.core.vocabulary import Vocabulary
from inwit.worlds.lookup.queries import (
    DEFAULT_QUERIES,
    MAX_CHAIN,
    MAX_TERMS,
    STAR,
    TEMPLATES,
    TOOLS,
    Query,
    form_of,
    least_steps,
    read_query,
)
from inwit.worlds.reading import TaskField, check_fields

ID = "lookup-v0"
PAD, ERR, ANS, FIRST_TOOL = 0, 6, 7, 8
_SIGNS = ("PAD", "=", "+", "&", "?", ":", "ERR", "ANS")
NOT_DRAWN = -1

TASK_FIELDS = {
    "query": TaskField("the query, as in 'F 3 ? G 1 : F 2'"),
    "seed": TaskField("draws the hidden part; without it and without a table nothing is drawn", optional=True),
    "table": TaskField("the cells of F, G, ... and then of *, flat", many=True, optional=True),
    "broken": TaskField("for each tool, * last: 1 if it is broken", many=True, optional=True),
    "fails": TaskField("for each call of the episode: 1 if it fails", many=True, optional=True),
    "lies": TaskField("for each call: how far its answer is from the tool's, 0 to n - 1", many=True, optional=True),
    "stale": TaskField("for each tool, * last: 1 if it is stale", many=True, optional=True),
    "drift": TaskField("for each cell: how far a stale answer is from the true one", many=True, optional=True),
}


@dataclass(frozen=True)
class LookupSettings(Settings):
    num_values: int = setting(5, "values, and so cells of a unary tool", at_least=2, at_most=100)
    num_tools: int = setting(2, "unary tools: F, G, ...", at_least=1, at_most=len(TOOLS))
    queries: tuple[str, ...] = setting(DEFAULT_QUERIES, "templates of queries, a kind each: " + ", ".join(TEMPLATES))
    price: float = setting(0.02, "of a call", at_least=0, at_most=1)
    sure_price: float = setting(0.0, "of a sure call, which never fails; 0: there are none", at_least=0, at_most=1)
    fail: float = setting(0.0, "probability that a call fails", at_least=0, at_most=1)
    broken: float = setting(0.0, "probability that a tool is broken", at_least=0, at_most=1)
    lie: float = setting(0.0, "probability that a call answers a random other value", at_least=0, at_most=1)
    stale: float = setting(0.0, "probability that a tool's answers are wrong for good", at_least=0, at_most=1)
    max_steps: int = setting(11, "tokens that the policy may choose", at_least=1, at_most=200)
    masks: bool = setting(True, "let the policy write legal tokens only")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.queries:
            if name not in TEMPLATES:
                raise UserError(f"queries: {unknown('template', name, TEMPLATES)}")
        if not self.queries:
            raise UserError(f"queries is empty: name at least one of {', '.join(TEMPLATES)}")
        if len(set(self.queries)) < len(self.queries):
            raise UserError(f"queries = {','.join(self.queries)}: name none of them twice")
        shortest = min(self.queries, key=least_steps)
        if self.max_steps < least_steps(shortest):
            raise UserError(
                f"max_steps = {self.max_steps} is too small to answer any query: {shortest} takes "
                f"{least_steps(shortest)} tokens (2 a call, 3 of *, 2 the answer)"
            )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        tools = [*TOOLS[: self.num_tools], STAR]
        return Vocabulary([*_SIGNS, *tools, *(f"{tool}!" for tool in tools), *map(str, range(self.num_values))])

    @property
    def first_sure(self) -> int:
        """The token of the first sure tool."""
        return FIRST_TOOL + self.num_tools + 1

    @property
    def first_value(self) -> int:
        return self.first_sure + self.num_tools + 1

    @property
    def num_cells(self) -> int:
        return self.num_values * (self.num_tools + self.num_values)

    @property
    def max_calls(self) -> int:
        return self.max_steps // 2

    @property
    def prompt_width(self) -> int:
        return max(_width(name) for name in self.queries) + 1

    @property
    def deceives(self) -> bool:
        """Whether an answer may be wrong, so that hearing it does not tell the cell."""
        return self.lie > 0 or self.stale > 0

    def tool_of(self, cell: int) -> int:
        """The tool of a cell, 0, 1, ...; `num_tools` is `*`."""
        return min(cell // self.num_values, self.num_tools)

    def cell_name(self, cell: int) -> str:
        """A cell as it is called: `F 3`, `* 0 2`."""
        tool, values = self.tool_of(cell), self.num_values
        if tool < self.num_tools:
            return f"{TOOLS[tool]} {cell % values}"
        first, second = divmod(cell - tool * values, values)
        return f"{STAR} {first} {second}"

    def hidden_sizes(self) -> dict[str, tuple[int, int, int, float]]:
        """The hidden parts that these settings have: their size, least and greatest value, and the probability of 1
        (of a value that is not 0, for `lies`). NaN where values are uniform."""
        cells, tools, nan = self.num_cells, self.num_tools + 1, float("nan")
        sizes = {
            "table": (cells, 0, self.num_values - 1, nan),
            "broken": (tools, 0, 1, self.broken),
            "fails": (self.max_calls, 0, 1, self.fail),
        }
        if self.lie > 0:
            sizes["lies"] = (self.max_calls, 0, self.num_values - 1, self.lie)
        if self.stale > 0:
            sizes |= {"stale": (tools, 0, 1, self.stale), "drift": (cells, 1, self.num_values - 1, nan)}
        return sizes


def _width(template: str) -> int:
    operator, chains = form_of(template)
    return sum(chains) + len(chains) + {"": 0, "?": 2}.get(operator, 1)


@dataclass(frozen=True)
class Problem:
    """A task as it was read: the query, its kind, and the hidden part by name; None where nothing is drawn."""

    query: Query
    kind: int
    hidden: dict[str, list[int]] | None

    def terms_padded(self) -> tuple[list[list[int]], list[int]]:
        """Tools Int[3][3] in the order in which they are called, and values Int[3]; -1 where there is none."""
        terms = [*self.query.terms, *[None] * (MAX_TERMS - len(self.query.terms))]
        tools = [[*(term.tools if term else ()), *[-1] * MAX_CHAIN][:MAX_CHAIN] for term in terms]
        return tools, [term.value if term else -1 for term in terms]


def parse_query(settings: LookupSettings, text: object) -> tuple[Query, int]:
    """The query of a text, and its kind in the world. Raises `UserError` for one that no template fits."""
    query = read_query(str(text))
    known = ", ".join(settings.queries)
    if query is None:
        raise UserError(f"query {short(str(text))} cannot be read: write one of {known}, as in 'F 3' or 'G F 3'")
    for term in query.terms:
        if term.value >= settings.num_values:
            raise UserError(f"value {term.value} of the query is out of range: values are 0..{settings.num_values - 1}")
        for tool in term.tools:
            if tool >= settings.num_tools:
                raise unknown("tool", TOOLS[tool], list(TOOLS[: settings.num_tools]))
    if query.template not in settings.queries:
        raise UserError(f"query {short(query.text)} is of the kind {query.template}: this world has {known}")
    return query, settings.queries.index(query.template)


def parse_task(settings: LookupSettings, task: Task) -> Problem:
    """A task such as `{"query": "F 3", "table": [...], "broken": [...], "fails": [...]}`; or with a `seed` instead of
    the hidden part; or with the query alone: then nothing is drawn. Raises `UserError` for one that does not fit."""
    check_fields(task, ID, TASK_FIELDS, "a query, as in query 'G F 3'")
    query, kind = parse_query(settings, task["query"])
    given = {name: task[name] for name in TASK_FIELDS if name in task and name not in ("query", "seed")}
    if "seed" in task:
        if given:
            raise UserError(f"the task has a seed and {', '.join(given)}: leave one out, the seed draws all of it")
        seed = given_number("seed", task["seed"], text=True)
        return Problem(query, kind, drawn(settings, seed))
    return Problem(query, kind, _hidden(settings, given) if given else None)


def _hidden(settings: LookupSettings, given: Mapping[str, object]) -> dict[str, list[int]]:
    sizes = settings.hidden_sizes()
    for name in given:
        if name not in sizes:
            raise UserError(f"the task has {name}, but with these settings of {ID} nothing is {name}: leave {name} out")
    hidden = {}
    for name, (size, least, most, chance) in sizes.items():
        if name not in given and chance != 0.0:
            raise UserError(f"the task has {', '.join(given)} and no {name}: give all of {', '.join(sizes)}, or a seed")
        hidden[name] = _numbers(name, given[name], size, least, most) if name in given else [0] * size
        _check_possible(settings, name, hidden[name], chance)
    return hidden


def _check_possible(settings: LookupSettings, name: str, numbers: list[int], chance: float) -> None:
    """Raises `UserError` for what never happens, or always, under these settings."""
    own = {"fails": "fail", "lies": "lie"}.get(name, name)
    if chance == 0.0 and any(numbers):
        raise UserError(f"{name} has the value 1, but with {own} = 0 none is: give zeros, or a {own} above 0")
    if chance == 1.0 and 0 in numbers:
        raise UserError(f"{name} has the value 0, but with {own} = {getattr(settings, own):g} all are: give no zero")


def _numbers(name: str, value: Any, size: int, least: int, most: int) -> list[int]:
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise UserError(f"{name} {short(value)} is not a list of {size} numbers")
    numbers = [given_number(f"a value of {name}", each, text=True) for each in value]
    if len(numbers) != size:
        raise UserError(f"{name} has {len(numbers)} values: with these settings it takes {size}")
    for number in numbers:
        if not least <= number <= most:
            raise UserError(f"{name} has the value {short(number)}: it must be {least} to {most}")
    return numbers


def drawn(settings: LookupSettings, seed: int) -> dict[str, list[int]]:
    """A hidden part, drawn by a seed: the same on every machine and with every version of Python."""

    def uniform(name: str, place: int, least: int, most: int) -> int:
        return least + stream_seed(seed, f"lookup task/{name}/{place}") % (most - least + 1)

    hidden = {}
    for name, (size, least, most, chance) in settings.hidden_sizes().items():
        if chance != chance:  # NaN: uniform
            hidden[name] = [uniform(name, place, least, most) for place in range(size)]
            continue
        shares = (stream_seed(seed, f"lookup task/whether {name}/{place}") / 2**63 for place in range(size))
        hidden[name] = [uniform(name, place, 1, most) if share < chance else 0 for place, share in enumerate(shares)]
    return hidden
