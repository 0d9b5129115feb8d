"""lookup-v0 for one episode in plain Python: the rules as one reads them.

What is hidden may be drawn or not yet drawn. `step` takes the world's answers as it takes the policy's tokens, from
the stream, and thereby draws them; `forced` says whose turn it is. After the answer the verdict may need cells that
nobody asked for: then the world writes these, one at a time (CHECK), until the query is decided.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Self

from inwit.core.results import Json, Task
from inwit.core.vocabulary import CHOICE, UNDECIDED
from inwit.worlds.lookup.beliefs import Heard, cell_belief, next_answer
from inwit.worlds.lookup.queries import STAR, Term
from inwit.worlds.lookup.rules import (
    ANS,
    ERR,
    FIRST_TOOL,
    ID,
    NOT_DRAWN,
    PAD,
    TASK_FIELDS,
    LookupSettings,
    Problem,
    parse_task,
)


class ScalarLookup:
    """One episode: `forced()`, `legal()`, `chance()`, `step(token)` and `state()` until it has ended."""

    id = ID
    Settings = LookupSettings
    task_fields = TASK_FIELDS
    vocabulary = LookupSettings().vocabulary  # with the default settings

    def __init__(self, settings: LookupSettings, problem: Problem) -> None:
        self.settings, self.problem = settings, problem
        self.vocabulary = settings.vocabulary
        self.hidden = {name: list(values) for name, values in (problem.hidden or _undrawn(settings)).items()}
        self.heard: list[Heard] = []  # the calls that were answered, in order
        self.counts = {"calls": 0, "sure_calls": 0, "errors": 0}
        self.steps = 0
        self.reward = 0.0
        self.terminated = self.truncated = self.success = False
        self.extra: dict[str, bool] = {}
        self._pending = PAD  # the tool that waits for its arguments, or ANS; PAD: nothing
        self._first: int | None = None  # the first argument of `*`
        self._called: tuple[int, bool] | None = None  # a call that waits for its answer: the cell, whether it is sure
        self._checked: int | None = None  # the agent's answer, while the verdict waits for cells

    @classmethod
    def from_task(cls, settings: LookupSettings, task: Task) -> Self:
        """The episode of a task: see `rules.parse_task`."""
        return cls(settings, parse_task(settings, task))

    def task_dict(self) -> Task:
        """The task as `from_task` reads it, as it was before the first token."""
        return {"query": self.problem.query.text, **(self.problem.hidden or {})}

    @property
    def ended(self) -> bool:
        return self.terminated or self.truncated

    @property
    def pending(self) -> tuple[int, int | None]:
        """What is open: a tool's token, ANS or PAD (nothing), and the first argument of `*` where it is written."""
        return self._pending, self._first

    @property
    def waiting(self) -> tuple[int, bool] | None:
        """The call that waits for its answer: its cell, and whether it is sure."""
        return self._called

    @property
    def checking(self) -> int | None:
        """The agent's answer, while the verdict waits for cells that nobody asked for."""
        return self._checked

    def forced(self) -> int:
        """-1: the policy chooses; a token: the world writes it; -2: the world writes, and it is not decided what."""
        if self.ended:
            return PAD
        if self._checked is None and self._called is None:
            return CHOICE
        chances = self.chance()
        return next(iter(chances)) if len(chances) == 1 else UNDECIDED

    def legal(self) -> list[int]:
        """The tokens that have their effect now, ids ascending; on the world's turn those that it may write."""
        if not self.ended and self.forced() != CHOICE:
            return sorted(self.chance())
        settings = self.settings
        if self._pending != PAD:
            return list(range(settings.first_value, len(self.vocabulary)))
        return list(range(ANS, settings.first_value if settings.sure_price > 0 else settings.first_sure))

    def chance(self) -> dict[int, Fraction]:
        """The distribution of the world's next token, given what was drawn and shown; empty on the policy's turn, and
        PAD for certain after the end."""
        if self.ended:
            return {PAD: Fraction(1)}
        first = self.settings.first_value
        if self._checked is not None:
            belief = cell_belief(self.settings, self.hidden, self.heard, self._needed())
            return {first + value: share for value, share in belief.items()}
        if self._called is None:
            return {}
        answers = next_answer(self.settings, self.hidden, self.heard, *self._called, call=self.counts["calls"] - 1)
        return {ERR if value is None else first + value: share for value, share in answers.items()}

    def state(self) -> Json:
        """What was heard, as a person reads it: the answers to each cell that was asked, the counts, and what is open;
        on the world's turn that is the cell that it writes."""
        known = {}
        for each in self.heard:
            known.setdefault(self.settings.cell_name(each.cell), []).append("ERR" if each.value is None else each.value)
        opened = [] if self._pending == PAD else [self.vocabulary.names[self._pending]]
        opened += [] if self._first is None else [str(self._first)]
        if self._checked is not None:
            opened = [f"{self.settings.cell_name(self._needed())} (to check the answer)"]
        elif self._called is not None:
            opened = [self.settings.cell_name(self._called[0])]
        answers = {name: values[0] if len(values) == 1 else values for name, values in known.items()}
        return {"open": " ".join(opened) or None, "answers": answers, **self.counts}

    def step(self, token: int) -> None:
        """Carry out one token, the policy's or the world's. The episode must not have ended."""
        if self._checked is not None:
            self.hidden["table"][self._needed()] = token - self.settings.first_value
            self._judge(self._checked)
        elif self._called is not None:
            self._hear(None if token == ERR else token - self.settings.first_value)
        else:
            self._choose(token)

    def _choose(self, token: int) -> None:
        self.steps += 1
        if token in self.legal():
            self._execute(token)
        if self.steps >= self.settings.max_steps and not self.terminated and self._checked is None:
            self.truncated = True
            self._called = None  # a call that the last token completes is paid, but not answered

    def _execute(self, token: int) -> None:
        """The effect of a legal token."""
        settings, value = self.settings, token - self.settings.first_value
        if self._pending == PAD:
            self._pending = token
        elif self._pending == ANS:
            self._pending = PAD
            self._judge(value)
        elif self.vocabulary.names[self._pending].startswith(STAR) and self._first is None:
            self._first = value
        else:
            sure = self._pending >= settings.first_sure
            tool = self._pending - (settings.first_sure if sure else FIRST_TOOL)
            first = self._first or 0 if tool == settings.num_tools else 0
            start = settings.num_values * (tool + first)
            self._called = start + value, sure
            self._pending, self._first = PAD, None
            self.counts["calls"] += 1
            self.counts["sure_calls"] += sure
            self.reward -= settings.sure_price if sure else settings.price

    def _hear(self, value: int | None) -> None:
        """The world's answer to a call; None is ERR. It draws the cell, unless answers may be wrong."""
        assert self._called is not None
        cell, sure = self._called
        if value is not None and (sure or not self.settings.deceives):
            self.hidden["table"][cell] = value
        self.heard.append(Heard(cell, sure, value, call=self.counts["calls"] - 1))
        self.counts["errors"] += value is None
        self._called = None

    def _judge(self, answer: int) -> None:
        """End the episode if the query is decided by what is drawn; else wait for the cell that it needs (CHECK)."""
        right, needed = self._verdict()
        self._checked = None if needed is None else answer
        if needed is None:
            self.terminated = True
            self.success = answer == right
            self.reward += self.success

    def _needed(self) -> int:
        """The cell that the verdict waits for."""
        needed = self._verdict()[1]
        assert needed is not None
        return needed

    def _verdict(self) -> tuple[int | None, int | None]:
        """The query's value and None, or None and the first cell that must be drawn to know it."""
        operator, terms = self.problem.query.operator, self.problem.query.terms
        found = [self._value_of(term) for term in (terms[:1] if operator in ("", "?") else terms)]
        if operator == "&" and (0, None) in found:  # nothing is less
            return 0, None
        values = []
        for value, needed in found:
            if needed is not None:
                return None, needed
            values.append(value)
        if operator == STAR:
            settings = self.settings
            return self._cell(settings.num_values * (settings.num_tools + values[0]) + values[1])
        if operator == "?":
            return self._value_of(terms[1 if values[0] % 2 else 2])
        if operator in ("+", "&"):
            return (sum(values) % self.settings.num_values if operator == "+" else min(values)), None
        return values[0], None

    def _value_of(self, term: Term) -> tuple[int, None] | tuple[None, int]:
        value = term.value
        for tool in term.tools:
            found, needed = self._cell(tool * self.settings.num_values + value)
            if found is None:
                assert needed is not None
                return None, needed
            value = found
        return value, None

    def _cell(self, cell: int) -> tuple[int, None] | tuple[None, int]:
        value = self.hidden["table"][cell]
        return (None, cell) if value == NOT_DRAWN else (value, None)


def _undrawn(settings: LookupSettings) -> dict[str, list[int]]:
    """Nothing drawn, but what is certain: with `fail` = 0 no call fails."""
    return {
        name: [0 if chance == 0.0 else NOT_DRAWN] * size
        for name, (size, _, _, chance) in settings.hidden_sizes().items()
    }
