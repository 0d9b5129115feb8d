"""Running a given program by hand, legal or not, and seeing every state: no policy, no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inwit.core.errors import UserError
from inwit.core.results import Json, Task
from inwit.worlds import make_scalar


@dataclass(frozen=True)
class Episode:
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
