"""The constants of graphs, each stored once whatever graph it is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from inwit.core.results import Json

# What the page calls a type. It has no half precision: products in bfloat16 become float32.
LETTERS = {
    torch.float32: "f",
    torch.float64: "d",
    torch.int64: "i",
    torch.int32: "w",
    torch.int16: "h",
    torch.int8: "c",
    torch.uint8: "u",
    torch.bool: "b",
    torch.bfloat16: "f",
    torch.float16: "f",
}
WIRES = (torch.int8, torch.int16, torch.int32)  # as which whole numbers travel, where their values allow it
ALIGNED = 8  # bytes


class Blob:
    """Constants, one after another in `data`. `tensors` has for each [type, shape, type on the wire, first byte]."""

    def __init__(self, tensors: Iterable[Sequence[object]] = (), data: bytes = b"") -> None:
        self.tensors: list[list[object]] = [list(each) for each in tensors]
        self._parts = [data]
        self._size = len(data)
        self._places: dict[tuple[str, tuple[int, ...], bytes, str], int] = {}

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)

    def add(self, tensor: Tensor, name: str = "") -> int:
        """The number of a constant, any shape, any type of `LETTERS`. Two that are alike have the same number, unless
        they have different names: parameters have names, for they may be alike today and not tomorrow."""
        tensor = tensor.detach().cpu().contiguous()
        letter, shape = LETTERS[tensor.dtype], tuple(tensor.shape)
        if tensor.is_floating_point() and tensor.dtype != torch.float64:
            tensor = tensor.float()
        wire = _narrowest(tensor)
        raw = tensor.to(wire).numpy().tobytes()
        key = letter, shape, raw, name
        if key not in self._places:
            self._places[key] = len(self.tensors)
            padding = -self._size % ALIGNED
            self.tensors.append([letter, list(shape), LETTERS[wire], self._size + padding])
            self._parts += [bytes(padding), raw]
            self._size += padding + len(raw)
        return self._places[key]

    def to_json(self, data: str) -> Json:
        """All but the bytes, which go as the text `data`."""
        return {"tensors": self.tensors, "data": data}


def _narrowest(tensor: Tensor) -> torch.dtype:
    if tensor.dtype not in (torch.int64, torch.int32) or not tensor.numel():
        return tensor.dtype
    least, most = int(tensor.min()), int(tensor.max())
    for wire in WIRES:
        if torch.iinfo(wire).min <= least and most <= torch.iinfo(wire).max:
            return wire
    return tensor.dtype
