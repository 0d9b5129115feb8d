"""Running a given program by hand, legal or not, and seeing every state: no policy, no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from inwit.core.errors import UserError
from inwit.core.results import Json, Task
from inwit.core.shown import Shown
from inwit.core.text import held, plural, task_text
from inwit.core.vocabulary import CHOICE
from inwit.worlds import TWINS, make_scalar
from inwit.worlds.course import Course

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True)
class Episode(Shown):
    """What a program did. A program that stops early leaves the episode unfinished: both flags False.

    `actions`, `legal`, `answers` and `states` have one entry for each token that the program chose; `stream` has all
    tokens, the world's included. A world's further readings of success (in tutorial-v0 `paid_success`) are attributes.
    """

    world: str
    task: Task
    actions: list[str]  # the tokens that were chosen and carried out
    reward: float
    steps: int  # how many these are
    terminated: bool
    truncated: bool
    success: bool
    legal: list[list[str]]  # the legal tokens before each step
    states: list[Json]  # after each step and the world's answer, the machine; an empty register is None
    unused: list[str]  # the tokens after the end
    extra: dict[str, bool]
    stream: list[str]  # all tokens in their order
    answers: list[list[str]]  # what the world wrote after each step
    counts: dict[str, int]  # what else the episode is counted by, as `calls`; empty in most worlds

    def __getattr__(self, name: str) -> bool:
        extra = self.__dict__.get("extra", {})  # not there yet while an episode is copied or unpickled
        if name in extra:
            return extra[name]
        raise AttributeError(f"an episode has no {name!r}")

    def to_dict(self) -> Json:
        values = asdict(self)
        return values | values.pop("extra")

    def __rich__(self) -> Group:
        """A row for each token."""
        from rich.console import Group
        from rich.text import Text

        from inwit.core.columns import Columns

        registers = list(self.states[0]) if self.states else []
        size, rows = len(TWINS.load(self.world).vocabulary.names), []
        each = zip(self.actions, self.answers, self.states, self.legal, strict=True)
        for index, (token, answers, state, legal) in enumerate(each, 1):
            every = " ".join(legal) + ("" if token in legal else "  (no effect)")
            style = "" if token in legal else "yellow"
            values = [*(held(state[register]) for register in registers), every if len(legal) < size else "every token"]
            written = Text(" ".join([token, *marked(answers)]), f"bold {style}")
            rows.append([Text(str(index), style), written, *(Text(cell, style) for cell in values)])
        headings = ("step", "token", *registers, "legal before it")
        last = len(headings) - 1
        table = Columns(headings, rows, keep=2, left=(1, last), fold=last, wide=True)
        return Group(table, Text("\n".join(self._ending())))

    def _ending(self) -> list[str]:
        end = "truncated: the budget is spent" if self.truncated else "unfinished: the program stops early"
        end = "terminated" if self.terminated else end
        lines = [f"{end} after {self.steps} steps; success: {_yes(self.success)}; reward: {self.reward:g}"]
        lines += [f"{name.replace('_', ' ')}: {_yes(value)}" for name, value in self.extra.items()]
        lines += [task_text(self.counts)] if self.counts else []
        return lines + ([f"not used, after the end: {' '.join(self.unused)}"] if self.unused else [])


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def marked(answers: Sequence[str]) -> list[str]:
    """The world's tokens as a person sees them among the chosen ones: `> 7`."""
    return [f"> {name}" for name in answers]


def play(
    world_id: str,
    task: Mapping[str, object],
    actions: Sequence[str | int],
    *,
    answers: Sequence[str | int] = (),
    **settings: Any,
) -> Episode:
    """Carry out `actions` (token names or ids) on one task of a world.

    `task` is, for the tutorial, `{"stage": 2, "operands": [5, 5, 7, 9, 8]}` (five operands in tutorial-v0, 3 + stage in
    tutorial-v1); for the calculator `{"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7], "num_slots": 1}`; for
    tools that answer `{"query": "G F 3", "table": [...]}`, or a `seed` that draws the hidden part. With the query alone
    nothing is drawn: then `answers` are the world's tokens, all of them, in order. Raises `UserError` for an unknown
    world, setting, token, a task that does not fit, and an answer that contradicts what was heard before.
    """
    for name, given in (("actions", actions), ("answers", answers)):
        if isinstance(given, str):
            raise UserError(f"{name} {given!r} are one text: give a list of tokens, as in {given.split()!r}")
    episode = make_scalar(world_id, dict(task), **settings)
    course, names = Course(episode), episode.vocabulary.decode
    tokens, typed = episode.vocabulary.ids(actions), episode.vocabulary.ids(answers)
    left = list(typed)
    while not episode.ended:
        forced = episode.forced()
        if forced == CHOICE:
            if len(course.actions) == len(tokens):
                break
            course.choose(tokens[len(course.actions)])
        elif left:
            course.answer(left.pop(0))
        elif forced >= 0:
            course.answer(forced)
        else:
            raise _undecided(course, len(typed))
    if left:
        over = f"{len(left)} of {plural(len(typed), 'answer')} left over ({' '.join(names(left))})"
        raise UserError(f"{over}, since the world wrote no more: leave them out")
    return told(world_id, course, names(tokens[len(course.actions) :]))


def _undecided(course: Course, count: int) -> UserError:
    given = f"{plural(count, 'answer')} given" if count else "nothing of the task is drawn"
    return UserError(
        f"{course.where()} is not decided ({given}): give answers (--answers), the world's tokens in order, or a task "
        "with a seed (--seed), or with all of its hidden part"
    )


def told(world_id: str, course: Course, unused: Sequence[str] = ()) -> Episode:
    """What there is to tell of an episode, as far as it went."""
    episode = course.episode
    return Episode(
        world=world_id,
        task=episode.task_dict(),
        actions=course.actions,
        reward=float(episode.reward),
        steps=len(course.actions),
        terminated=episode.terminated,
        truncated=episode.truncated,
        success=bool(episode.success),
        legal=course.legal,
        states=course.states,
        unused=list(unused),
        extra={name: bool(value) for name, value in episode.extra.items()},
        stream=course.stream,
        answers=course.answers,
        counts=dict(episode.counts),
    )
