"""One root seed, many independent named streams of random numbers.

A stream's seed is a hash of the root seed and the stream's *name*, never `seed + i`: adding a stream, or drawing more
from one, cannot shift another. Nothing here touches PyTorch's global generator.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def stream_seed(seed: int, name: str) -> int:
    """The seed, in 0 .. 2**63 - 1, of the stream `name` under the root `seed`."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator on `device` for the stream `name` under the root `seed`."""
    import torch  # here, so that worlds free of PyTorch may name their streams

    return torch.Generator(device=device).manual_seed(stream_seed(seed, name))
