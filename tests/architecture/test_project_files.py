"""The files that other programs read: CITATION.cff, the workflow, the Makefile on Windows, the sdist's list."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import inwit

ROOT = Path(__file__).parents[2]
yaml = pytest.importorskip("yaml")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_citation_is_valid_and_of_this_version() -> None:
    citation = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation), "What the format 1.2.0 asks for."
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["authors"] == [{"name": "The inwit authors"}]
    assert str(citation["version"]) == inwit.__version__
    assert not {"doi", "identifiers"} & set(citation)


def test_the_workflow_runs_the_gate_on_every_system_and_python() -> None:
    workflow = read(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert {"push", "pull_request"} == set(workflow[True]), "YAML reads the key `on` as true."
    test = workflow["jobs"]["test"]
    assert test["runs-on"] == "${{ matrix.os }}"
    systems = {name.split("-")[0] for name in test["strategy"]["matrix"]["os"]}
    assert systems == {"ubuntu", "macos", "windows"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = [c.rsplit(" ", 1)[1] for c in project["classifiers"] if "Python :: 3." in c]
    assert test["strategy"]["matrix"]["python"] == pythons
    assert test["defaults"]["run"]["shell"] == "bash"
    assert test["steps"][-1] == {"run": "bash .ci/run"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
            if "checkout" in step.get("uses", ""):
                assert step["with"] == {"persist-credentials": False}


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(("system", "folder"), [("Windows_NT", "Scripts"), ("Linux", "bin")])
def test_the_makefile_knows_where_python_puts_commands(system: str, folder: str) -> None:
    command = ["make", "--dry-run", f"OS={system}", "VENV=no-such-folder", "train"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"no-such-folder/{folder}/inwit train" in done.stdout
    assert "python -m venv" in done.stdout if system == "Windows_NT" else "python3 -m venv" in done.stdout


def test_the_sdist_has_all_that_is_kept() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    included = {path.strip("/") for path in build["sdist"]["include"]} | {"pyproject.toml"}
    for path in included:
        assert (ROOT / path).exists(), f"pyproject.toml gives the sdist {path}, which is not there."
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("There is no git checkout around these tests.")
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {path.split("/")[0] for path in kept.splitlines()} == included


def test_every_package_of_the_extras_is_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = [normal(pin.split("==")[0]) for pin in pins]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for extra in project["optional-dependencies"].values() for name in extra]
    for requirement in [*project["dependencies"], *extras]:
        name = normal(re.split(r"[\[<>=~! ]", requirement)[0])
        assert name in names or name == "inwit", f"constraints.txt does not pin {name}."


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
