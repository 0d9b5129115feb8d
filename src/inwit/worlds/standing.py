"""Where an episode stands after some tokens, and what the best possible agent would write next."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from inwit.core.capabilities import Advises, capable
from inwit.core.contracts import ScalarWorld
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.vocabulary import CHOICE
from inwit.worlds import make, make_scalar
from inwit.worlds.course import Course


def adviser_of(world_id: str, **settings: Any) -> Advises:
    """The world, as one that knows its optimum. Raises `UserError` for one that does not."""
    adviser = capable(make(world_id, **settings), "advice")
    if adviser is None:
        raise UserError(f"{world_id} has no oracle for single tokens, as worlds that answer have: see inwit worlds")
    return adviser


def standing(world_id: str, task: dict[str, Any], stream: Sequence[str], **settings: Any) -> Json:
    """The best next tokens after a stream of tokens, the world's included, and the value of each legal one; with what
    the best possible agent expects of the task from its start. `best` are tokens that are not legal where none with an
    effect is as good as one without.

    Raises `UserError` for a token that is not legal or cannot come, where the world writes next or the episode has
    ended, and for a world whose optimum is not known.
    """
    adviser = adviser_of(world_id, **settings)
    twin = make_scalar(world_id, task, **settings)
    course = _followed(twin, stream)
    prospects = adviser.prospects(task)
    advice, names = adviser.advice(twin), twin.vocabulary.names
    if not advice.values:
        text = " ".join(str(each) for each in task.values())
        raise UserError(
            f"{text}: the optimum of this task is too large to be proven; a lower max_steps makes it smaller"
        )
    values = {names[token]: value for token, value in advice.values.items() if token in twin.legal()}
    return {
        "world": world_id,
        "task": task,
        "stream": course.stream,
        "best": [names[token] for token in advice.best],
        "value": float(max(advice.values.values())),
        "values": {name: float(value) for name, value in values.items()},
        "exact": {name: str(value) for name, value in values.items()},
        "prospects": {
            name: float(value) if isinstance(value, Fraction) else value for name, value in prospects.items()
        },
    }


def _followed(twin: ScalarWorld, stream: Sequence[str]) -> Course:
    """The episode after these tokens, on the policy's turn."""
    course = Course(twin)
    for token in twin.vocabulary.ids(stream):
        if twin.ended:
            raise UserError(f"the episode has ended after {' '.join(course.stream)}: leave out what follows")
        if twin.forced() != CHOICE:
            course.answer(token)
            continue
        [name], legal = twin.vocabulary.decode([token]), twin.legal()
        if token not in legal:
            after = f"after {' '.join(course.stream)}" if course.stream else "as the first token"
            raise UserError(f"{name} is not legal {after}: write one of {' '.join(twin.vocabulary.decode(legal))}")
        course.choose(token)
    written = " ".join(course.stream)
    if twin.ended:
        raise UserError(f"the episode has ended after {written}: leave out its last tokens")
    if twin.forced() != CHOICE:
        may = " ".join(twin.vocabulary.decode(twin.legal()))
        raise UserError(f"after {written} the world writes: add its answer, one of {may}")
    return course
