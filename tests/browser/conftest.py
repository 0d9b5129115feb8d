"""A browser, and pages to open in it. The tests of this folder run with `make browser`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inwit
from browsing import launched
from inwit.core.contracts import Agent
from inwit.runs.loading import load
from inwit.training.config import resolve
from inwit.training.loop import new_agent

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """Playwright, which starts browsers."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make browser installs it")
    with api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Any) -> Iterator[Any]:
    """The system's Chromium."""
    found = launched(playwright)
    yield found
    found.close()


def new(recipe: str, **overrides: Any) -> Agent:
    """An agent before its first update."""
    return new_agent(resolve(recipe, **overrides))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    """The tutorial's GRU, which solves everything; its training takes seconds."""
    runs = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "inwit", "train", "--seed", "0"]
    environment = os.environ | {"INWIT_RUNS": str(runs)}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    [run] = [each for each in runs.iterdir() if each.is_dir()]
    return load(run)


@pytest.fixture(scope="session")
def addresses(trained: Agent, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where pages are: two agents of the tutorial, one of each other world."""
    folder = tmp_path_factory.mktemp("pages")
    shown = {
        "tutorial": [trained, new("tutorial", policy={"id": "memoryless"})],
        "calculator": [new("calculator")],
        "lookup": [new("lookup")],
    }
    return {
        name: inwit.page(agents, folder / f"{name}.html", tell=lambda _: None).as_uri()
        for name, agents in shown.items()
    }
