"""Devices by name, refused in one line where they cannot be used."""

from __future__ import annotations

import torch

from inwit.core.errors import unknown


def usable_devices() -> list[str]:
    """The names of the devices that this machine has."""
    if not torch.cuda.is_available():
        return ["cpu"]
    return ["cpu", "cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


def usable_device(name: str, what: str = "training.device") -> torch.device:
    """The device called `name` (cpu, cuda, cuda:1, ...). Raises `UserError` for one that this machine does not have."""
    if name not in usable_devices():
        raise unknown(what, name, usable_devices())
    return torch.device(name)


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the tensors of the next update.

    glibc returns memory to the system once twice its largest block so far is free at the end of the heap. Getting it
    back page by page takes up to a fifth of the time of a PPO update. Freeing an untouched block just below glibc's own
    limit of 32 MiB raises that threshold to 64 MiB. Elsewhere this does nothing.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)
