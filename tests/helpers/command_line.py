"""Running the command line in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inwit.commands.cli import main


def run(*arguments: str) -> int:
    """The exit status; argparse leaves `--help` by SystemExit."""
    try:
        return main(list(arguments))
    except SystemExit as leaving:
        return int(leaving.code or 0)


def printed_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one JSON object that is all of stdout."""
    return json.loads(capsys.readouterr().out)


def short_training(updates: int) -> list[str]:
    """Flags for a training that takes no time."""
    flags = f"--policy.width 4 --training.episodes 32 --training.max_updates {updates} --training.confirm false"
    return flags.split()
