"""Running a given program by hand, legal or not, and seeing every state: no policy, no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from inwit.core.errors import UserError
from inwit.core.results import Json, Task
from inwit.core.shown import Shown
from inwit.core.text import held
from inwit.worlds import TWINS, make_scalar

if TYPE_CHECKING:
    from rich.console import Group


@dataclass(frozen=True)
class Episode(Shown):
    """What a program did. A program that stops early leaves the episode unfinished: both flags False, reward 0.

    A world's further readings of success (in tutorial-v0 `paid_success`) are attributes, too.
    """

    world: str
    task: Task
    actions: list[str]  # the tokens that were carried out
    reward: float
    steps: int
    terminated: bool
    truncated: bool
    success: bool
    legal: list[list[str]]  # the legal tokens before each step
    states: list[Json]  # after each step, the machine; an empty register is None
    unused: list[str]  # the tokens after the end
    extra: dict[str, bool]

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
        for index, (token, state, legal) in enumerate(zip(self.actions, self.states, self.legal, strict=True), 1):
            every = " ".join(legal) + ("" if token in legal else "  (no effect)")
            style = "" if token in legal else "yellow"
            values = [*(held(state[register]) for register in registers), every if len(legal) < size else "every token"]
            rows.append(
                [Text(str(index), style), Text(token, f"bold {style}"), *(Text(cell, style) for cell in values)]
            )
        headings = ("step", "token", *registers, "legal before it")
        last = len(headings) - 1
        table = Columns(headings, rows, keep=2, left=(1, last), fold=last, wide=True)
        return Group(table, Text("\n".join(self._ending())))

    def _ending(self) -> list[str]:
        end = "truncated: the budget is spent" if self.truncated else "unfinished: the program stops early"
        end = "terminated" if self.terminated else end
        lines = [f"{end} after {self.steps} steps; success: {_yes(self.success)}; reward: {self.reward:g}"]
        lines += [f"{name.replace('_', ' ')}: {_yes(value)}" for name, value in self.extra.items()]
        return lines + ([f"not used, after the end: {' '.join(self.unused)}"] if self.unused else [])


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def play(world_id: str, task: Mapping[str, object], actions: Sequence[str | int], **settings: Any) -> Episode:
    """Carry out `actions` (token names or ids) on one task of a world.

    `task` is, for the tutorial, `{"stage": 2, "operands": [5, 5, 7, 9, 8]}` (five operands in tutorial-v0, 3 + stage in
    tutorial-v1); for the calculator `{"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7], "num_slots": 1}`. Raises
    `UserError` for an unknown world, setting, token or a task that does not fit.
    """
    if isinstance(actions, str):
        raise UserError(f"actions {actions!r} are one text: give a list of tokens, as in {actions.split()!r}")
    episode = make_scalar(world_id, dict(task), **settings)
    names, tokens = episode.vocabulary.decode, episode.vocabulary.ids(actions)
    legal, states = [], []
    while not episode.ended and len(states) < len(tokens):
        legal.append(names(episode.legal()))
        episode.step(tokens[len(states)])
        states.append(episode.state())
    done = len(states)
    return Episode(
        world=world_id,
        task=episode.task_dict(),
        actions=names(tokens[:done]),
        reward=float(episode.reward),
        steps=done,
        terminated=episode.terminated,
        truncated=episode.truncated,
        success=bool(episode.success),
        legal=legal,
        states=states,
        unused=names(tokens[done:]),
        extra={name: bool(value) for name, value in episode.extra.items()},
    )
