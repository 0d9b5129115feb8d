"""Tensors on the wire between a page and the server: `[type letter, shape without rows, base64]`, one row each.

What a page sends is checked against the names, types and shapes that its world or its agent must have. The values may
be any. A whole number that a table does not have raises an error on the CPU; on a GPU such a number would end the
process, so the server computes on the CPU alone. One operation is not safe there either: a division that truncates
(`rounding_mode="trunc"`) of the least number of 64 bits by -1 ends the process. No registered world or policy has it.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from inwit.core.errors import UserError, short
from inwit.core.results import Json
from inwit.playground.blob import LETTERS

ARRAYS = {"f": "<f4", "d": "<f8", "i": "<i8", "w": "<i4", "h": "<i2", "c": "i1", "u": "u1", "b": "u1"}
OTHER = "the page and the server have different worlds or agents open: open the page again"


@dataclass(frozen=True)
class Form:
    """Which tensors may be sent for one name: its type, and for each axis but the rows the least and the most size."""

    dtype: torch.dtype
    least: tuple[int, ...]
    most: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Those of the largest, as text."""
        return math.ceil(math.prod(self.most) * np.dtype(ARRAYS[LETTERS[self.dtype]]).itemsize / 3) * 4

    def fits(self, letter: object, shape: object) -> bool:
        if letter != LETTERS[self.dtype] or not isinstance(shape, list) or len(shape) != len(self.most):
            return False
        sizes = zip(self.least, shape, self.most, strict=True)
        return all(type(size) is int and least <= size <= most for least, size, most in sizes)


def form_of(what: str, tensor: Tensor) -> Form:
    """The form of tensors like this one, whose first axis is the rows. Raises `UserError` for a type that no page
    knows."""
    if tensor.dtype not in LETTERS:
        raise UserError(f"{what} is of {tensor.dtype}, which a page does not know: it knows {_known()}")
    return Form(tensor.dtype, tuple(tensor.shape[1:]), tuple(tensor.shape[1:]))


def sent(tensor: Tensor) -> list[object]:
    """One row of a tensor as it travels."""
    letter = LETTERS[tensor.dtype]
    own = tensor.detach().cpu()
    if own.is_floating_point() and own.dtype != torch.float64:
        own = own.float()
    raw = own.contiguous().numpy().astype(ARRAYS[letter], copy=False).tobytes()
    return [letter, list(tensor.shape[1:]), base64.b64encode(raw).decode()]


def all_sent(what: str, tensors: Mapping[str, Tensor], forms: Mapping[str, Form]) -> Json:
    """The tensors of a state or a memory of one row, in the order of `forms`. Raises `UserError` for other tensors."""
    if tensors.keys() != forms.keys():
        raise UserError(f"{what} has the tensors {', '.join(tensors)}, and it began with {', '.join(forms) or 'none'}")
    return {name: sent(tensors[name]) for name in forms}


def received(name: str, given: object, form: Form) -> Tensor:
    """One row of a tensor as a page sent it. Raises `UserError` for any other form than this one."""
    if not (isinstance(given, list) and len(given) == 3 and isinstance(given[2], str) and form.fits(*given[:2])):
        raise UserError(f"{short(name)} is not sent as [{LETTERS[form.dtype]}, {_shapes(form)}, base64]: {OTHER}")
    letter, shape, text = given
    wanted = math.prod(shape) * np.dtype(ARRAYS[letter]).itemsize
    try:
        raw = base64.b64decode(text, validate=True) if len(text) == math.ceil(wanted / 3) * 4 else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != wanted:
        raise UserError(f"{short(name)} is not sent as base64 of {wanted} bytes: {OTHER}")
    numbers = np.frombuffer(raw, ARRAYS[letter]).astype(np.dtype(ARRAYS[letter]).newbyteorder("="))
    made = torch.from_numpy(numbers).reshape(1, *shape)
    return made != 0 if form.dtype == torch.bool else made.to(form.dtype)


def all_received(what: str, given: object, forms: Mapping[str, Form]) -> dict[str, Tensor]:
    """The tensors of a state or a memory. Raises `UserError` for other names, types or shapes than these."""
    if not isinstance(given, dict) or given.keys() != forms.keys():
        raise UserError(f"{what} does not have the tensors {', '.join(forms) or 'none'}: {OTHER}")
    return {name: received(f"{what}: {name}", given[name], form) for name, form in forms.items()}


def number(value: float) -> float | str:
    """A number as JSON: what JSON does not have as the text that JavaScript's `Number` reads."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _known() -> str:
    return ", ".join(str(dtype).removeprefix("torch.") for dtype in LETTERS)


def _shapes(form: Form) -> str:
    axes = zip(form.least, form.most, strict=True)
    return "[" + ", ".join(str(most) if least == most else f"{least} to {most}" for least, most in axes) + "]"
