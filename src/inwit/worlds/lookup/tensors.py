"""lookup-v0 in tensors: `scalar.py` in batches.

Where all is drawn (`goal` is among a task's data) the world's answer and the verdict are look-ups, and the state keeps
no record. Where it is not, the state keeps the calls that were answered, from which `chance` computes beliefs.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.capabilities import Exam
from inwit.core.contracts import ScalarWorld
from inwit.core.errors import UserError
from inwit.core.results import Advice, Json, Task, Yardstick
from inwit.core.types import Register, State, Step, Tasks, Taught
from inwit.core.vocabulary import CHOICE, UNDECIDED
from inwit.worlds.examination import Sampling
from inwit.worlds.lookup import registers
from inwit.worlds.lookup.advice import advice_of
from inwit.worlds.lookup.exam import LookupExam
from inwit.worlds.lookup.expert import Expert
from inwit.worlds.lookup.lessons import LookupLessons
from inwit.worlds.lookup.oracle import prospects
from inwit.worlds.lookup.posterior import answer_chance, cell_chance
from inwit.worlds.lookup.rules import ANS, ERR, FIRST_TOOL, ID, PAD, LookupSettings, parse_task
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.tasks import tools_of
from inwit.worlds.lookup.yardsticks import yardsticks

QUERIED = ("table", "tools", "values", "operator")
POLICY, ANSWER, CHECK = 0, 1, 2  # whose turn it is: the world's to answer a call, or to draw a cell for the verdict
Row = Int[Tensor, " B"]
Flag = Bool[Tensor, " B"]


class LookupV0(LookupLessons):
    """State: `turn`; `writes`, the world's next token (-2: several may come; -1: none); `pending`, a token: the
    tool that waits for arguments, or ANS (PAD: nothing); `first`, the argument of `*`, or -1; `cell` of the last call,
    or the one that the verdict waits for; `calls`, `steps`, `ended`; the hidden part, and `goal`. Where not all is
    drawn, instead of `goal`: the query, `answer`, `chance` Float64[B, V] of what the world writes next (where it does),
    and a record of the calls, [B, calls] each: `asked` (cell), `sure`, `heard` (value; num_values is ERR; -1 not
    yet)."""

    id = ID
    extra_outcomes: tuple[str, ...] = ()
    known_limit = (
        "an answer is looked up, never computed, and no tool has a pattern: this world tests asking, reading, keeping "
        "and routing, not arithmetic"
    )
    capabilities = frozenset({"all_tasks", "chance", "exam", "yardsticks", "teaches", "advice", "registers"})
    Settings = LookupSettings

    def __init__(self, settings: LookupSettings) -> None:
        super().__init__(settings)
        self.max_steps, self.masks = settings.max_steps, settings.masks
        self.num_columns = settings.max_steps + settings.max_calls
        self.machine_registers: tuple[Register, ...] = registers.registers_of(settings)
        self._expert: Expert | None = None

    def exam(self) -> Exam:
        """Every query, over all hidden worlds; where there are too many, a sample of both."""
        return LookupExam(self) if LookupExam.lists(self.settings) else Sampling(self)

    def yardsticks(self, kind: int) -> dict[str, Yardstick]:
        return yardsticks(self.settings, kind)

    def reset(self, tasks: Tasks) -> State:
        zero, no = torch.zeros_like(tasks.kind), torch.zeros_like(tasks.kind, dtype=torch.bool)
        none = zero - 1
        hidden = {name: tasks.data[name] for name in self.settings.hidden_sizes()}
        machine = {"turn": zero, "writes": none, "pending": zero, "first": none, "cell": zero, "calls": zero}
        state = hidden | machine | {"steps": zero, "ended": no}
        if "goal" in tasks.data:
            return state | {"goal": tasks.data["goal"]}
        calls = none[:, None].expand(-1, self.settings.max_calls)
        record = {"asked": calls, "heard": calls, "sure": torch.zeros_like(calls, dtype=torch.bool)}
        query = {"tools": tasks.data["tools"], "values": tasks.data["values"], "operator": self._operators(tasks)}
        chance = torch.zeros(len(tasks), len(self.vocabulary), dtype=torch.float64, device=zero.device)
        return state | query | record | {"answer": none, "chance": chance}

    def legal(self, state: State) -> Bool[Tensor, "B V"]:
        """On the world's turn the tokens that it may write."""
        settings, pending = self.settings, state["pending"]
        token = torch.arange(len(self.vocabulary), device=pending.device)
        last = settings.first_value if settings.sure_price > 0 else settings.first_sure
        opens, value = (token >= ANS) & (token < last), token >= settings.first_value
        legal = torch.where((pending == PAD)[:, None], opens, value)
        written = token == state["writes"][:, None]
        if "goal" not in state:
            undecided = state["writes"][:, None] == UNDECIDED
            written = torch.where(undecided, state["chance"] > 0, written)
        return torch.where((state["turn"] == POLICY)[:, None], legal, written)

    def forced(self, state: State) -> Row:
        return torch.where(state["ended"], PAD, state["writes"])

    def chance(self, state: State) -> Float[Tensor, "B V"]:
        """Float64; 0 on the policy's turn, and PAD for certain after the end."""
        forced = self.forced(state)
        decided = torch.nn.functional.one_hot(forced.clamp_min(0), len(self.vocabulary)).double()
        chance = torch.where((forced >= 0)[:, None], decided, 0.0)
        return chance if "goal" in state else torch.where((forced == UNDECIDED)[:, None], state["chance"], chance)

    def _chance(self, state: State) -> Float[Tensor, "B V"]:
        """The distribution of what the world writes, decided or not, of the rows in which it is the world's turn."""
        answers = answer_chance(self.settings, state)
        cells = cell_chance(self.settings, state, state["cell"])
        checks = torch.nn.functional.pad(cells, (self.settings.first_value, 0))
        return torch.where((state["turn"] == CHECK)[:, None], checks, answers)

    def step(self, state: State, token: Int[Tensor, " B"]) -> tuple[State, Step]:
        settings, live = self.settings, ~state["ended"]
        chooses, hears = live & (state["turn"] == POLICY), live & (state["turn"] == ANSWER)
        pending, first, value = state["pending"], state["first"], token - settings.first_value
        idle = pending == PAD
        last = settings.first_value if settings.sure_price > 0 else settings.first_sure
        opens = chooses & idle & (token >= ANS) & (token < last)
        argues = chooses & ~idle & (value >= 0)
        sure = pending >= settings.first_sure
        tool = pending - torch.where(sure, settings.first_sure, FIRST_TOOL)
        star = tool == settings.num_tools
        half = argues & (pending != ANS) & star & (first < 0)
        answers = argues & (pending == ANS)
        called = argues & ~half & ~answers

        steps = state["steps"] + chooses
        truncated = chooses & ~answers & (steps >= self.max_steps)
        asks = called & ~truncated
        after = state | {
            "turn": torch.where(asks, ANSWER, torch.where(hears, POLICY, state["turn"])),
            "pending": torch.where(opens, token, pending.masked_fill(called | answers, PAD)),
            "first": torch.where(half, value, first.masked_fill(called, -1)),
            "cell": torch.where(
                called, settings.num_values * (tool + first.clamp_min(0) * star) + value, state["cell"]
            ),
            "calls": state["calls"] + called,
            "steps": steps,
        }
        if "goal" in state:
            after["writes"] = torch.where(asks, self._answer(after, sure), state["writes"].masked_fill(hears, CHOICE))
            ended, success = answers, answers & (value == state["goal"])
        else:
            ended, success = self._draw_and_judge(state, after, token, (asks, hears, answers), sure)
        after["ended"] = state["ended"] | ended | truncated
        reward = success.double()
        price = torch.full_like(reward, settings.price).masked_fill(sure, settings.sure_price)
        reward = reward - price.masked_fill(~called, 0.0)
        counts = {"calls": called.long(), "sure_calls": (called & sure).long()}
        counts["errors"] = (hears & (token == ERR)).long()
        if "goal" not in state:
            counts["repeats"] = (called & self._was_heard(state, after["cell"])).long()
            counts["endured"] = counts["errors"] * ~self._is_given_up(state)
        return after, Step(reward, ended, truncated, success, counts=counts)

    def read_registers(self, state: State) -> tuple[Int[Tensor, "B 2"], Bool[Tensor, "B 2"]]:
        return registers.read(state)

    def write_registers(self, state: State, values: Int[Tensor, "B 2"], present: Bool[Tensor, "B 2"]) -> State:
        return registers.write(state, values, present)

    def advice(self, twin: ScalarWorld) -> Advice:
        assert isinstance(twin, ScalarLookup)
        return advice_of(self.settings, twin)

    def prospects(self, task: Task) -> Json:
        return prospects(self.settings, parse_task(self.settings, task).query)

    def expert(self, tasks: Tasks) -> Taught:
        """Raises `UserError` for tasks in which not all is drawn, and where the optimum is not claimed: with lies or
        stale tools, or fewer than 3 values."""
        if "goal" not in tasks.data:
            raise UserError(
                f"the expert of {ID} plays drawn tasks: draw theirs first, as in world.draw(tasks, generator)"
            )
        if self._expert is None:
            self._expert = Expert(self, self.settings)
        return self._expert.play(tasks, self.queries(tasks))

    def _answer(self, state: State, sure: Flag) -> Row:
        """The world's answer to the last call, where all is drawn."""
        settings, call = self.settings, (state["calls"] - 1).clamp_min(0)
        cell, tool = state["cell"], tools_of(settings, state["cell"])
        value, said = (_at(state["table"], cell),) * 2
        if "stale" in state:
            said = said + _at(state["stale"], tool) * _at(state["drift"], cell)
        if "lies" in state:
            said = said + _at(state["lies"], call)
        errs = (_at(state["broken"], tool) > 0) | (_at(state["fails"], call) > 0)
        said = torch.where(errs, ERR, settings.first_value + said % settings.num_values)
        return torch.where(sure, settings.first_value + value, said)

    def _draw_and_judge(
        self, state: State, after: State, token: Row, turns: tuple[Flag, Flag, Flag], sure: Flag
    ) -> tuple[Flag, Flag]:
        """Write into `after` what the token draws; which rows end, and which end right. Where not all is drawn."""
        (asks, hears, answers), value = turns, token - self.settings.first_value
        checks = ~state["ended"] & (state["turn"] == CHECK)
        call = (state["calls"] - 1).clamp_min(0)
        heard = torch.where(token == ERR, self.settings.num_values, value)
        after["asked"] = _put(state["asked"], after["calls"] - 1, after["cell"], asks)
        after["sure"] = _put(state["sure"], after["calls"] - 1, sure, asks)
        after["heard"] = _put(state["heard"], call, heard, hears)
        draws = hears & (value >= 0)
        if self.settings.deceives:
            draws = draws & _at(state["sure"], call).bool()
        after["table"] = _put(state["table"], state["cell"], value.to(torch.int8), draws | checks)
        after["answer"] = torch.where(answers, value, state["answer"])
        verdict = answers | checks
        judged = _rows(verdict)
        right, needed = self._resolved({name: after[name][judged] for name in QUERIED})
        known = torch.zeros_like(answers).index_put((judged,), needed < 0)
        hit = torch.zeros_like(answers).index_put((judged,), after["answer"][judged] == right)
        ended, waits = verdict & known, verdict & ~known
        after["turn"] = torch.where(waits, CHECK, after["turn"].masked_fill(ended, POLICY))
        after["cell"] = torch.where(waits, after["cell"].index_put((judged,), needed), after["cell"])
        # Few rows wait for the world at a time: its chances are worth computing for these alone.
        writing = asks | waits
        opened = _rows(writing)
        chance = self._chance({name: rows[opened] for name, rows in after.items()})
        certain = (chance > 0).sum(1) == 1
        writes = state["writes"].index_put((opened,), torch.where(certain, chance.argmax(1), UNDECIDED))
        after["chance"] = torch.where(writing[:, None], state["chance"].index_put((opened,), chance), state["chance"])
        after["writes"] = torch.where(writing, writes, state["writes"].masked_fill(hears | ended, CHOICE))
        return ended, ended & hit

    def _was_heard(self, state: State, cell: Row) -> Flag:
        """Whether the true value of a cell was heard already, by the record."""
        heard = (state["heard"] >= 0) & (state["heard"] < self.settings.num_values)
        return ((state["asked"] == cell[:, None]) & heard & (state["sure"] | (not self.settings.deceives))).any(1)

    def _is_given_up(self, state: State) -> Flag:
        """Whether a sure call was made of the tool of the last call, by the record."""
        tool = tools_of(self.settings, state["cell"])[:, None]
        return (state["sure"] & (tools_of(self.settings, state["asked"]) == tool)).any(1)

    def _resolved(self, state: State) -> tuple[Row, Row]:
        return self.resolve(state["table"], state["tools"], state["values"], state["operator"])


def _rows(where: Flag) -> Row:
    """The rows that are marked; all of them where a graph is made, in which no shape may depend on values."""
    return torch.arange(len(where)) if torch.compiler.is_exporting() else where.nonzero()[:, 0]


def _at(rows: Tensor, place: Row) -> Row:
    """One number of each row."""
    return rows.gather(1, place[:, None])[:, 0].long()


def _put(rows: Tensor, place: Row, value: Tensor, where: Flag) -> Tensor:
    """The rows with one number replaced in some of them."""
    place = place.clamp_min(0)[:, None]
    return rows.scatter(1, place, torch.where(where[:, None], value[:, None].to(rows.dtype), rows.gather(1, place)))
