"""`inwit suite`: the whole of it on one ability with a small budget, how it goes on, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inwit.commands.cli import main
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.suite import ABILITIES, agents, jobs
from inwit.suite.ability import Figure
from inwit.suite.budget import Budget
from inwit.suite.compare import compare
from inwit.suite.jobs import Outcome, plan
from inwit.suite.page import make_page
from inwit.suite.reference import DEFAULT_BUDGET, current, definition, find, reference, settings_of, without_reference
from inwit.suite.scores import LevelScore, Score
from inwit.suite.subject import Subject
from inwit.suite.suite import _made_by as suite_made_by
from inwit.suite.table import described
from inwit.suite.table import notes as table_notes
from inwit.suite.work import work

QUICK = ("suite", "--only", "reading", "--budget", "1500", "--jobs", "2")


def record(name: str = "a2c-gru", *seeds: float) -> Json:
    level = LevelScore("1", 0.5, Figure(0.1), 1.0, 0.4)
    found = Score("reading", "operators", [level], list(seeds or (0.4, 0.5, 0.6)), (0.3, 0.7))
    return {
        "name": name,
        "subject": Subject().to_dict(),
        "budget": DEFAULT_BUDGET,
        "seconds_budget": False,
        "seeds": len(found.seeds),
        "jobs": 1,
        "overrides": {},
        "without_reference": [],
        "definitions": {"reading": definition(ABILITIES.load("reading"))},
        "made_by": {"git": None},
        "tokens": 100,
        "training_seconds": 1.0,
        "examination_seconds": 1.0,
        "abilities": [found.to_dict()],
    }


def kept(folder: Path, found: Json) -> Path:
    folder.mkdir(parents=True)
    (folder / "suite.json").write_text(json.dumps(found))
    return folder


@pytest.mark.slow
def test_a_suite_is_run_kept_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--out", str(tmp_path / "own"))
    assert main([*QUICK, "--seeds", "2", *out]) == 0
    said = capsys.readouterr().out
    assert "finished 3/3" in said
    assert "reading" in said
    assert {path.name for path in (tmp_path / "own").iterdir()} == {
        *("suite.json", "suite.md", "radar.svg", "radar.png", "page.html", "cells")
    }
    found = json.loads((tmp_path / "own" / "suite.json").read_bytes())
    assert [run["tokens"] >= 1500 for run in found["runs"]] == [True, True]
    assert found["budget"] == "1,500 tokens"
    cell = next(path for path in (tmp_path / "own" / "cells").iterdir() if '"agent"' in path.read_text())
    cell.write_text(cell.read_text()[:-20])  # damaged: made again, and the same
    assert main([*QUICK, "--seeds", "2", *out, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["abilities"] == found["abilities"]
    assert main(["suite", "--compare", str(tmp_path / "own"), str(tmp_path / "own"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["abilities"][0]["difference"] == 0.0
    assert main(["suite", "pipeline", "--only", "Slots,", *out]) == 0
    assert "no longer shows reading" in capsys.readouterr().out


@pytest.mark.slow
def test_a_class_of_ones_own_is_examined(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    (tmp_path / "my_own.py").write_text("from inwit.learners.a2c import A2C\n\nclass Mine(A2C):\n    '''Mine.'''\n")
    monkeypatch.chdir(tmp_path)
    assert main([*QUICK, "--seeds", "1", "--learner", "my_own:Mine", "--out", "own", "--learner.entropy", "0.1"]) == 0
    found = json.loads((tmp_path / "own" / "suite.json").read_bytes())
    assert found["name"] == "my_own:Mine-gru"
    assert found["abilities"][0]["seeds"]


def test_a_training_stops_at_its_budget_and_is_kept(tmp_path: Path) -> None:
    ability = ABILITIES.load("reading")
    (job,), _ = plan([ability], Subject(), 1, Budget(tokens=1000), {"training": {"episodes": 16}})
    found = work(job)
    assert 1000 <= found.tokens < 1000 + 16 * 10
    assert found.ended == "budget"
    job.write(tmp_path / "one", found)
    assert job.read(tmp_path / "one") == found
    assert replace(job, seed=1).read(tmp_path / "one") is None
    assert replace(job, seed=1).key != job.key != replace(job, budget=Budget(tokens=2000)).key
    (tmp_path / "one").write_text("[]")
    assert job.read(tmp_path / "one") is None


def test_two_seeds_of_a_script_are_one() -> None:
    ability = ABILITIES.load("reading")
    assert len(plan([ability], Subject("pipeline", "", ""), 3, None, {})[0]) == 1
    assert len(plan([ability], Subject("random", "", ""), 3, None, {})[0]) == 3
    assert len(jobs.extremes([ability])) == len(ability.experiments)


def test_a_page_escapes_what_it_shows() -> None:
    page = make_page(record("<script>alert(1)</script>"), [], b"<svg/>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "0.50 (0.30 to 0.70)" in page


def test_two_folders_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    kept(runs / "suite-mine", record("mine", 0.9, 0.92, 0.91))
    kept(tmp_path / "other", record("other"))
    assert main(["suite", "--compare", "suite-mime", "other"]) == 2
    assert "did you mean 'suite-mine'" in capsys.readouterr().err
    assert main(["suite", "--compare", "mine", str(tmp_path / "other")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "mine and other differ significantly on 1 of 1 shared ability: mine is better in reading." in said


def test_reference_data_are_of_abilities_as_they_are() -> None:
    known = reference()
    for agent in known.values():
        assert set(agent.scores) <= set(ABILITIES.names())
    one = ABILITIES.load("reading")
    changed = replace(one, experiments=(replace(one.experiments[0], tokens=1),))
    assert definition(changed) != definition(one)


def of_reference(found: Json) -> Json:
    subject = Subject(**found["subject"])
    return {**found, "settings": settings_of(subject)}


def test_what_an_agent_was_made_with_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that was measured before the others is not as current as they are."""
    old = of_reference(record("old")) | {"definitions": {"reading": "another"}}
    known = current({"new": of_reference(record("new")), "old": old})
    assert (set(known["new"].scores), set(known["old"].scores)) == ({"reading"}, set())
    found = of_reference(record())
    monkeypatch.setitem(agents.LEARNERS, "a2c", {"learner": {"entropy": 0.5}})
    assert current({"a2c-gru": found})["a2c-gru"].scores == {}
    with pytest.raises(UserError, match="reference data of a2c-gru are of other experiments or settings"):
        compare(*current({"a2c-gru": found, "b": found}).values())


def test_a_reference_is_found_behind_a_folder_of_its_name(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(runs / "suite-pipeline", record("mine"))
    known = current({"pipeline": of_reference(record("pipeline"))})
    monkeypatch.setattr("inwit.suite.reference.reference", lambda: known)
    assert find("pipeline").name == "mine"
    assert find("reference:pipeline") is known["pipeline"]
    with pytest.raises(UserError, match="unknown reference 'pipelin': did you mean 'pipeline'"):
        find("reference:pipelin")


def test_settings_of_ones_own_are_told_beside_the_reference() -> None:
    own = record() | {"overrides": {"training": {"episodes": "8"}}}
    assert any("--training.episodes 8" in note for note in table_notes(own, []))
    assert not any("settings of its own" in note for note in table_notes(record(), []))


def test_abilities_without_a_reference_are_told() -> None:
    known = current({"a2c-gru": of_reference(record())})
    assert without_reference(["reading", "own"], list(known.values())) == ["own"]
    told = record() | {"without_reference": ["own"]}
    assert any("Without a reference: own;" in note for note in table_notes(told, [Score("a", "", [], [])] * 2))


def test_two_suites_at_once_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cells").mkdir()
    with storage.locked(tmp_path / "cells" / ".lock") as held:
        assert held
        assert main([*QUICK, "--out", str(tmp_path)]) == 2
    assert "another process is at work in" in capsys.readouterr().err


def test_what_made_a_suite_is_its_own_device() -> None:
    ability = ABILITIES.load("reading")
    (job,), _ = plan([ability], Subject(), 1, Budget(1), {"training": {"threads": 2}})
    assert suite_made_by([Outcome(job)])["threads"] == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--only", "nothing"), "unknown ability 'nothing'"),
        (("--budget", "0"), "budget = '0' is too small"),
        (("--budget", "soon"), "give tokens, as 200000, or seconds, as 60s"),
        (("--seeds", "0"), "seeds = 0 is too small"),
        (("--jobs", "x"), "jobs = 'x' is not a whole number"),
        (("--out", ""), "is empty"),
        (("--out", "/dev/null/x"), "choose another folder with --out"),
        (("--world.id", "x"), "--world.id belongs to the experiments"),
        (("--learner.id", "x"), "--learner.id is --learner here"),
        (("pipeline", "--training.episodes", "3"), "pipeline is trained by nobody"),
        (("--learner.entropie", "1"), "did you mean 'learner.entropy'"),
        (("--learner", "a3c"), "unknown learner 'a3c'"),
        (("--what",), "unknown argument '--what'"),
        (("--compare", "x", "y"), "unknown suite or reference 'x'"),
        (("--compare", ".", "y"), "is no suite's folder"),
        (("--only", ",,"), "only = ',,' names no ability"),
        (("--only", "READINGS"), "did you mean 'reading'"),
        (("--budget", "-5s"), "budget = '-5s' is too small"),
        (("--learner", ":x"), "learner = ':x' is none: give a name, or module:Class"),
        (("--policy", "x:"), "give a name, or module:Class"),
        (("pipeline:lookup",), "takes pipeline in every experiment's own world: leave out :lookup"),
        (("pipeline", "react"), "'react' is one too many: the suite examines one agent at a time"),
        (("--compare", "x", "y", "z"), "--compare takes two suites: leave out 'z'"),
        (("--compare", "x", "y", "--seeds", "3"), "--compare trains nothing: leave out --seeds"),
    ],
)
def test_a_mistake_is_one_line(
    flags: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["suite", *flags]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "suite.json").exists()


def test_foreign_and_damaged_folders_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path / "theirs", {})
    assert main([*QUICK, "--out", str(folder)]) == 2
    assert "is no suite's: name another folder" in capsys.readouterr().err
    assert main(["suite", "--compare", str(folder), str(folder)]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_the_page_of_the_suite_has_the_abilities_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "suite.md").read_text(encoding="utf-8")
    table = described([ABILITIES.load(name) for name in ABILITIES.names()])
    assert table in page, "docs/suite.md is old: python benchmarks/suite.py --docs"


def test_the_help_names_every_ability(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["suite", "--help"])
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in ABILITIES.names())
