"""`inwit doctor`: what it finds in a whole installation, and in a broken one."""

from __future__ import annotations

import errno
import os
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from command_line import printed_json, run
from inwit.commands import doctor
from support import python


def checks(capsys: pytest.CaptureFixture[str], status: int = 0) -> dict[str, dict[str, str]]:
    assert run("doctor", "--json") == status
    told = printed_json(capsys)
    assert told["healthy"] == (status == 0)
    return {check["name"]: check for check in told["checks"]}


def test_a_whole_installation(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = checks(capsys)
    assert {"inwit", "python", "torch", "duckdb", "threads", "devices", "runs", "terminal", "inwit[rl]"} <= set(found)
    assert {check["status"] for check in found.values()} <= {"ok", "note"}
    assert not runs.exists(), "Looking makes no folder."
    assert run("doctor") == 0
    assert "nothing stops a training here" in capsys.readouterr().out


def test_the_runs_folder_is_tried(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.mkdir()
    assert checks(capsys)["runs"]["status"] == "ok"
    assert not list(runs.iterdir()), "What it wrote is gone."
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "below", Path("/" + "n" * 300)):
        monkeypatch.setenv("INWIT_RUNS", str(wrong))
        found = checks(capsys, status=1)["runs"]
        assert found["status"] == "problem"
        assert "INWIT_RUNS" in found["fix"]


def test_a_full_disk_is_a_problem(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        [check] = doctor._runs()
    assert check.status == "problem"
    assert "No space left" in check.found


def refusing(error: int) -> Any:
    def refuse(*arguments: object) -> None:
        raise OSError(error, os.strerror(error))

    return refuse


def runs_check(patches: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> doctor.Check:
    """What is said of the runs folder where the system is another one."""
    with monkeypatch.context() as patch:
        for name, replaced in patches.items():
            patch.setattr(name, replaced)
        [check] = doctor._runs()
    return check


def test_a_file_system_that_cannot_sync_is_noted(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):  # each time, not once in a process
        check = runs_check({"os.fsync": refusing(errno.EINVAL)}, monkeypatch)
        assert check.status == "note"
        assert "cannot sync files" in check.fix
        assert "cannot sync folders" in check.fix
    assert capsys.readouterr().err == ""


LOCKED: Any = SimpleNamespace(LK_NBLCK=2, locking=lambda *arguments: None)
UNLOCKED: Any = SimpleNamespace(LK_NBLCK=2, locking=refusing(errno.ENOTSUP))


@pytest.mark.parametrize(
    ("patches", "locks"),
    [
        ({}, True),
        ({"fcntl.flock": refusing(errno.ENOTSUP)}, False),
        ({"fcntl.flock": refusing(errno.ENOLCK)}, False),
        ({"inwit.core.storage.fcntl": None, "inwit.core.storage.msvcrt": LOCKED}, True),
        ({"inwit.core.storage.fcntl": None, "inwit.core.storage.msvcrt": UNLOCKED}, False),
        ({"inwit.core.storage.fcntl": None, "inwit.core.storage.msvcrt": None}, False),
    ],
)
def test_whether_there_are_locks(
    patches: dict[str, object], locks: bool, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = runs_check(patches, monkeypatch)
    assert ("no locks" in check.fix) != locks
    assert check.status == ("ok" if locks else "note")


@pytest.mark.parametrize("threads", ["0", "-1", "many", "", "1" * 5000, "100000"])
def test_an_odd_number_of_threads_is_noted(
    threads: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert checks(capsys)["threads"]["status"] == "note"


BROKEN = "import sys; from inwit.commands.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("module", "text", "said"),
    [
        ("torch", "raise OSError('libtorch.so: cannot open shared object file')", "libtorch.so"),
        pytest.param("numpy", "import not_there", "not_there", marks=pytest.mark.slow),
        pytest.param("duckdb", "raise RuntimeError('wrong processor')", "wrong processor", marks=pytest.mark.slow),
    ],
)
def test_a_broken_package_is_told_and_no_traceback(module: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(text)
    done = python(BROKEN, "doctor", PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert (done.returncode, done.stderr) == (1, "")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("problem") and f" {module} " in line]
    assert said in line
    assert "pip install" in line


def test_a_missing_package_sends_the_other_commands_to_the_doctor(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import not_there")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = python(BROKEN, "train", PYTHONPATH=paths)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "inwit doctor" in done.stderr


def test_it_knows_the_packages_that_inwit_asks_for() -> None:
    root = Path(__file__).parents[2] / "pyproject.toml"
    if not root.exists():
        pytest.skip("There is no checkout around these tests.")
    project = tomllib.loads(root.read_text(encoding="utf-8"))["project"]

    def names(lines: list[str]) -> set[str]:
        return {line.partition(">")[0] for line in lines}

    assert names(project["dependencies"]) == set(doctor.NEEDED.values())
    extras = project["optional-dependencies"]
    known = {extra: {module.replace("_", "-") for module in modules} for extra, modules in doctor.EXTRAS.items()}
    assert known == {extra: names(lines) for extra, lines in extras.items() if extra not in ("dev", "docs")}
