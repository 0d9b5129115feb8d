"""The list of runs: what the index says is what the folders say, whatever happened to either."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inwit.runs.index import FILE, Row, listing
from recorded import begun, edit, put, setting


def evaluated(path: Path, update: int | None, solved: int) -> None:
    """Another evaluation of three problems, of the weights after `update`."""
    stage = {"stage": 0, "problems": 3, "solved": solved}
    line = {"update": update, "time": "2026-01-01", "evaluation": {"stages": [stage]}}
    with (path / "evaluations.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def test_the_result_is_that_of_the_weights_it_has_now(runs: Path) -> None:
    """Not of an older checkpoint that was evaluated later, nor from before it was resumed."""
    path = put(runs, "one")
    now = json.loads((path / "run.json").read_text())["summary"]["update"]
    evaluated(path, now, 2)
    assert listing()[0].solved == 2
    evaluated(path, now - 1, 1)
    assert listing()[0].solved == 2
    edit(path, lambda record: record["summary"].update(update=now + 10))
    assert listing()[0].solved is None
    evaluated(path, now + 10, 3)
    assert listing()[0].solved == 3
    assert listing() == afresh(runs)


def afresh(runs: Path) -> list[Row]:
    """The list as it is without an index."""
    (runs / FILE).unlink()
    return listing()


def test_a_row(runs: Path) -> None:
    put(runs, "one")
    (row,) = listing()
    assert (row.run, row.status, row.recipe, row.seed, row.world) == (
        "one",
        "finished",
        "calculator",
        0,
        "calculator-v0",
    )
    assert row.problems == 3
    assert row.solved in range(4)
    assert row.updates
    assert row.tokens
    assert row.seconds
    assert listing() == [row], "The second listing comes from the index."


def test_newest_first(runs: Path) -> None:
    for name, day in (("b", 2), ("c", 3), ("a", 1)):
        put(runs, name, lambda record, day=day: begun(record, f"2026-01-0{day}T00:00:00+00:00"))
    assert [row.run for row in listing()] == ["c", "b", "a"]


def test_nothing_there(runs: Path) -> None:
    assert listing() == []
    assert not runs.exists(), "Listing makes no folder."


def test_the_index_is_used_and_follows_the_folders(runs: Path) -> None:
    paths = [put(runs, name) for name in ("a", "b", "c")]
    listing()
    index = json.loads((runs / FILE).read_text())
    index["runs"]["a"][1][2] = "from-the-index"
    (runs / FILE).write_text(json.dumps(index))
    assert {row.run: row.recipe for row in listing()}["a"] == "from-the-index"
    edit(paths[0], setting("recipe", "changed"))
    assert {row.run: row.recipe for row in listing()} == {"a": "changed", "b": "calculator", "c": "calculator"}
    shutil.rmtree(paths[1])
    put(runs, "d")
    (paths[2] / "evaluation.json").unlink()
    (paths[2] / "evaluations.jsonl").unlink(missing_ok=True)
    rows = listing()
    assert sorted(row.run for row in rows) == ["a", "c", "d"]
    assert {row.run: row.solved is None for row in rows} == {"a": False, "c": True, "d": False}
    assert rows == afresh(runs)


@pytest.mark.parametrize("name", ["run.json", "evaluation.json"])
@pytest.mark.parametrize("as_before", ["size", "inode"])
def test_a_file_that_changed_within_one_tick_of_the_clock(runs: Path, name: str, as_before: str) -> None:
    """Its time is the same as before; its size or its inode tells that it is another one."""
    path = put(runs, "one")
    (path / "evaluations.jsonl").unlink()
    before = listing()
    file, changed = path / name, path / "changed"
    old = file.stat()
    text = file.read_text()
    text = text.replace('"status": "finished"', '"status": "failed"').replace(": 3,", ": 5,")
    if as_before == "size":  # and another inode
        changed.write_text(text.ljust(old.st_size))
        changed.replace(file)
    else:  # and another size
        file.write_text(text + " " * 7)
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    now = file.stat()
    assert now.st_mtime_ns == old.st_mtime_ns
    assert (now.st_size == old.st_size, now.st_ino == old.st_ino) == (as_before == "size", as_before == "inode")
    assert listing() != before
    assert listing() == afresh(runs)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 99, "fields": [], "runs": {}}'])
def test_a_damaged_index_is_made_again(runs: Path, text: str) -> None:
    put(runs, "one")
    rows = listing()
    (runs / FILE).write_text(text)
    assert listing() == rows
    assert listing() == rows


@pytest.mark.parametrize("entry", [3, [], [[1, 2], []], [[0] * 6, ["short"]], {}])
def test_an_index_with_a_strange_entry(runs: Path, entry: object) -> None:
    put(runs, "one")
    rows = listing()
    index = json.loads((runs / FILE).read_text())
    index["runs"]["one"] = entry
    (runs / FILE).write_text(json.dumps(index))
    assert listing() == rows


@pytest.mark.parametrize(
    ("field", "value"), [("run", "other"), ("status", None), ("created", 3), ("updated", None), ("solved", "many")]
)
def test_an_index_that_somebody_edited_decides_nothing(runs: Path, field: str, value: object) -> None:
    put(runs, "one")
    put(runs, "two")
    rows = listing()
    index = json.loads((runs / FILE).read_text())
    index["runs"]["one"][1][Row._fields.index(field)] = value
    (runs / FILE).write_text(json.dumps(index))
    assert listing() == rows


def test_where_the_index_cannot_be_written_listing_still_works(runs: Path) -> None:
    put(runs, "one")
    (runs / FILE).mkdir()
    assert [row.run for row in listing()] == ["one"]
    assert [row.run for row in listing()] == ["one"]
    assert sorted(path.name for path in runs.iterdir()) == [FILE, "one"], "Nothing half-written stays behind."


def test_what_is_no_run(runs: Path) -> None:
    put(runs, "whole")
    (put(runs, "half-deleted") / "run.json").unlink()
    (put(runs, "broken") / "run.json").write_text("{")
    (runs / "theirs").mkdir()
    (runs / "theirs" / "thesis.txt").write_text("chapter 1")
    (runs / "file").write_text("")
    assert {row.run: row.status for row in listing()} == {
        "whole": "finished",
        "half-deleted": "damaged",
        "broken": "damaged",
    }


LIST = """
import json, sys, time
from pathlib import Path
from inwit.runs.index import FILE, listing
folder = Path(sys.argv[1])
end = time.monotonic() + 2
while time.monotonic() < end:
    rows = listing(folder)
    assert len(rows) >= 3, rows
    assert all(row.status == "finished" for row in rows), rows
    json.loads((folder / FILE).read_bytes())
"""


@pytest.mark.slow
def test_many_list_while_runs_come_and_change(runs: Path) -> None:
    for name in "abc":
        put(runs, name)
    readers = [
        subprocess.Popen([sys.executable, "-c", LIST, str(runs)], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    number = 0
    while any(reader.poll() is None for reader in readers):
        hidden = put(runs, f".{number}")  # appears at once, as a run folder does with its record
        hidden.rename(runs / f"run-{number}")
        number += 1
    for reader in readers:
        _, said = reader.communicate()
        assert reader.returncode == 0, said
    assert len(listing()) == 3 + number
    assert listing() == afresh(runs)
    assert not list(runs.glob("*.partial"))
