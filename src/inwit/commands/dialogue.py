"""An episode that a person plays, at a terminal or through a pipe, until it has ended.

The person writes the policy's tokens, and the world's where these are not decided. A mistake is told, and the person
writes again. Ctrl-C and the end of the input leave the episode as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from inwit.core.errors import UserError
from inwit.core.results import Task
from inwit.core.settings import Settings, build
from inwit.core.text import task_text
from inwit.core.vocabulary import CHOICE
from inwit.worlds import TWINS, make_scalar
from inwit.worlds.course import Course
from inwit.worlds.play import Episode, marked, told

if TYPE_CHECKING:  # playing by hand needs no PyTorch
    from inwit.core.contracts import ScalarWorld

HOW = "Write a token and Enter, or several tokens. An empty line shows the state again; Ctrl-D or Ctrl-C ends the game."


def converse(world_id: str, task: Task, settings: Mapping[str, str], out: TextIO) -> Episode:
    """Play one episode with the person who writes to stdin; all is said on `out`. Raises `UserError` for a task or a
    setting that does not fit, and for nothing that is written later."""
    episode = make_scalar(world_id, task, **settings)
    course, words = Course(episode), list[str]()
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    _say(out, f"{world_id}: {task_text(task)}")
    _say(out, f"settings: {_changed(build(TWINS.settings(world_id), settings))}")
    _say(out, HOW)
    try:
        while not episode.ended:
            forced = episode.forced()
            if forced >= 0:
                course.answer(forced)
                _say(out, *marked(course.stream[-1:]))
                continue
            words = words or _asked(course, forced, out)
            try:
                _carry_out(course, words.pop(0), forced, out)
            except UserError as error:
                _say(out, str(error))
                words = []
    except (EOFError, KeyboardInterrupt):
        _say(out, "")
    return told(world_id, course)


def _carry_out(course: Course, word: str, forced: int, out: TextIO) -> None:
    token = course.episode.vocabulary.id(word)
    if forced != CHOICE:
        course.answer(token)
        return
    course.choose(token)
    if word not in course.legal[-1]:
        _say(out, f"{word} has no effect here, and costs a step")


def _asked(course: Course, forced: int, out: TextIO) -> list[str]:
    """The words of a line. Raises `EOFError` where there is none."""
    episode = course.episode
    while True:
        names = episode.vocabulary.decode(episode.legal())
        legal = " ".join(names) if len(names) < len(episode.vocabulary) else "every token"
        if forced == CHOICE:
            _say(out, f"\n{_now(episode)}, reward {float(episode.reward):g}")
            _say(out, f"legal: {legal}")
            prompt = f"token {episode.steps + 1}: "
        else:
            _say(out, f"\nThe world writes now, and it is not drawn what: you write it. {_now(episode)}")
            _say(out, f"it may be: {legal}")
            prompt = "> "
        print(prompt, end="", file=out, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        if words := line.split():
            return words


def _changed(settings: Settings) -> str:
    """The settings that are not the defaults."""
    defaults = type(settings)().to_dict()
    changed = {name: value for name, value in settings.to_dict().items() if value != defaults[name]}
    said = {name: ("on" if value else "off") if isinstance(value, bool) else value for name, value in changed.items()}
    return task_text(said) or "all as by default"


def _now(episode: ScalarWorld) -> str:
    """The state; of the counts those that are not 0, since many worlds have nothing to count there."""
    shown = {name: value for name, value in episode.state().items() if value or name not in episode.counts}
    return task_text(shown)


def _say(out: TextIO, text: str) -> None:
    print(text, file=out, flush=True)
