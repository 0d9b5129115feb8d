"""The libraries themselves: TensorBoard and wandb as installed; MLflow where it is installed, else a stand-in for it.

No test needs a network: wandb writes files only, and MLflow's store is a folder.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inwit
import mlflow_stand_in
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.runs import recording, tracking
from inwit.training.metrics import Update
from results import PROVEN
from soaking import NEVER, quiet
from support import python, small_config, whole_lines

FEW = {"max_updates": 5, "confirm": False, "checkpoint_every": NEVER}
MORE = {"max_updates": 13}


@pytest.fixture(autouse=True)
def examined(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line every two updates. Fast tests do not wait for 111,000 problems: `test_tracking.py` has the real result."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(tracking, "evaluate", lambda agent: PROVEN)
    monkeypatch.setattr(recording, "REPORT_EVERY", 2)


def train(**options: Any) -> Agent:
    return inwit.train(small_config(training=FEW), **{"tell": _no_word, **options})


def resume(agent: Agent, **options: Any) -> Agent:
    assert agent.path is not None
    return inwit.resume(agent.path, **{"tell": _no_word, "training": MORE, **options})


def _no_word(text: str) -> None:
    raise AssertionError(text)  # no tracker has failed


def killed(agent: Agent, track: str) -> None:
    """Go on with a run, and bring its folder to where a kill after 10 updates would have left it: the last checkpoint
    is that of update 5, and lines and events go on to update 9."""
    assert agent.path is not None
    path, kept = agent.path, agent.path.with_name("kept")

    def keep(update: Update) -> None:
        if update.index == 9:
            shutil.copytree(path, kept)

    resume(agent, track=track, callback=keep)
    shutil.rmtree(path)
    kept.rename(path)


def events(folder: Path) -> list[tuple[str, int]]:
    """Tag and step of everything in the event files, as it stands there: no reader has put it in order."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    every = [event for file in sorted(folder.iterdir()) for event in LegacyEventFileLoader(str(file)).Load()]
    return [(value.tag, event.step) for event in every for value in event.summary.value]


def accumulated(agent: Agent) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(_folder(agent) / "tensorboard"))
    read.Reload()
    return read


def _folder(agent: Agent) -> Path:
    assert agent.path is not None
    return agent.path


def test_tensorboard_gets_every_line_settings_result_and_status() -> None:
    agent = train(track="tensorboard", name="wide", tags=["a"])
    lines, read = whole_lines(_folder(agent) / "metrics.jsonl"), accumulated(agent)
    for name in ("loss", "success/0", "entropy", "value_error"):
        got = [(event.step, event.value) for event in read.Scalars(name)]
        assert got == [(line["update"], pytest.approx(tracking.scalars(line)[name])) for line in lines]
    [solved] = read.Scalars("result/solved")
    assert (solved.step, solved.value) == (5, PROVEN.solved)
    [status] = read.Tensors("status/text_summary")
    assert status.tensor_proto.string_val == [b"finished"]
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = HParamsPluginData.FromString(content).session_start_info.hparams
    assert settings["policy.width"].number_value == 8
    assert settings["policy.id"].string_value == "gru"
    assert (settings["inwit.name"].string_value, settings["inwit.tags"].string_value) == ("wide", "a")


def test_no_step_is_twice_in_the_event_files_after_a_kill() -> None:
    agent = train(track="tensorboard")
    killed(agent, "tensorboard")
    folder = _folder(agent) / "tensorboard"
    assert ("loss", 9) in events(folder)
    last = max(folder.iterdir())
    last.write_bytes(last.read_bytes()[:-5])  # the kill came while it was written
    resume(agent, track="tensorboard")
    found = Counter(events(folder))
    assert set(found.values()) == {1}
    assert [step for tag, step in found if tag == "loss"] == [1, 3, 5, 7, 9, 11, 13]
    read = accumulated(agent)
    assert [event.step for event in read.Scalars("loss")] == [1, 3, 5, 7, 9, 11, 13]
    assert [event.step for event in read.Scalars("result/solved")] == [5, 13]


def test_a_run_that_starts_over_begins_its_event_files_anew() -> None:
    agent = train(track="tensorboard")
    shutil.rmtree(_folder(agent) / "checkpoints")  # as if it had been killed before its first checkpoint
    record = json.loads((_folder(agent) / "run.json").read_bytes())
    (_folder(agent) / "run.json").write_text(json.dumps(record | {"status": "running", "summary": {}}))
    resume(agent, track="tensorboard", training={"max_updates": 5})
    assert set(Counter(events(_folder(agent) / "tensorboard")).values()) == {1}


def test_lines_without_a_tracker_reach_it_later() -> None:
    agent = resume(train(), track="tensorboard")
    assert [event.step for event in accumulated(agent).Scalars("loss")] == [1, 3, 5, 7, 9, 11, 13]


def test_an_interrupted_training_that_goes_on_has_its_last_status_once() -> None:
    agent = train(track="tensorboard", callback=lambda update: update.index < 2)  # the third is its last
    agent = resume(agent, track="tensorboard", callback=lambda update: False)
    assert [step for tag, step in events(_folder(agent) / "tensorboard") if tag.startswith("status")] == [4]


def test_a_folder_in_which_nothing_is_kept_goes_after_its_event_files(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(parts: object) -> Iterator[None]:
        raise RuntimeError("before the first update")
        yield

    monkeypatch.setattr(recording, "loop", broken)
    with pytest.raises(RuntimeError, match="before the first update"):
        train(track="tensorboard")
    assert list(runs.iterdir()) == []


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """wandb without a network, with all its files in a folder of the test."""
    module = pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    for name in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR", "ARTIFACT_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path))
    for name, value in {"MODE": "offline", "SILENT": "true", "ERROR_REPORTING": "false"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    for name in ("PROJECT", "RUN_ID", "NAME", "TAGS", "RESUME"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    yield module
    if module.run is not None:
        module.run.finish()
    module.teardown()  # the next test has other folders


def written(*folders: Path) -> dict[str, Any]:
    """What wandb has written there, read without wandb."""
    from wandb_files import written

    return written(*folders)


@pytest.mark.slow
def test_wandb_gets_everything_and_goes_on_in_the_same_run_after_a_kill(wandb: Any) -> None:
    agent = train(track="wandb", name="wide", tags=["a", "b"])
    killed(agent, "wandb")
    shutil.rmtree(_folder(agent) / "wandb")
    agent = resume(agent, track="wandb")
    found = written(_folder(agent) / "wandb")
    [name] = set(found["ids"])
    record = json.loads((_folder(agent) / "run.json").read_bytes())
    assert record["trackers"]["wandb"] == {"id": name, "project": "inwit", "entity": ""}
    assert (found["name"], found["tags"], found["exit"]) == ("wide", ["a", "b"], [0])
    assert (found["config"]["policy.width"], found["config"]["training.max_updates"]) == (8, 13)
    assert (found["summary"]["inwit.status"], found["summary"]["result/problems"]) == ("finished", 111_000)
    assert [line["update"] for line in found["history"]] == [11, 13]  # up to 9 it had them before
    assert wandb.run is None


@pytest.mark.slow
def test_a_wandb_run_that_the_user_has_opened_stays_open_and_as_it_was(wandb: Any, tmp_path: Path) -> None:
    user = wandb.init(project="mine", config={"seed": "of mine"})
    user.log({"mine": 1}, step=500)
    train(track="wandb")
    user.log({"mine": 2})
    told: list[str] = []
    assert train(track="wandb", tell=told.append).status == "finished"  # another training: it would begin at 1 again
    [text] = told
    assert "holds" in text
    assert wandb.run is user
    user.finish()
    found = written(tmp_path / "wandb")
    assert [line["update"] for line in found["history"] if "update" in line] == [1, 3, 5]
    assert [line["mine"] for line in found["history"] if "mine" in line] == [1, 2]
    assert (found["config"]["seed"], found["config"]["policy.width"]) == ("of mine", 8)
    assert found["summary"]["result/problems"] == 111_000


@pytest.mark.slow
def test_wandb_learns_how_a_training_ended_and_two_at_once_have_a_run_each(wandb: Any, runs: Path) -> None:
    def stop(update: Update) -> None:
        if threading.current_thread() is threading.main_thread():
            raise KeyError
        assert wandb.run is not None

    both = [threading.Thread(target=train, kwargs={"track": "wandb", "name": f"n{i}"}) for i in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    with pytest.raises(KeyError):
        train(track="wandb", name="n2", callback=stop)
    found = [written(folder / "wandb") for folder in sorted(runs.glob("n*"))]
    assert [each["exit"] for each in found] == [[0], [0], [255]]
    assert len({name for each in found for name in each["ids"]}) == 3
    assert [len(each["history"]) for each in found] == [3, 3, 1]
    assert wandb.run is None


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow with a store of the test's own; what the test sets in the environment goes with it."""
    for name in ("EXPERIMENT_ID", "EXPERIMENT_NAME", "RUN_ID"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")
        monkeypatch.delenv(f"MLFLOW_{name}")
    if importlib.util.find_spec("mlflow") is None:
        for name, module in mlflow_stand_in.modules().items():
            monkeypatch.setitem(sys.modules, name, module)
        yield sys.modules["mlflow"]
        return
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow
    from mlflow.tracking import fluent

    monkeypatch.setattr(fluent, "_active_experiment_id", None)
    mlflow.set_tracking_uri((tmp_path / "mlflow").as_uri())
    yield mlflow
    while mlflow.active_run():
        mlflow.end_run()


def run_of(mlflow: Any, agent: Agent) -> Any:
    record = json.loads((_folder(agent) / "run.json").read_bytes())
    return mlflow.MlflowClient().get_run(record["trackers"]["mlflow"]["run_id"])


def steps(mlflow: Any, run: Any, name: str = "loss") -> list[int]:
    return [point.step for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, name)]


def test_mlflow_gets_everything(mlflow: Any) -> None:
    agent = train(track="mlflow", name="wide", tags=["a", "b"])
    run = run_of(mlflow, agent)
    assert (run.info.run_name, run.info.status) == ("wide", "FINISHED")
    assert run.info.experiment_id == mlflow.MlflowClient().get_experiment_by_name("inwit").experiment_id
    assert (run.data.params["policy.width"], run.data.params["policy.id"]) == ("8", "gru")
    assert run.data.tags["inwit.run"] == _folder(agent).name
    assert (run.data.tags["inwit.tags"], run.data.tags["inwit.status"]) == ("a, b", "finished")
    assert run.data.metrics["result/solved"] == PROVEN.solved
    assert (steps(mlflow, run), steps(mlflow, run, "result/success_of/one door")) == ([1, 3, 5], [5])
    assert run.data.metrics["result/success_of/two doors_2c far apart 2"] == 0
    assert mlflow.active_run() is None


def test_mlflow_goes_on_in_the_same_run_after_a_kill_and_has_no_step_twice(mlflow: Any) -> None:
    agent = train(track="mlflow")
    first = run_of(mlflow, agent).info.run_id
    killed(agent, "mlflow")  # MLflow has the updates up to 13
    agent = resume(agent, track="mlflow", training={"max_updates": 17})
    run = run_of(mlflow, agent)
    assert (run.info.run_id, run.info.status) == (first, "FINISHED")
    assert steps(mlflow, run) == [1, 3, 5, 7, 9, 11, 13, 15, 17]
    assert run.data.params["training.max_updates"] == "5"  # parameters do not change
    assert run.data.tags["training.max_updates"] == "17"


def test_mlflow_learns_that_a_training_was_interrupted_or_failed(mlflow: Any, runs: Path) -> None:
    def stop(update: Update) -> None:
        raise KeyError

    def spoil(update: Update) -> None:
        for parameter in update.agent.policy.parameters():
            parameter.data.fill_(float("nan"))

    for callback, error, status in ((stop, KeyError, "KILLED"), (spoil, UserError, "FAILED")):
        with pytest.raises(error):
            train(track="mlflow", callback=callback)
        path = max(runs.iterdir())
        record = json.loads((path / "run.json").read_bytes())
        run = mlflow.MlflowClient().get_run(record["trackers"]["mlflow"]["run_id"])
        assert run.info.status == status
        assert mlflow.active_run() is None
        shutil.rmtree(path)


def test_an_mlflow_run_that_the_user_has_opened_stays_open_and_as_it_was(mlflow: Any) -> None:
    with mlflow.start_run() as user:
        mlflow.log_param("seed", "of mine")
        agent = train(track="mlflow")
        assert mlflow.active_run().info.run_id == user.info.run_id
        mlflow.log_metric("mine", 1)
        assert run_of(mlflow, agent).info.status == "RUNNING"
        resume(agent, track="mlflow")
        second = train(track="mlflow")  # another one in the same run would begin at step 1 again
        assert mlflow.active_run().info.run_id == user.info.run_id
    run, below = run_of(mlflow, agent), run_of(mlflow, second)
    assert run.info.run_id == user.info.run_id
    assert (run.info.status, run.info.experiment_id) == ("FINISHED", "0")
    assert (run.data.params["seed"], run.data.params["policy.width"], run.data.metrics["mine"]) == ("of mine", "8", 1)
    assert steps(mlflow, run) == [1, 3, 5, 7, 9, 11, 13]
    assert below.data.tags["mlflow.parentRunId"] == user.info.run_id
    assert steps(mlflow, below) == [1, 3, 5]
    assert mlflow.active_run() is None


def test_an_exception_leaves_the_users_mlflow_run_to_the_user(mlflow: Any) -> None:
    def stop(update: Update) -> None:
        raise KeyError

    with mlflow.start_run() as user:
        with pytest.raises(KeyError):
            train(track="mlflow", callback=stop)
        assert mlflow.active_run().info.run_id == user.info.run_id
        data = mlflow.MlflowClient().get_run(user.info.run_id)
        assert (data.info.status, data.data.tags["inwit.status"]) == ("RUNNING", "interrupted")


def test_the_users_experiment_is_taken_and_none_is_set(mlflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = mlflow.MlflowClient()
    train(track="mlflow")
    with mlflow.start_run() as after:
        assert after.info.experiment_id == "0"  # as without inwit
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "named")
    named = run_of(mlflow, train(track="mlflow"))
    assert named.info.experiment_id == client.get_experiment_by_name("named").experiment_id
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    mlflow.set_experiment("mine")
    mine = run_of(mlflow, train(track="mlflow"))
    assert mine.info.experiment_id == client.get_experiment_by_name("mine").experiment_id


def test_an_mlflow_run_of_another_experiment_or_none_at_all(mlflow: Any) -> None:
    """The user has set another experiment meanwhile; the run was deleted meanwhile."""
    agent = train(track="mlflow")
    first = run_of(mlflow, agent)
    mlflow.set_experiment("mine")
    resume(agent, track="mlflow")
    assert run_of(mlflow, agent).info.run_id == first.info.run_id
    assert (run_of(mlflow, agent).info.status, steps(mlflow, first)[-1]) == ("FINISHED", 13)
    record = json.loads((_folder(agent) / "run.json").read_bytes())
    record["trackers"]["mlflow"]["run_id"] = "f" * 32
    (_folder(agent) / "run.json").write_text(json.dumps(record))
    resume(agent, track="mlflow", training={"max_updates": 15})
    new = run_of(mlflow, agent)
    assert new.info.run_id != first.info.run_id
    assert steps(mlflow, new) == [1, 3, 5, 7, 9, 11, 13, 15]


def test_a_thread_has_an_mlflow_run_of_its_own(mlflow: Any) -> None:
    agents: list[Agent] = []
    with mlflow.start_run() as user:
        thread = threading.Thread(target=lambda: agents.append(train(track="mlflow")))
        thread.start()
        thread.join()
        assert mlflow.active_run().info.run_id == user.info.run_id
    assert run_of(mlflow, agents[0]).info.run_id != user.info.run_id


def test_names_that_mlflow_refuses_are_written_otherwise() -> None:
    from inwit.runs.trackers import _mlflow_name

    assert _mlflow_name("tokens_used/2/MUL") == "tokens_used/2/MUL"
    assert _mlflow_name("tokens_used/0/+") != _mlflow_name("tokens_used/0/*")
    assert _mlflow_name("result/success_of/2 operators, 1 slot") == "result/success_of/2 operators_2c 1 slot"
    assert _mlflow_name("tokens_used/0//") == "tokens_used/0/_2f"


KILL = """
import os, sys, inwit
def kill(update):
    if update.index == 155:
        os._exit(9)
inwit.train("tutorial", policy={"width": 8}, training={"confirm": False, "checkpoint_every": 0.5, "max_updates": 161},
    track="tensorboard", callback=kill)
"""


@pytest.mark.slow
def test_a_process_that_is_killed_loses_no_line_and_doubles_none(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "REPORT_EVERY", 10)  # as in the process
    assert python(KILL).returncode == 9
    [path] = runs.iterdir()
    recorded = [line["update"] for line in whole_lines(path / "metrics.jsonl")]
    assert [step for tag, step in events(path / "tensorboard") if tag == "loss"] == recorded
    inwit.resume(path, tell=quiet, track="tensorboard")
    every = events(path / "tensorboard")
    assert set(Counter(every).values()) == {1}
    assert [step for tag, step in every if tag == "loss"] == list(range(1, 162, 10))
