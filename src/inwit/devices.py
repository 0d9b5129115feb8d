"""Devices by name, refused in one line where they cannot be used."""

from __future__ import annotations

import torch

from inwit.errors import unknown


def usable_device(name: str) -> torch.device:
    """The device called `name` (cpu, cuda, cuda:1, ...). Raises `UserError` for one that this machine does not have."""
    usable = ["cpu"]
    if torch.cuda.is_available():
        usable += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if name not in usable:
        raise unknown("training.device", name, usable)
    return torch.device(name)
