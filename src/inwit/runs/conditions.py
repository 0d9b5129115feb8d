"""What holds around a training: that nobody else trains the run, that memory suffices; and what its callback says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from inspect import Parameter, iscoroutinefunction, signature
from pathlib import Path

import numpy as np
import torch

from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.errors import UserError, out_of_memory, short, unknown
from inwit.core.numbers import scalar
from inwit.training.config import Config, setting_names


class UnsavedError(UserError):
    """The disk refuses what was trained: `agent` has it, in memory."""

    def __init__(self, message: str, agent: Agent | None = None) -> None:
        super().__init__(message)
        self.agent = agent


def check_arguments(
    function: Callable[..., object], overrides: Iterable[str], *, callback: object, progress: object, tell: object
) -> None:
    """Raise `UserError` if one of these, which `function` (`train` or `resume`) was given, cannot be used, or if the
    name of an override is neither a setting's nor one of its own arguments."""
    for name, given in (("callback", callback), ("tell", tell)):
        if not callable(given) and not (name == "callback" and given is None):
            raise UserError(f"{name} = {short(given)} is no function: give one that takes an argument, or leave it out")
        if iscoroutinefunction(given):
            raise UserError(f"{name} = {short(given)} is an async function: give a plain one, since nothing awaits it")
    if not isinstance(progress, int | np.bool_) or progress not in (0, 1):
        raise UserError(f"progress = {short(progress)} is neither True nor False")
    parameters = signature(function).parameters.values()
    known = [each.name for each in parameters if each.kind is Parameter.KEYWORD_ONLY] + setting_names()
    for name in overrides:
        if name not in known:
            raise unknown("argument or setting", name, known)


@contextmanager
def training_of(path: Path) -> Iterator[None]:
    """Keep other processes from training this run. Raises `UserError` if one does already."""
    with ExitStack() as stack:
        with storage.explained(f"cannot save the run {path}"):
            held = stack.enter_context(storage.locked(path / "lock"))
        if not held:
            raise UserError(f"the run {path} is being trained by another process: wait for it, or stop it first")
        yield


@contextmanager
def enough_memory(config: Config) -> Iterator[None]:
    """Raise a lack of memory inside as a `UserError` that names what takes it."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        width = getattr(config.policy.settings, "width", None)
        more = "" if width is None else f" or policy.width (now {width})"
        raise UserError(
            f"there is not enough memory: try a smaller training.episodes (now {config.training.episodes}){more}"
        ) from error


def is_false(answer: object) -> bool:
    """Whether a callback says no: False, or an array or a tensor with nothing but it; None, 0 and all else say
    nothing."""
    if isinstance(answer, torch.Tensor | np.ndarray) and tuple(answer.shape) == (1,):
        answer = answer[0]
    return scalar(answer) is False
