"""What a run says of where it came from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import inwit
from inwit.runs import provenance

ROOT = Path(inwit.__file__).resolve().parents[2]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the source is not in a checkout")
def test_the_revision_is_that_of_the_source() -> None:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip("git does not answer here")
    revision = provenance.revision()
    assert revision is not None
    assert revision.removesuffix("-dirty") == asked.stdout.strip()
