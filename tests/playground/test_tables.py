"""By which words a page opens agents and worlds, and how long they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.commands.playground import _named
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.playground.questions import answer
from inwit.playground.tables import KEPT, Tables
from inwit.playground.words import meant
from inwit.runs.loading import find
from recorded import edit

TINY: dict[str, Any] = {
    "policy": {"width": 8},
    "training": {"episodes": 16, "max_updates": 2, "confirm": False, "snapshots": "0,1,2"},
}


@pytest.fixture
def run() -> Path:
    path = inwit.train("tutorial", tell=lambda _: None, name="mine", **TINY).path
    assert path is not None
    return path


def test_words_become_what_they_mean_for_good(run: Path) -> None:
    words = ["latest", "mine", f"{run.name}@1", "latest@0", "pipeline", "pipeline:latest"]
    found = meant(words, {})
    fixed = [run.name, run.name, f"{run.name}@1", f"{run.name}@0", "pipeline", f"pipeline:{run.name}"]
    assert [each.word for each in found] == fixed
    assert [each.word for each in meant(fixed, {})] == fixed
    assert [each.at for each in found[2:4]] == ["1", "0"]
    assert [each.script for each in found] == [False] * 4 + [True] * 2


def test_what_is_open_plays(run: Path) -> None:
    tables = Tables()
    told = answer(tables, {"ask": "open", "table": ["latest", "latest@0", "pipeline"]})["page"]
    assert told["table"] == [run.name, f"{run.name}@0", "pipeline"]
    assert list(told["agents"]) == ["gru", "gru@0", "pipeline"]
    begun = answer(tables, {"ask": "begin", "table": told["table"], "task": [[2], [1, 2, 3, 4, 5]]})
    assert set(begun["agents"]) == set(told["agents"])
    one, other = (begun["agents"][name]["logits"] for name in ("gru", "gru@0"))
    assert one != other


def test_a_run_that_is_not_complete_is_opened_with_its_newest_weights(run: Path) -> None:
    edit(run, lambda record: record.update(status="running"))
    tables = Tables({run.name: run.name})
    with storage.locked(run / "lock"):
        told = answer(tables, {"ask": "open", "table": [run.name]})["page"]
        assert (told["table"], list(told["agents"])) == ([f"{run.name}@2"], ["gru"])
        assert meant([f"{run.name}@0"], {})[0].at == "0"
    storage.remove_folder(run / "checkpoints")
    assert meant(["mine"], {})[0].word == f"{run.name}@2", "killed: of its snapshots, too"
    storage.remove_folder(run / "snapshots")
    with pytest.raises(UserError, match=f"^the run {run.name} has no weights yet: open it after its first checkpoint"):
        tables.table([run.name])


def test_a_name_with_an_at_sign_is_read_as_the_command_reads_it(run: Path) -> None:
    other = run.rename(run.with_name("a@b"))
    assert [(each.word, each.source, each.at) for each in meant(["a@b", "a@b@1"], {})] == [
        ("a@b", str(other), None),
        ("a@b@1", str(other), "1"),
    ]
    assert (find("a@b"), find("a@b@1").name) == (other, "000001.safetensors")
    assert _named("a@b@1") == "a@b@1"


def paths(run: Path) -> list[str]:
    """Words that would lead elsewhere."""
    beside = [str(run), f"./{run.name}", f"../{run.parent.name}/{run.name}", f"{run.name}/", f"~/{run.name}", "."]
    within = [f"{run.name}@../../x", f"{run.name}@", f"{run.name}@-1", f"{run.name}@1/", f"{run.name}@snapshots/000001"]
    elsewhere = ["", " ", "\0", "someone/agent", "https://example.org/x", "file:///etc/passwd", "pipeline:/tmp/x.toml"]
    return [*beside, *within, *elsewhere, f"pipeline:{run}", "pipeline:", ".index.json", "mine\n", "x" * 10_000]


def test_a_page_names_no_paths_and_no_addresses(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    for word in paths(run):
        with pytest.raises(UserError) as refused:
            Tables().table([word])
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 600


def test_the_command_line_may_name_paths(run: Path) -> None:
    tables = Tables({"./mine": run, f"{run.name}/": str(run)})
    table = tables.table(["./mine", f"{run.name}/"])
    assert table.words == ("./mine", f"{run.name}/")
    assert len(table.seats) == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (None, "table = None is no list of names"),
        ("latest", "is no list of names"),
        ([], "a table has 1 to 6 runs, or one world, not 0 names"),
        (["tutorial-v1"] * 7, "not 7 names"),
        ([1], "is no list of names"),
        ([["latest"]], "is no list of names"),
        (["tutorial-v1", "pipeline"], "tutorial-v1 is a world, and the runs of a table say theirs"),
        (
            ["pipeline", "pipeline:lookup"],
            "pipeline lives in tutorial-v1, pipeline in lookup-v0 .*: open one table for",
        ),
        (["nothing"], "the run 'nothing' is no longer there"),
        (["latest"], "there is no complete run"),
    ],
)
def test_words_that_make_no_table(words: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        Tables().table(words)


def test_the_tables_used_last_are_kept() -> None:
    said: list[str] = []
    tables = Tables(tell=said.append)
    words = ["tutorial-v0", "tutorial-v1", "lookup-v0", "pipeline", "react"]
    first = tables.table([words[0]])
    for word in words[1:KEPT]:
        tables.table([word])
    assert tables.table([words[0]]) is first
    tables.table([words[KEPT]])
    assert tables.table([words[0]]) is first, "used since"
    assert len(said) == KEPT + 1
    tables.table([words[1]])
    assert said[-1] == f"opening {words[1]}", "the one that was not used went"


def test_weights_that_changed_are_loaded_when_they_are_opened(run: Path) -> None:
    """As a training that was resumed changes them; who is in the middle of a problem goes on with the old ones."""
    tables = Tables()
    first = tables.table([run.name], anew=True)
    assert tables.table([run.name], anew=True) is first
    weights = run / "weights.safetensors"
    other = (run / "snapshots" / "000000.safetensors").read_bytes()
    weights.unlink()
    weights.write_bytes(other)
    assert tables.table([run.name]) is first
    assert tables.table([run.name], anew=True) is not first
