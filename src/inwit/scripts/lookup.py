"""The parts of lookup-v0: a pipeline that asks as little as it can, and a react that asks all it sees.

The goal is the query, with each answer put in place of its call (`lookup_terms`); so what is left of it says what comes
next, and a chain goes on from its answer. The key of a result is the tool's number and its arguments; an argument that
is not known yet is a key itself: `(1, (0, 3))` is G(F(3)).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

from inwit.core.errors import UserError
from inwit.core.numbers import given_number
from inwit.scripts.lookup_terms import Cell, cells_in, decided, guessed, put_in, query_of, value_of
from inwit.scripts.pipeline import GIVEN_UP, Call, Event, Look, Parts
from inwit.scripts.react import Reaction
from inwit.worlds.lookup.queries import STAR, Query, least_steps
from inwit.worlds.lookup.rules import ANS, FIRST_TOOL, PAD, LookupSettings

if TYPE_CHECKING:
    from inwit.core.contracts import World
    from inwit.scripts.pipeline import Executor, Memory, Planner
    from inwit.scripts.react import Rule

ANSWER, SURE = "ANS", "!"
LYING_VOTES = 3  # the fewest that one lie does not decide


def parts(world: World, votes: int | None = None) -> Parts:
    """The pipeline's. `votes`, for tools that lie: a cell is asked until an answer was heard as often as a majority of
    so many votes, or no tokens are left for it; by default 3 where calls are documented to lie, else 1. Raises
    `UserError` for a number of votes that is even or below 1."""
    settings = _settings(world)
    if votes is None:
        votes = LYING_VOTES if settings.lie > 0 else 1
    votes = given_number("votes", votes)
    if votes < 1 or votes % 2 == 0:
        raise UserError(f"votes = {votes} decide nothing: take an odd number, 1 or more")
    memory = Answers(votes)
    planner, executor = Asking(settings, memory), Calling(settings, _distrusted(settings))
    return Parts(cast("Planner", planner), cast("Memory", memory), cast("Executor", executor))


def _distrusted(settings: LookupSettings) -> frozenset[int]:
    """The tools of which only sure calls are made: all, where the chance that a tool is stale, and a cheap answer wrong
    for good, is more than a sure call costs beyond a cheap one. A right answer to the query is worth 1."""
    sure = 0 < settings.sure_price < settings.price + settings.stale
    return frozenset(range(settings.num_tools + 1)) if sure and settings.stale > 0 else frozenset()


def reaction(world: World) -> Reaction:
    """React's. Its memory keeps the last answer alone."""
    settings = _settings(world)
    rule, memory, executor = Leftmost(settings), Answers(votes=1), Calling(settings)
    return Reaction(cast("Rule", rule), cast("Memory", memory), cast("Executor", executor))


def _settings(world: World) -> LookupSettings:
    assert isinstance(world.settings, LookupSettings)
    return world.settings


class Machine(NamedTuple):
    opened: tuple[int, ...] = ()  # the tokens of the call, or of the answer, that is open
    left: int = 0  # tokens that may still be chosen
    given_up: frozenset[int] = frozenset()  # tools of which only sure calls are made: not trusted, or a backup was used


class Calling:
    """The executor: writes a call token by token, and hears its answer."""

    def __init__(self, settings: LookupSettings, distrusted: frozenset[int] = frozenset()) -> None:
        self.settings, self.distrusted = settings, distrusted
        self.tokens = {name: token for token, name in enumerate(settings.vocabulary.names)}

    def start(self, goal: Hashable) -> Machine:
        return Machine(left=self.settings.max_steps, given_up=self.distrusted)

    def write(self, machine: Machine, call: Call, look: Look) -> int:
        tokens = [self.tokens[call.tool], *(self.settings.first_value + each for each in cast("Cell", call.arguments))]
        return tokens[len(machine.opened)] if len(machine.opened) < len(tokens) else PAD  # PAD: it has no turn

    def listens(self, machine: Machine) -> bool:
        return machine.opened[:1] != (ANS,) and self._complete(machine)

    def read(self, machine: Machine, token: int) -> tuple[Machine, Event | None]:
        if self.listens(machine):
            return self._hear(machine, token)
        if machine.left == 0 or self._complete(machine):  # it has ended
            return machine, None
        opened = (*machine.opened, token) if self._legal(machine, token) else machine.opened
        return machine._replace(opened=opened, left=machine.left - 1), None

    def backup(self, call: Call) -> Call | None:
        has_one = self.settings.sure_price > 0 and not call.tool.endswith(SURE)
        return replace(call, tool=call.tool + SURE) if has_one else None

    def _hear(self, machine: Machine, token: int) -> tuple[Machine, Event]:
        cell, sure = cell_of(self.settings, machine.opened)
        heard = machine._replace(opened=(), given_up=machine.given_up | {cell[0]} if sure else machine.given_up)
        if token < self.settings.first_value:
            return heard, Event(cell, failed=True)
        return heard, Event(cell, (token - self.settings.first_value, sure))

    def _complete(self, machine: Machine) -> bool:
        tool = self.settings.vocabulary.names[machine.opened[0]] if machine.opened else ""
        return len(machine.opened) == (3 if tool.startswith(STAR) else 2)

    def _legal(self, machine: Machine, token: int) -> bool:
        settings = self.settings
        if machine.opened:
            return token >= settings.first_value
        return ANS <= token < (settings.first_value if settings.sure_price > 0 else settings.first_sure)


def cell_of(settings: LookupSettings, opened: tuple[int, ...]) -> tuple[Cell, bool]:
    """What a call asks for, as far as its tokens are written, and whether it is sure."""
    sure = opened[0] >= settings.first_sure
    tool = opened[0] - (settings.first_sure if sure else FIRST_TOOL)
    return (tool, *(token - settings.first_value for token in opened[1:])), sure


class Notes(NamedTuple):
    heard: frozenset[tuple[Cell, tuple[int, ...]]] = frozenset()  # the answers to a cell, the least first
    given_up: frozenset[Cell] = frozenset()


class Answers:
    """The memory: what was heard, by cell. It forgets what no call of the plan needs, but the last answer."""

    def __init__(self, votes: int) -> None:
        self.votes = votes

    def empty(self, goal: Hashable) -> Notes:
        return Notes()

    def store(self, kept: Notes, event: Event, needed: Collection[Hashable]) -> Notes:
        cell = cast("Cell", event.key)
        if event.value == GIVEN_UP:
            return kept._replace(given_up=kept.given_up | {cell})
        if event.value is None:
            return kept
        heard, (value, sure) = dict(kept.heard), cast("tuple[int, bool]", event.value)
        voted = {cell for cell, answers in heard.items() if not self._settled(answers)}
        heard[cell] = tuple(sorted([*heard.get(cell, ()), *[value] * (self.votes if sure else 1)]))
        keep = {cell, *needed, *voted}
        return kept._replace(heard=frozenset(item for item in heard.items() if item[0] in keep))

    def find(self, kept: Notes, key: Hashable) -> int | None:
        return self.known(kept).get(cast("Cell", key))

    def room(self, kept: Notes, needed: Collection[Hashable]) -> None:
        return None

    def known(self, kept: Notes, doubtful: bool = False) -> dict[Cell, int]:
        """The value of each cell that was asked often enough; where `doubtful`, of each cell that was asked."""
        return {cell: _leader(answers)[0] for cell, answers in kept.heard if doubtful or self._settled(answers)}

    def _settled(self, answers: tuple[int, ...]) -> bool:
        return _leader(answers)[1] > self.votes // 2


def _leader(answers: tuple[int, ...]) -> tuple[int, int]:
    """The most frequent answer, and how often it was heard."""
    return Counter(answers).most_common(1)[0]


class Asking:
    """The planner. It asks for each cell once, and for none that is not needed: a branch when it is decided, and no
    condition between equal branches."""

    def __init__(self, settings: LookupSettings, memory: Answers) -> None:
        self.settings, self.memory = settings, memory
        self.fails = settings.fail > 0 or settings.broken > 0

    def goal(self, prompt: tuple[int, ...], stage: int) -> Query:
        return query_of(self.settings, prompt)

    def left(self, goal: Query, kept: Notes) -> Query:
        return self._put_in(goal, self.memory.known(kept))

    def plan(self, goal: Query, machine: Machine, kept: Notes) -> tuple[Call, ...]:
        """What opens is finished first. Then all calls that the query needs, as far as answers do not decide it."""
        if _needed(goal) > machine.left:  # no room for another vote
            goal = self._put_in(goal, self.memory.known(kept, doubtful=True))
        calls = self._calls(goal, machine, kept)
        return (finished(self.settings, goal, machine), *calls) if machine.opened else calls

    def _calls(self, goal: Query, machine: Machine, kept: Notes) -> tuple[Call, ...]:
        value, cells = value_of(goal), cells_in(self.settings, goal)
        if value is None and (_needed(goal) > machine.left or cells[0] in kept.given_up):
            value = guessed(goal)
        if value is not None:
            return (Call(ANSWER, (value,)),)
        first, *others = graph(self.settings, goal, sorted(cell for cell, _ in kept.heard))
        no_room = self.fails and _needed(goal) + len(cells[0]) > machine.left  # for a call that comes to nothing
        if self.settings.sure_price > 0 and (no_room or cells[0][0] in machine.given_up):
            first = replace(first, tool=first.tool + SURE)
        return (first, *others)

    def _put_in(self, goal: Query, known: dict[Cell, int]) -> Query:
        return decided(self.settings, put_in(goal, known), known)


def _needed(goal: Query) -> int:
    """How many tokens it takes to ask all that a query needs, and to answer, if no answer spares a call."""
    return least_steps(goal.template)


def graph(settings: LookupSettings, query: Query, known: Collection[Cell]) -> tuple[Call, ...]:
    """The calls that a query needs, each with what it depends on, and the answer; of a branch the condition alone.

    A call may turn out to be one that was made with the same tool. So it needs the results of these, too."""
    names, calls, results = settings.vocabulary.names, list[Call](), list[Hashable]()
    for term in query.terms[:1] if query.operator == "?" else query.terms:
        found: Hashable = term.value
        for tool in term.tools:
            planned = [cast("Cell", call.gives) for call in calls]
            if (tool, found) not in planned:
                needs = [key for key in (*known, *planned) if key[0] == tool or key == found]
                calls.append(Call(names[FIRST_TOOL + tool], (found,), gives=(tool, found), needs=tuple(needs)))
            found = tool, found
        results.append(found)
    if query.operator == "?":
        return tuple(calls)
    keys = tuple(key for key in results if isinstance(key, tuple))
    if query.operator == STAR:
        calls.append(Call(STAR, tuple(results), gives=(settings.num_tools, *results), needs=keys))
        results, keys = [calls[-1].gives], (calls[-1].gives,)
    return (*calls, Call(ANSWER, tuple(results), needs=keys))


def finished(settings: LookupSettings, query: Query, machine: Machine) -> Call:
    """The call that makes the best of what is open: a cell that the query may need; if there is none, any."""
    if machine.opened[0] == ANS:
        value = value_of(query)
        return Call(ANSWER, (guessed(query) if value is None else value,))
    start, _ = cell_of(settings, machine.opened)
    tool = settings.vocabulary.names[machine.opened[0]]
    useful = [cell for cell in cells_in(settings, query) if cell[: len(start)] == start]
    size = 3 if tool.startswith(STAR) else 2
    cell = useful[0] if useful else (*start, *[guessed(query)] * size)[:size]
    return Call(tool, cell[1:], gives=cell)


class Leftmost:
    """React's rule: the first call of the text whose arguments it sees. Its scratchpad is the query, in which it writes
    each answer in place of the call; nothing else is kept, so it asks again for what comes up again. It decides nothing
    until all terms are values, tries without end, and knows neither backups nor its budget."""

    def __init__(self, settings: LookupSettings) -> None:
        self.settings = settings

    def goal(self, prompt: tuple[int, ...], stage: int) -> Query:
        return query_of(self.settings, prompt)

    def left(self, goal: Query, kept: Notes) -> Query:
        known = {cell: answers[0] for cell, answers in kept.heard}
        query = put_in(goal, known)
        return query if any(term.tools for term in query.terms) else decided(self.settings, query, known)

    def decide(self, goal: Query, machine: Machine, kept: Notes) -> Call:
        if machine.opened:
            return finished(self.settings, goal, machine)
        value = value_of(goal)
        if value is not None:
            return Call(ANSWER, (value,))
        cell = cells_in(self.settings, goal)[0]
        return Call(self.settings.vocabulary.names[FIRST_TOOL + cell[0]], cell[1:], gives=cell)
