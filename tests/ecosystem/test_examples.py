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
@pytest.mark.parametrize("name", SCRIPTS)
def test_example(name: str, runs: Path) -> None:
    package, expected = SCRIPTS[name]
    if not FOLDER.exists() or find_spec(package) is None:
        pytest.skip(f"{name} needs a checkout and {package}.")
    done = subprocess.run(
        [sys.executable, str(FOLDER / name)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "INWIT_RUNS": str(runs), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
