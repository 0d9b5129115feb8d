"""Devices by name, refused in one line where they cannot be used."""

from __future__ import annotations

import torch

from inwit.errors import unknown


def usable_devices() -> list[str]:
    """The names of the devices that this machine has."""
    if not torch.cuda.is_available():
        return ["cpu"]
    return ["cpu", "cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


def usable_device(name: str) -> torch.device:
    """The device called `name` (cpu, cuda, cuda:1, ...). Raises `UserError` for one that this machine does not have."""
    if name not in usable_devices():
        raise unknown("training.device", name, usable_devices())
    return torch.device(name)
