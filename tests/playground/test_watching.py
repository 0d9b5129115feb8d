"""What a page asks about runs: the list, trainings that it starts and stops, pages of runs; and all that it may not."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import inwit
from inwit.core.errors import UserError
from inwit.playground import settings_offered
from inwit.playground.asking import Runs
from inwit.playground.watching import FOLLOWERS, part
from inwit.runs import index
from inwit.training import recipes
from inwit.training.config import resolve
from recorded import begun, edit, lines, metric, setting
from soaking import quiet
from support import python, small_config
from watched import TINY, Page, put_golden, resident, until


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page()
    yield page
    page.gone.set()
    page.watching.close()


def many(runs: Path, count: int) -> None:
    """Run folders with records alone, a second apart; some of another recipe."""
    put_golden(runs, "run-000")
    record = json.loads((runs / "run-000" / "run.json").read_text())
    for number in range(count):
        path = runs / f"run-{number:03d}"
        path.mkdir(exist_ok=True)
        begun(record, f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}+00:00")
        record["config"]["recipe"] = "Other" if number % 100 == 7 else "tutorial"
        (path / "run.json").write_text(json.dumps(record))


def test_the_list_of_400_runs_is_read_once(runs: Path, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    many(runs, 400)
    reads, read = [], index.read_record
    monkeypatch.setattr(index, "read_record", lambda path: (reads.append(path.name), read(path))[1])
    told = page.ask("runs")
    assert (told["all"], told["fitting"], len(told["runs"]), len(reads)) == (400, 400, 200, 400)
    assert [row["run"] for row in told["runs"]] == [f"run-{number:03d}" for number in range(399, 199, -1)]
    begin = time.perf_counter()
    assert page.ask("runs", text="") == told
    assert time.perf_counter() - begin < 1, "it takes about 10 ms"
    assert len(reads) == 400, "nothing is read again"
    edit(runs / "run-123", setting("recipe", "third"))
    found = page.ask("runs", text="THIRD 123")
    assert (found["all"], found["fitting"], [row["run"] for row in found["runs"]]) == (400, 1, ["run-123"])
    assert len(reads) == 401, "only what has changed"
    assert page.ask("runs", text="other tutorial-v1")["fitting"] == 4
    assert page.ask("runs", text="no-such")["runs"] == []
    assert len(list(runs.iterdir())) == 401, "400 runs and the index: nothing is deleted or added"


def test_a_row(runs: Path, page: Page) -> None:
    assert page.ask("runs") == {"runs": [], "fitting": 0, "all": 0}
    path = put_golden(runs, "one", lambda record: record.update(status="running", name="wide", tags=["a"]))
    lines(path, [metric(500, [0.5]), "torn"])
    [row] = page.ask("runs", text="wide")["runs"]
    assert (row["status"], row["updates"], row["seconds"], row["here"]) == ("stopped", 500, 250, False)
    assert (row["world"], row["policy"], row["learner"], row["recipe"]) == ("tutorial-v1", "gru", "a2c", "tutorial")
    assert (row["seed"], row["problems"], row["name"], row["tags"]) == (0, 111_000, "wide", ["a"])


def test_the_list_needs_no_pytorch(runs: Path) -> None:
    done = python(
        "import sys\n"
        "from inwit.playground.asking import Runs\n"
        "from inwit.playground.watching import part\n"
        "answers = part(Runs()).answers\n"
        "assert answers['runs']({'text': ''}, None)['all'] == 0\n"
        "assert 'torch' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_recipes_come_with_the_settings_that_their_classes_have(page: Page) -> None:
    answer = page.ask("recipes")
    told = {each["name"]: each for each in answer["recipes"]}
    assert answer["default"] in told
    assert list(told) == recipes.names()
    for name, each in told.items():
        config = resolve(name)
        assert each["world"] == config.world.id
        assert each["about"]
        fields = {field["name"]: field for field in each["settings"]}
        assert list(fields)[:3] == ["seed", "training.max_updates", "training.episodes"]
        assert fields["policy.width"]["default"] == config.policy.settings.width
        assert (fields["policy.width"]["least"], fields["policy.width"]["most"]) == (1, 512)
        assert fields["policy.id"]["default"] in fields["policy.id"]["choices"]
        assert all(field["help"] and field["type"] in ("whole", "number", "choice") for field in fields.values())
        given = {field["name"]: field["default"] for field in each["settings"][1:]}
        assert settings_offered.checked(name, fields["seed"]["default"], given)[0] == config, (
            "its own settings change nothing"
        )


REFUSED = [
    ({"recipe": "tutoral"}, r"unknown recipe 'tutoral': did you mean 'tutorial'\? valid: "),
    ({"recipe": "/etc/passwd"}, "unknown recipe '/etc/passwd': valid: "),
    ({"recipe": "-"}, "unknown recipe '-'"),
    ({"recipe": ["tutorial"]}, "unknown recipe"),
    ({"recipe": None}, "unknown recipe"),
    ({"seed": -1}, "seed = -1 is too small: it must be at least 0"),
    ({"seed": "1; rm"}, "seed = '1; rm' is not a whole number"),
    ({"seed": {"a": 1}}, "seed = .* is not a whole number"),
    ({"settings": [1]}, r"settings = \[1\] are no settings: give values by name"),
    ({"settings": {"policy.width": 5000}}, r"policy\.width = 5000 is too large: it must be at most 4096"),
    ({"settings": {"policy.width": 513}}, r"policy\.width = 513 is too large here: .* 512; inwit train takes more$"),
    ({"settings": {"policy.width": "wide"}}, r"policy\.width = 'wide' is not a whole number"),
    ({"settings": {"policy.width": {"x": 1}}}, r"policy\.width = .* is not a whole number"),
    ({"settings": {"policy.id": "../gru"}}, "unknown policy '../gru'"),
    ({"settings": {"training.start_from": "latest"}}, r"unknown setting 'training\.start_from': .*valid: training"),
    ({"settings": {"training.device": "cuda"}}, r"unknown setting 'training\.device'"),
    ({"settings": {"--name": "x"}}, "unknown setting '--name'"),
    ({"settings": {"training.episodes": 100}}, r"training\.episodes = 100 is no multiple of learner\.group_size = 16"),
    ({"settings": {"training.max_updates": 10**400}}, r"training\.max_updates = \S+ is too large"),
    ({"settings": {"training.learning_rate": "nan"}}, r"training\.learning_rate = 'nan' is not a finite number"),
]


@pytest.mark.parametrize(("wrong", "why"), REFUSED)
def test_what_no_training_is_started_with(wrong: dict, why: str, page: Page, runs: Path) -> None:
    with pytest.raises(UserError, match=f"^{why}") as refused:
        page.ask("start", **{"recipe": "tutorial", "seed": 0, "settings": {}, **wrong})
    assert "\n" not in str(refused.value)
    assert not runs.exists()
    assert page.watching.trainings.running() == []


@pytest.mark.parametrize(
    "run", ["other", "../one", "/tmp", "one/", "./one", "", "latest", "one@best", None, 3, ["one"]]
)
@pytest.mark.parametrize("ask", ["stop", "follow", "snapshots", "page"])
def test_only_names_of_the_list_are_runs(ask: str, run: object, page: Page, runs: Path) -> None:
    (runs / "one").mkdir(parents=True)
    (runs / "one" / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        page.ask("follow", run="one")
    with pytest.raises(UserError, match=r"^no run here is called .*: choose one of the list of runs$"):
        page.ask(ask, run=run)


def test_only_what_was_started_here_is_stopped(page: Page, runs: Path) -> None:
    put_golden(runs, "one", lambda record: record.update(status="running"))
    with pytest.raises(UserError, match=r"^'one' was not started here: stop it where it was started$"):
        page.ask("stop", run="one")


def test_lines_are_pushed_until_the_page_leaves(page: Page, runs: Path) -> None:
    path = put_golden(runs, "one", lambda record: record.update(status="running"))
    told = page.ask("follow", run="one")
    assert (told["run"], told["number"], told["status"], told["most"]) == ("one", 1, "stopped", 40)
    assert (told["recipe"], told["seed"], told["world"], told["policy"]) == ("tutorial", 0, "tutorial-v1", "gru")
    assert page.waits_for("end", seconds=10)[0]["status"] == "stopped"
    until(lambda: not page.watching._following, 5)
    with inwit.core.storage.locked(path / "lock"):
        numbers = [page.ask("follow", run="one", **{"from": [9**9, 0, 9**9]})["number"] for _ in range(FOLLOWERS)]
        with pytest.raises(UserError, match=r"^32 runs are followed already"):
            page.ask("follow", run="one")
        page.ask("unfollow", number=numbers[0])
        page.ask("unfollow", number="x")
        until(lambda: len(page.watching._following) == FOLLOWERS - 1, 5)
        page.gone.set()
        until(lambda: not page.watching._following, 5)


def test_what_cannot_be_read_ends_the_lines_with_a_sentence(
    page: Page, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_golden(runs, "one")

    def broken(update: int) -> None:
        raise ZeroDivisionError("theirs")

    monkeypatch.setattr(page.watching.specimens, "at", lambda run, update: broken(update))
    page.ask("follow", run=path.name)
    [end] = page.waits_for("end", seconds=10)
    assert end["text"] == "the run cannot be followed any further: ZeroDivisionError: theirs"


def test_a_page_is_made_in_the_run_s_folder(page: Page, monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    chosen = {"snapshots": (0, 1), "max_updates": 2, "confirm": False}
    run = str(inwit.train(small_config(training=chosen), tell=quiet).name)
    assert page.ask("snapshots", run=run)["updates"] == [0, 1, 2]
    (runs / run / "page.html").write_text("mine")
    with pytest.raises(UserError, match=r"page\.html is no page of inwit's: move it$"):
        page.ask("page", run=run)
    file = runs / run / "page.html"
    assert file.read_text() == "mine"
    file.unlink()
    file.symlink_to(runs / "elsewhere.html")
    with pytest.raises(UserError, match=r"page\.html is a link: remove it$"):
        page.ask("page", run=run)
    assert not (runs / "elsewhere.html").exists()
    page.gone.set()
    monkeypatch.setattr("inwit.playground.watching.Command", None)
    assert page.ask("page", run=run) == {}, "nobody waits for it: nothing is begun"


@pytest.mark.slow
def test_a_page_of_a_run(page: Page, runs: Path) -> None:
    short = {"max_updates": 1, "confirm": False}
    run = str(inwit.train(small_config(policy={"id": "memoryless"}, training=short), tell=quiet).name)
    told = page.ask("page", run=run)
    assert told == {"run": run, "page": str(runs / run / "page.html")}
    assert "agents" not in told
    assert (runs / run / "page.html").read_text().startswith("<!doctype html>")


def test_the_part_has_all_answers_and_an_end() -> None:
    made = part(Runs())
    assert set(made.answers) >= {"runs", "recipes", "start", "stop", "follow", "page", "snapshots"}
    made.close()


def started(page: Page, *given: dict) -> list[str]:
    """Start trainings at the same time; their runs."""
    with ThreadPoolExecutor(len(given)) as pool:
        asked = [pool.submit(page.ask, "start", recipe="tutorial", **each) for each in given]
        return [each.result()["run"] for each in asked]


def tiny(seed: int, **more: object) -> dict:
    return {"seed": seed, "settings": TINY | more}


@pytest.mark.slow
def test_trainings_are_started_followed_and_stopped_and_nothing_is_left(page: Page, runs: Path) -> None:
    """`benchmarks/soak.py trainings` starts and stops many."""
    stopped_and_killed(page, runs)
    before = resident()
    failed_and_ended(page)
    assert not page.children()
    assert resident() - before < 20


def stopped_and_killed(page: Page, runs: Path) -> None:
    run, second = started(page, tiny(3), tiny(4))
    record = json.loads((runs / run / "run.json").read_text())
    assert (record["seed"], record["config"]["policy"]["width"], record["tags"]) == (3, 4, ["playground"])
    other = Page(page.watching)
    for each in (page, other):
        each.ask("follow", run=run)
    assert page.waits_for("report", 2)[0]["update"] == 1
    assert [row["here"] for row in page.ask("runs")["runs"]] == [True, True]
    with pytest.raises(UserError, match=r"^2 trainings run already, \S+ and \S+: stop one, or wait until one ends$"):
        page.ask("start", recipe="tutorial", **tiny(5))
    killed, third = page.watching.trainings.of(second), Page(page.watching)
    assert killed is not None
    third.ask("follow", run=second)
    os.kill(killed.process.pid, signal.SIGKILL)
    assert third.waits_for("end")[0]["status"] == "stopped"
    child = page.watching.trainings.of(run)
    assert child is not None
    assert os.getsid(child.process.pid) == child.process.pid, "Ctrl-C in the server's terminal does not reach it"
    assert os.getpriority(os.PRIO_PROCESS, child.process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    told = page.ask("stop", run=run)
    assert told["status"] == "interrupted"
    assert told["text"] == f"the training was stopped; inwit train --resume {run} goes on with it"
    for each in (page, other):
        assert each.waits_for("end")[0]["update"] == told["update"]
        updates = [line["update"] for line in each.pushed("report")]
        assert updates == sorted(set(updates))
        assert {0, 1, 11} <= {line["update"] for line in each.pushed("specimen")}
    assert page.ask("stop", run=run) == told, "a second time, nothing happens"
    shutil.rmtree(runs / run)
    assert page.ask("stop", run=run)["status"] == "gone", "a training is stopped by its name, not by its folder"


def failed_and_ended(page: Page) -> None:
    """A failure is told, and the server's end stops what goes on."""
    page.lines.clear()
    lost, third = started(page, tiny(6, **{"training.learning_rate": 1e30}), tiny(5))
    page.ask("follow", run=lost)
    [end] = page.waits_for("end")
    assert end["status"] == "failed"
    assert re.search(
        r"^the training failed: .* is (inf|nan) at update .*try a smaller training\.learning_rate", end["text"]
    )
    page.ask("follow", run=third)
    page.waits_for("report", 2)
    page.watching.close()
    assert page.told == [f"the training {third} is stopped; go on with: inwit train --resume {third}"]
    with pytest.raises(UserError, match="the playground is ending"):
        page.ask("start", recipe="tutorial", **tiny(6))


@pytest.mark.slow
def test_a_training_that_cannot_begin_says_why(page: Page, runs: Path) -> None:
    runs.parent.mkdir(exist_ok=True)
    runs.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"^the training did not begin: cannot write a run under .*set INWIT_RUNS"):
        page.ask("start", recipe="tutorial", seed=0, settings=TINY)
    assert not page.children()


@pytest.mark.slow
def test_snapshots_change_no_weight(runs: Path) -> None:
    config, given = settings_offered.checked("tutorial", 1, {"policy.width": 4, "training.max_updates": 30})
    flags = settings_offered.flags(config, given)
    assert flags[-2:] == ["--training.snapshots", "0,1,11,21,30"]
    with_them = inwit.train(
        "tutorial", seed=1, policy={"width": 4}, training={"max_updates": 30, "snapshots": flags[-1]}
    )
    without = inwit.train(config)
    weights = [(each.path / "weights.safetensors").read_bytes() for each in (with_them, without) if each.path]
    assert len(weights) == 2
    assert weights[0] == weights[1]


def test_the_snapshots_of_a_training_take_no_more_than_200_mb() -> None:
    moments = settings_offered.moments
    assert (len(moments(3000, 10**6)), moments(30, 10**6)) == (61, [0, 1, 11, 21, 30])
    for most in (2, 3, 10, 60):
        found = moments(3000, most)
        assert len(found) <= most
        assert (found[0], found[-1]) == (0, 3000)
        assert set(found) <= set(moments(3000, 61))
    assert moments(3000, 0) == moments(3000, 2) == [0, 3000]
    config, given = settings_offered.checked("tutorial", 0, {"policy.id": "transformer", "policy.width": 512})
    kept = settings_offered.flags(config, given)[-1].split(",")
    assert 2 < len(kept) <= 200_000_000 // 25_000_000, "each takes 25 MB"
