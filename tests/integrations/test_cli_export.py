"""`inwit export`: an agent leaves its run."""

from __future__ import annotations

from pathlib import Path

import pytest

import inwit
from inwit.commands.cli import main


@pytest.mark.slow
def test_a_run_becomes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inwit.train("calculator", world={"max_operators": 1}, policy={"width": 8}, training={"max_updates": 2})
    assert main(["export", "latest", "--folder", str(tmp_path / "agent")]) == 0
    assert capsys.readouterr().out == f"written: {tmp_path / 'agent'}\n"
    assert inwit.from_pretrained(tmp_path / "agent").world.id == "calculator-v0"


@pytest.mark.slow
def test_a_run_becomes_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    inwit.train("tutorial", policy={"id": "memoryless"}, training={"max_updates": 2})
    assert main(["export", "latest", "--onnx", str(tmp_path / "agent.onnx")]) == 0
    written = [str(tmp_path / "agent.onnx"), str(tmp_path / "agent.begin.onnx")]
    assert capsys.readouterr().out == f"written: {written[0]} and {written[1]}\n"
    assert all(Path(path).is_file() for path in written)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["latest"], "give --onnx FILE or --folder FOLDER"),
        (["nowhere", "--folder", "x"], "unknown run 'nowhere'"),
        ([], "the following arguments are required: run"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
