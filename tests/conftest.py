"""What every test runs under: checked shapes, one thread, no run folder outside the test's own."""

from __future__ import annotations

import atexit
import gc
import os
from itertools import count
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Only where tests run: the process that hands them out to others (`-n`) needs none of this, and starts sooner."""
    if not config.getoption("numprocesses", None):
        _prepare()


def _prepare() -> None:
    import torch
    from hypothesis import settings

    import shapes

    # Before anything imports inwit: every annotated shape in it is checked, in tests only.
    shapes.install("inwit")
    torch.set_num_threads(1)

    # The same examples on every run: a gate that closes must close for a reason in the change at hand.
    settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=12)
    settings.register_profile("deep", settings.get_profile("ci"), max_examples=200)
    settings.load_profile(os.environ.get("INWIT_EXAMPLES", "ci"))


_numbers = count()


def pytest_collection_finish() -> None:
    """What is loaded stays loaded: the garbage collector need not look through PyTorch. At the very end it must, since
    extensions complain of what they lose otherwise."""
    gc.freeze()
    atexit.register(gc.unfreeze)


@pytest.fixture(autouse=True)
def runs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs folder of this test, which whoever writes to it makes; nothing goes to the checkout's own."""
    folder = tmp_path_factory.getbasetemp() / f"of-test-{next(_numbers)}" / "runs"
    folder.parent.mkdir()
    monkeypatch.setenv("INWIT_RUNS", str(folder))
    return folder


@pytest.fixture(autouse=True)
def unsynced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fast tests do not wait until the disk has what this process wrote: no test cuts the power."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(os, "fsync", os.fstat)  # raises OSError as well if a descriptor is no file's
