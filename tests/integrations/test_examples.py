"""Every script in examples/ runs to its end, without a warning of ours, and none is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = {
    "gymnasium_env.py": ("gymnasium", "success True"),
    "gymnasium_vector.py": ("gymnasium", "steps/s"),
    "script_plays.py": ("gymnasium", "success True"),
    "stable_baselines3_learns.py": ("sb3_contrib", "of 1,000 problems"),
    "torchrl_rollout.py": ("torchrl", "legal: True"),
    "hub_folder.py": ("inwit", "README.md config.json model.safetensors"),
    "onnx_agent.py": ("onnxscript", "success: True"),
}


def test_every_example_is_run_and_listed() -> None:
    if not FOLDER.exists():
        pytest.skip("There is no checkout around these tests.")
    assert {path.name for path in FOLDER.glob("*.py")} == set(SCRIPTS)
    assert all(f"`{name}`" in (FOLDER / "README.md").read_text() for name in SCRIPTS)


@pytest.mark.slow
def test_examples_run_to_their_ends(runs: Path) -> None:
    """In one process, one after the other: what they import takes longer than most of them. The first runs as if alone,
    which proves that `inwit:` in front of an id needs no import."""
    scripts = {name: expected for name, (package, expected) in SCRIPTS.items() if find_spec(package)}
    if not FOLDER.exists():
        pytest.skip("There is no checkout around these tests.")
    code = (
        "import runpy, sys\nfor path in sys.argv[1:]:\n print('== ' + path)\n runpy.run_path(path, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *(str(FOLDER / name) for name in scripts)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "INWIT_RUNS": str(runs), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.split("== ")[1:]
    for (name, expected), text in zip(scripts.items(), told, strict=True):
        assert expected in text, name
