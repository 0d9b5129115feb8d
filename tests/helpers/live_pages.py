"""A server of the playground beside a trained run, for a browser to open its page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browsing import View
from inwit.core.contracts import Agent

PROBLEM = "v=1&w=tutorial-v1&k=2&p=7.9.6.8.2&a=gru&s=1"
SECONDS = 60


class Place:
    """Where runs are and what a server keeps, with one trained run."""

    def __init__(self, folder: Path, trained: Agent) -> None:
        assert trained.path is not None
        self.run, runs = trained.path.name, folder / "runs"
        shutil.copytree(trained.path, runs / self.run)
        own = {"INWIT_RUNS": str(runs), "INWIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
        self.environment = os.environ | own

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "inwit", *words]

    def server(self, *words: str) -> tuple[subprocess.Popen[str], str]:
        """A server of these words, and its address."""
        command = self.command("playground", "--no-browser", *words)
        process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), address
        return process, address

    @contextmanager
    def serving(self, *words: str) -> Iterator[str]:
        process, address = self.server(*words)
        try:
            yield address
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=SECONDS)


def own_requests(view: View, address: str) -> None:
    """No script failed, and nothing was asked for but the server's own files and its socket."""
    base = address.split("#", maxsplit=1)[0]
    assert view.errors == []
    assert [each for each in view.requests if not each.startswith(base)] == []


def score(view: View) -> list[str]:
    """The table as people read it, when all of it is known."""
    view.found()
    return [line.strip() for line in view.page.inner_text("#score table").splitlines() if line.strip()]
