"""Belief states of the oracle, up to names: what was heard, as far as it may still matter.

A state is the query as far as it is not yet decided (known prefixes of chains are walked, a decided branch replaces its
condition), the known cells that may still matter, and how often each tool has failed in a row. `canonical` renames
tools and values, type by type (see `shapes.py`), such that states which differ in names only become equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from inwit.worlds.lookup.queries import STAR, Query
from inwit.worlds.lookup.shapes import PARITY, RIGID, STAR_TOOL, Cell, Known, Shape, Terms, shape_of

WORKS = -1  # in place of a number of errors: the tool has answered, so it is not broken


class State(NamedTuple):
    operator: str
    terms: Terms
    known: tuple[tuple[Cell, int], ...]  # cells that may still matter, sorted
    errors: tuple[tuple[int, int], ...]  # tools that may still matter, with their errors so far, or WORKS

    @property
    def answer(self) -> int | None:
        """The query's value, if it is decided by what was walked."""
        return self.terms[0][1] if self.operator == "" and not self.terms[0][0] else None


def terms_of(query: Query) -> Terms:
    """A query's terms, of which nothing is walked yet."""
    return tuple((term.tools, term.value) for term in query.terms)


def canonical(operator: str, terms: Terms, known: Known, errors: Mapping[int, int], num_values: int) -> State:
    """The state with what no longer matters left out, and tools and values renamed."""
    operator, terms = _reduced(operator, terms, known, num_values)
    order: dict[int, int] = {}
    for tools, _ in terms:
        for tool in tools:
            order.setdefault(tool, len(order))
    if operator == STAR:
        order[STAR_TOOL] = STAR_TOOL
    terms = tuple((tuple(order[tool] for tool in tools), value) for tools, value in terms)
    renamed = {(order[tool], each): value for (tool, each), value in known.items() if tool in order}
    failed = tuple(sorted((new, errors.get(old, 0)) for old, new in order.items()))
    shape = shape_of(operator, terms)
    return _Renaming(shape, {}, {}).state(operator, terms, _that_matter(renamed, operator, terms, shape), failed)


def own_names(query: Query, known: Known, num_values: int) -> State:
    """The state in the query's own names, without errors."""
    return _left(query.operator, terms_of(query), known, (), num_values)


def with_answer(state: State, cell: Cell, value: int, num_values: int) -> State:
    """The state once a cell is known, in the same names."""
    return _left(state.operator, state.terms, dict(state.known) | {cell: value}, state.errors, num_values)


def _left(operator: str, terms: Terms, known: Known, errors: tuple[tuple[int, int], ...], num_values: int) -> State:
    operator, terms = _reduced(operator, terms, known, num_values)
    return State(operator, terms, tuple(_that_matter(known, operator, terms, shape_of(operator, terms))), errors)


def _that_matter(known: Known, operator: str, terms: Terms, shape: Shape) -> list[tuple[Cell, int]]:
    return [(cell, value) for cell, value in known.items() if _matters(cell, operator, terms, shape)]


def _reduced(operator: str, terms: Terms, known: Known, num_values: int) -> tuple[str, Terms]:
    terms = tuple(_walked(tools, value, known) for tools, value in terms)
    ground = [not tools for tools, _ in terms]
    if operator == "?":
        if ground[0]:
            return "", (terms[1 if terms[0][1] % 2 else 2],)
        return ("", (terms[1],)) if terms[1] == terms[2] else (operator, terms)
    if operator == "&" and any(not tools and value == 0 for tools, value in terms):  # nothing is less
        return "", (((), 0),)
    if operator == "" or not all(ground):
        return operator, terms
    first, second = (value for _, value in terms)
    if operator != STAR:
        return "", (((), (first + second) % num_values if operator == "+" else min(first, second)),)
    answer = known.get((STAR_TOOL, (first, second)))
    return (operator, terms) if answer is None else ("", (((), answer),))


def _walked(tools: tuple[int, ...], value: int, known: Known) -> tuple[tuple[int, ...], int]:
    for place, tool in enumerate(tools):
        answer = known.get((tool, (value,)))
        if answer is None:
            return tools[place:], value
        value = answer
    return (), value


def _matters(cell: Cell, operator: str, terms: Terms, shape: Shape) -> bool:
    """Whether a cell may lie on the way to the query's value, now that known prefixes are walked."""
    tool, arguments = cell
    if tool != STAR_TOOL or operator != STAR:
        return tool in shape.later
    ground = [not tools for tools, _ in terms]
    return not all(ground) and all(
        not known or term[1] == argument for known, term, argument in zip(ground, terms, arguments, strict=True)
    )


class _Renaming:
    """New names of values, type by type, given in a canonical order."""

    def __init__(self, shape: Shape, names: dict[tuple[int, int], int], used: dict[tuple[int, int], int]) -> None:
        self.shape, self.names, self.used = shape, names, used

    def state(
        self, operator: str, terms: Terms, cells: list[tuple[Cell, int]], errors: tuple[tuple[int, int], ...]
    ) -> State:
        named = tuple(
            (tools, self.name(kind, value)) for (tools, value), kind in zip(terms, self.shape.terms, strict=True)
        )
        return State(operator, named, tuple(sorted(self.cells(cells))), errors)

    def name(self, kind: int, value: int) -> int:
        found = self.names.get((kind, value))
        if found is None:
            renaming = self.shape.renaming[kind]
            if renaming == RIGID:
                return value
            parity = value % 2 if renaming == PARITY else 0
            count = self.used.get((kind, parity), 0)
            self.used[kind, parity] = count + 1
            found = self.names[kind, value] = 2 * count + parity if renaming == PARITY else count
        return found

    def cells(self, cells: list[tuple[Cell, int]]) -> list[tuple[Cell, int]]:
        """The cells with new names: first those whose arguments have names already, then of all orders of the others
        the one that gives the least list."""
        done: list[tuple[Cell, int]] = []
        while cells:
            ready: list[tuple[Cell, int]] = []  # with the new names of the arguments and the old one of the answer
            rest: list[tuple[Cell, int]] = []
            for (tool, arguments), value in cells:
                names = [name for name in self._arguments((tool, arguments)) if name is not None]
                if len(names) == len(arguments):
                    ready.append(((tool, tuple(names)), value))
                else:
                    rest.append(((tool, arguments), value))
            if not ready:
                return done + self._least(rest)
            done += [(cell, self.name(self.shape.answers[cell[0]], value)) for cell, value in sorted(ready)]
            cells = rest
        return done

    def _least(self, cells: list[tuple[Cell, int]]) -> list[tuple[Cell, int]]:
        keys = [self._key(cell, value) for cell, value in cells]
        least = min(keys)
        best: list[tuple[Cell, int]] | None = None
        for key, (cell, _) in zip(keys, cells, strict=True):
            if key == least:
                trial = _Renaming(self.shape, dict(self.names), dict(self.used))
                for kind, argument in zip(self.shape.arguments[cell[0]], cell[1], strict=True):
                    trial.name(kind, argument)
                found = sorted(trial.cells(cells))
                best = found if best is None or found < best else best
        assert best is not None
        return best

    def _key(self, cell: Cell, value: int) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
        """What can be said of a cell whatever the names: only the least are tried first."""
        tool, arguments = cell
        kinds = self.shape.arguments[tool]
        names = tuple(99 if name is None else name for name in self._arguments(cell))
        parities = tuple(each % 2 for kind, each in zip(kinds, arguments, strict=True) if self._is(kind, PARITY))
        answer = self._known(self.shape.answers[tool], value)
        return tool, names, parities, 99 if answer is None else answer

    def _arguments(self, cell: Cell) -> tuple[int | None, ...]:
        tool, arguments = cell
        return tuple(self._known(kind, each) for kind, each in zip(self.shape.arguments[tool], arguments, strict=True))

    def _known(self, kind: int, value: int) -> int | None:
        return value if self._is(kind, RIGID) else self.names.get((kind, value))

    def _is(self, kind: int, renaming: int) -> bool:
        return self.shape.renaming[kind] == renaming


def values_of(state: State) -> list[set[int]]:
    """Of each type the values that the state names; all others of the type are exchangeable."""
    shape = shape_of(state.operator, state.terms)
    found: list[set[int]] = [set() for _ in shape.renaming]
    for kind, (_, value) in zip(shape.terms, state.terms, strict=True):
        found[kind].add(value)
    for (tool, arguments), value in state.known:
        for kind, argument in zip(shape.arguments[tool], arguments, strict=True):
            found[kind].add(argument)
        found[shape.answers[tool]].add(value)
    return found


def classes(state: State, kind: int, named: set[int], num_values: int) -> Iterator[tuple[int, int]]:
    """The values of a type up to names: a value of each class, and how many the class has."""
    shape = shape_of(state.operator, state.terms)
    renaming = shape.renaming[kind]
    if renaming == RIGID:
        yield from ((value, 1) for value in range(num_values))
        return
    yield from ((value, 1) for value in sorted(named))
    for others in (range(0, num_values, 2), range(1, num_values, 2)) if renaming == PARITY else (range(num_values),):
        fresh = [value for value in others if value not in named]
        if fresh:
            yield fresh[0], len(fresh)


def next_cells(state: State) -> list[Cell]:
    """The frontier: the cells that the terms need next, in the order of the text."""
    cells: dict[Cell, None] = {}
    for tools, value in state.terms:
        if tools:
            cells.setdefault((tools[0], (value,)))
    if state.operator == STAR and not any(tools for tools, _ in state.terms):
        cells[STAR_TOOL, tuple(value for _, value in state.terms)] = None
    return list(cells)


def cells_that_matter(state: State, num_values: int) -> list[Cell]:
    """Every cell that may lie on the way to the query's value and is not known, up to names; the frontier first."""
    shape, named = shape_of(state.operator, state.terms), values_of(state)
    cells, known = dict.fromkeys(next_cells(state)), dict(state.known)
    for tool in sorted(shape.later):
        kind = shape.arguments[tool][0]
        cells |= {(tool, (value,)): None for value, _ in classes(state, kind, named[kind], num_values)}
    if state.operator == STAR:
        cells |= dict.fromkeys(_stars(state, shape, named, num_values))
    return [cell for cell in cells if cell not in known]


def _stars(state: State, shape: Shape, named: list[set[int]], num_values: int) -> Iterator[Cell]:
    first_kind, second_kind = shape.arguments[STAR_TOOL]
    (first_tools, first), (second_tools, second) = state.terms
    for left, _ in classes(state, first_kind, named[first_kind], num_values) if first_tools else [(first, 1)]:
        seen = named[second_kind] | ({left} if first_kind == second_kind else set())
        for right, _ in classes(state, second_kind, seen, num_values) if second_tools else [(second, 1)]:
            yield STAR_TOOL, (left, right)
