"""What a run ran on: everything outside its configuration that may change its results."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy
import torch

from inwit.core.results import Json
from inwit.version import __version__


def now() -> str:
    return datetime.now(UTC).isoformat()


def surroundings(threads: int, device: str) -> Json:
    """Versions, threads, device and machine: with the same ones, the same configuration gives the same bits."""
    return {
        "versions": {
            "inwit": __version__,
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
        "threads": threads,
        "device": device,
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "accelerator": torch.cuda.get_device_name(device) if device.startswith("cuda") else None,
        },
    }


def differences(old: Json, new: Json) -> list[str]:
    """Where two surroundings differ, as in `torch 2.12.0 -> 2.13.0`."""
    names = ("versions", "machine")
    known = {part: found if isinstance(found := old.get(part), dict) else {} for part in names}  # it may be edited
    pairs = [(name, known[part].get(name), value) for part in names for name, value in new[part].items()]
    pairs += [(name, old.get(name), new[name]) for name in ("threads", "device")]
    return [f"{name} {before} -> {after}" for name, before, after in pairs if before != after]


@cache
def revision() -> str | None:
    """The commit of the source that is running, `-dirty` if it was changed since; None outside a checkout of it.

    Git is asked once in a process, because the source that runs in it does not change."""
    root = Path(__file__).resolve().parents[3]  # of src/inwit/runs/provenance.py
    if not (root / ".git").exists() or not (root / "src" / "inwit").is_dir():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
