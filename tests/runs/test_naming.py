"""Names and tags of runs: what may be one, where they are kept, and how runs are found by them."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.commands.cli import main
from inwit.core.errors import UserError
from inwit.report.select import select
from inwit.runs.folder import read_record
from inwit.runs.index import listing
from inwit.runs.loading import find
from inwit.runs.query import query
from inwit.runs.writing import checked_name, checked_tags
from recorded import begun, put, setting
from soaking import quiet, refusal
from support import small_config

SMALL = ("--training.max_updates", "2", "--training.confirm", "false", "--policy.width", "8")


@pytest.fixture
def four(runs: Path) -> Path:
    """Two seeds of `wide`, one of `slim`, which are the same otherwise; one without a name."""
    put(runs, "wide-0", labelled("wide", ["sweep", "june"], day=1))
    put(runs, "wide-1", labelled("wide", ["sweep"], day=2, seed=1))
    put(runs, "slim-0", labelled("slim", ["sweep", "two words"], day=3))
    put(runs, "calculator-0", lambda record: begun(record, "2026-01-04T00:00:00+00:00"))
    return runs


def labelled(name: object, tags: object, day: int = 1, seed: int = 0) -> Any:
    def change(record: dict[str, Any]) -> None:
        record.update(name=name, tags=tags)
        setting("seed", seed)(record)
        begun(record, f"2026-01-0{day}T00:00:00+00:00")

    return change


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(list(arguments)) == status
    found = capsys.readouterr()
    return found.err if status else found.out


def test_a_run_keeps_its_name_and_tags_also_when_it_is_resumed(runs: Path) -> None:
    config = small_config(training={"confirm": False})
    agent = inwit.train(config, tell=quiet, name=" wide.2 ", tags=["sweep", " two words ", "sweep"])
    assert agent.path is not None
    assert agent.path.name.startswith("wide.2-0-2")
    inwit.resume("wide.2", tell=quiet, training={"max_updates": 5})
    record = read_record(agent.path)
    assert (record.label, record.tags, record.recipe) == ("wide.2", ["sweep", "two words"], "tutorial")
    assert inwit.load("wide.2").path == agent.path


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "..", ".hidden", "-dash", "é", "x" * 65, "latest", 7, ["a"]])
def test_what_is_no_name_is_refused_before_anything_is_written(name: Any, runs: Path) -> None:
    assert "name a run" in refusal(lambda: inwit.train(small_config(), name=name))
    assert not runs.exists()


@pytest.mark.parametrize("tags", ["", [""], "a,b", ["ok", "a\nb"], ["x" * 65], [1], [None], 7, map(str, range(21))])
def test_what_are_no_tags_is_refused_before_anything_is_written(tags: Any, runs: Path) -> None:
    assert "tag" in refusal(lambda: inwit.train(small_config(), tags=tags))
    assert not runs.exists()


def test_what_may_be_a_name_and_tags() -> None:
    assert checked_name("x" * 64) == "x" * 64
    assert checked_name(None) is None
    assert checked_tags("one") == ["one"]
    assert checked_tags(("größer", "größer", "x" * 64)) == ["größer", "x" * 64]
    assert checked_tags(str(n) for n in range(20)) == [str(n) for n in range(20)]


@pytest.mark.slow
def test_the_flags_of_train(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "train", *SMALL, "--name", "wide", "--tag", "a", "--tag", "two words", "--json")
    [row] = listing()
    assert (row.name, row.tags) == ("wide", ["a", "two words"])
    assert row.run.startswith("wide-0-")
    for flags in (["--name", "other"], ["--tag", "b"]):
        assert "leave out --name and --tag" in said(capsys, "train", "--resume", "latest", *flags, status=2)
    assert "'a,b' is no tag" in said(capsys, "train", *SMALL, "--tag", "a,b", status=2)
    assert "unknown tracker 'x'" in said(capsys, "train", *SMALL, "--track", "tensorboard,x", status=2)
    assert "unknown tracker 'y'" in said(capsys, "train", *SMALL, "--track", "tensorboard", "--track", "y", status=2)
    assert len(listing()) == 1


def test_the_list_shows_and_filters_them(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "runs").splitlines()[0].split()[:4] == ["run", "name", "tags", "status"]
    alone = said(capsys, "runs", "--limit", "1")  # the newest one has neither
    assert alone.splitlines()[0].split()[:2] == ["run", "status"]

    def found(*flags: str) -> set[str]:
        return {row["run"] for row in json.loads(said(capsys, "runs", "--json", *flags))}

    assert found("--tag", "sweep") == {"wide-0", "wide-1", "slim-0"}
    assert found("--tag", "sweep", "--tag", "june") == {"wide-0"}
    assert found("--tag", "two words") == {"slim-0"}
    assert found("--tag", "none") == set()
    assert found("--name", "wide") == {"wide-0", "wide-1"}
    assert found("--name", "[sw]*", "--tag", "sweep") == {"wide-0", "wide-1", "slim-0"}
    assert found("--name", "*") == {"wide-0", "wide-1", "slim-0"}
    assert "tag" in said(capsys, "runs", "--tag", "", status=2)


def test_a_question_knows_them(four: Path) -> None:
    assert query("SELECT run, name, tags FROM runs WHERE list_contains(tags, 'june')").rows == [
        ("wide-0", "wide", ["sweep", "june"])
    ]
    assert query("SELECT name, count(*) FROM runs GROUP BY name ORDER BY name NULLS LAST").rows == [
        ("slim", 1),
        ("wide", 2),
        (None, 1),
    ]
    assert query("SELECT tags FROM runs WHERE run = 'calculator-0'").rows == [([],)]


def test_runs_are_chosen_by_name_and_by_tag(four: Path) -> None:
    def found(*patterns: str, tags: tuple[str, ...] = ()) -> list[str]:
        return [run.record.folder_name for run in select(patterns, tags)]

    assert found("wide") == ["wide-0", "wide-1"]
    assert found(tags=("sweep",)) == ["wide-0", "wide-1", "slim-0"]
    assert found("wide", "calculator-0", tags=("june",)) == ["wide-0"]
    with pytest.raises(UserError, match="none of these runs has the tags june"):
        found("slim", tags=("june",))
    with pytest.raises(UserError, match="name the runs, or give a tag"):
        found()


def test_names_make_groups_of_their_own(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [comparison] = json.loads(said(capsys, "compare", "--tag", "sweep", "--json"))["comparisons"]
    assert [(group["name"], len(group["runs"])) for group in comparison["groups"]] == [("wide", 2), ("slim", 1)]
    assert comparison["differences"] == {"name": ["wide", "slim"]}
    assert comparison["groups"][0]["runs"][0]["tags"] == ["sweep", "june"]
    [alone] = json.loads(said(capsys, "compare", "wide", "--json"))["comparisons"]
    assert [group["name"] for group in alone["groups"]] == ["wide"]
    put(four, "wide-other", lambda record: (labelled("wide", [])(record), setting("policy.width", 9)(record)))
    [comparison] = json.loads(said(capsys, "compare", "wide", "slim", "--json"))["comparisons"]
    assert [group["name"] for group in comparison["groups"]] == ["wide width 8", "wide width 9", "slim width 8"]


def test_a_page_by_tag(four: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    said(capsys, "report", "--tag", "sweep", "--tag", "june", "--out", str(page))
    assert "wide-0" in page.read_text()
    assert "tag" in said(capsys, "report", status=2)


def test_a_name_finds_its_newest_run_unless_a_folder_has_it(four: Path) -> None:
    assert find("wide") == four / "wide-1"
    (four / "wide-1" / "run.json").write_text((four / "wide-1" / "run.json").read_text().replace("finished", "failed"))
    assert find("wide") == four / "wide-0"
    assert find("wide", any_status=True) == four / "wide-1"
    put(four, "slim")
    assert find("slim") == four / "slim"
    with pytest.raises(UserError, match="unknown run"):
        find("nope")


@pytest.mark.parametrize("word", ["wide", "wide-1", "./wide", "latest", "./latest", "empty"])
def test_a_folder_without_a_run_hides_none(
    word: str, four: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here or among the runs, and for all that look for a run in the same way."""
    monkeypatch.chdir(tmp_path)
    for name in ("wide", "wide-1", "latest", "empty"):
        Path(name).mkdir()
    (four / "wide").mkdir()
    runs = {"wide": ["wide-0", "wide-1"], "wide-1": ["wide-1"], "latest": ["calculator-0"]}
    if word in runs:
        assert [run.record.folder_name for run in select([word])] == runs[word]
        assert find(word) == four / runs[word][-1]
    else:
        assert "is not a run" in refusal(lambda: select([word]))
        assert find(word) == Path(word)


def test_a_folder_with_an_agent_is_meant_before_a_given_name(
    four: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, record in (("wide", {"library": "inwit"}), ("slim", {"model_type": "x"})):
        Path(name).mkdir()
        Path(name, "config.json").write_text(json.dumps(record))
    assert find("wide") == Path("wide")
    assert "is damaged" in refusal(lambda: select(["wide"]))
    assert find("slim") == four / "slim-0"


@pytest.mark.parametrize("word", ["shut", "shut/run", "./shut", "shut@best"])
def test_a_folder_that_may_not_be_looked_into(
    word: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system refuses it to anybody but root."""
    monkeypatch.chdir(tmp_path)
    Path("shut").mkdir(mode=0)
    stat = os.stat

    def refused(path: Any, **more: Any) -> os.stat_result:
        if "shut/" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **more)

    monkeypatch.setattr(os, "stat", refused)
    for look in (inwit.load, inwit.resume, inwit.from_pretrained, lambda word: select([word])):
        assert "shut" in refusal(lambda: look(word))  # noqa: B023  called at once


@pytest.mark.parametrize(("name", "tags"), [(None, None), (7, 7), ("", "abc"), ([], [1, None, "a"]), ({}, {})])
def test_old_and_edited_records_are_read(
    name: object, tags: object, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(record: dict[str, Any]) -> None:
        record.pop("name", None)
        record.pop("tags", None)
        record.update({} if name is None else {"name": name, "tags": tags})

    put(runs, "old", change)
    [row] = listing()
    assert (row.name, list(row.tags)) == (None, ["a"] if tags == [1, None, "a"] else [])
    assert "old" in said(capsys, "runs")
    assert "calculator" in said(capsys, "compare", "old")
    assert query("SELECT run, name FROM runs").rows == [("old", None)]
