"""Going on with a run: as if it had never stopped, or one line that says why not."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch

import inwit
import soaking
from faults import FaultyDisk, disk
from inwit.commands.cli import main
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.core.registry import Entry
from inwit.learners import LEARNERS
from inwit.learners.a2c import A2C, A2CSettings
from inwit.policies import POLICIES
from inwit.runs import checkpoint, snapshot, writing
from inwit.runs.folder import read_metrics, read_whole_record, runs_folder
from inwit.runs.loading import find
from inwit.training.curricula import CURRICULA
from inwit.training.loop import prepare
from soaking import Cut, cut_at, quiet, refusal
from support import small_config, whole_lines

GROUPS = {"group_size": 4}
FIXED = {"confirm": False, "max_updates": 12}


def cut(at: int, **overrides: Any) -> Path:
    """A run cut off after update `at`."""
    with pytest.raises(Cut):
        inwit.train(small_config(**({"training": FIXED} | overrides)), callback=cut_at(at), tell=quiet)
    return find("latest")


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The outcome of the training that is `FIXED`, never cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INWIT_RUNS", str(tmp_path_factory.mktemp("uncut")))
        return soaking.outcome(inwit.train(small_config(training=FIXED), tell=quiet))


def edit(path: Path, **changes: Any) -> None:
    (path / "run.json").write_text(json.dumps(json.loads((path / "run.json").read_text()) | changes))


@pytest.mark.slow
@pytest.mark.parametrize("curriculum", CURRICULA.names())
def test_every_curriculum_goes_on_to_the_bit(curriculum: str) -> None:
    soaking.cuts(small_config(curriculum={"id": curriculum}, training=FIXED), 3)


@pytest.mark.slow
def test_hindsight_goes_on_to_the_bit() -> None:
    config = small_config(
        world={"id": "calculator-v0", "max_operators": 1}, hindsight={"rows": 8, "babble": 32}, training=FIXED
    )
    soaking.cuts(config, 3)


@pytest.mark.slow
def test_hindsight_goes_on_to_the_bit_in_any_letters_and_by_parts() -> None:
    config = small_config(
        world={"id": "calculator-v0", "max_operators": 2, "names": "any", "split": "longest"},
        hindsight={"rows": 8, "babble": 64, "prefer": "parts"},
        training=FIXED,
    )
    soaking.cuts(config, 3)


class Counting(A2C):
    """A learner with a state: how many losses it gave, which weighs the next one."""

    def __init__(self, settings: A2CSettings) -> None:
        super().__init__(settings)
        self.count = torch.zeros(())

    def losses(self, policy: Any, rollout: Any) -> Any:
        for loss, metrics in super().losses(policy, rollout):
            self.count.add_(1)
            yield loss * self.count, metrics

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.count.copy_(state["count"])


def test_a_learner_with_a_state_goes_on_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNERS._entries, "counting", Entry(Counting, "a test's"))
    soaking.cuts(small_config(learner={"id": "counting"}, training=FIXED), 2)


@pytest.mark.slow
def test_a_falling_rate_goes_on_where_it_was() -> None:
    """To the bit, and said if it is to fall along another line."""
    soaking.cuts(small_config(training=FIXED | {"learning_rate": 0.01, "last_rate": 0.1}), 2)
    path, told = cut(5, training=FIXED | {"last_rate": 0.1}), []
    inwit.resume(path, training={"max_updates": 20}, tell=told.append)
    assert told == [
        "training.last_rate = 0.1: with max_updates 12 -> 20 the learning rate falls along another line from here on"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("learner", LEARNERS.names())
def test_every_learner_and_policy_goes_on_to_the_bit(learner: str) -> None:
    settings = GROUPS if "group_size" in LEARNERS.load(learner).Settings.__dataclass_fields__ else {}
    for policy in POLICIES.names():
        soaking.cuts(small_config(learner={"id": learner, **settings}, policy={"id": policy}, training=FIXED), 2)


def test_a_test_of_bits_that_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were one generator forgotten, the comparison would show it."""
    capture = inwit.runs.snapshot.capture  # type: ignore[attr-defined]

    def forgetful(*arguments: Any, **more: Any) -> Any:
        made = capture(*arguments, **more)
        made.tensors["draws/actions"] = made.tensors["draws/tasks"].clone()
        return made

    monkeypatch.setattr("inwit.runs.snapshot.capture", forgetful)
    with pytest.raises(AssertionError, match="other weights"):
        soaking.cuts(small_config(training=FIXED), 2)


@pytest.mark.slow
def test_a_confirmed_end_is_the_same_after_a_cut() -> None:
    """The number of tries and when the next is due survive, too."""
    config = small_config(training={"max_updates": 12, "confirm_at": 0.0, "confirm_every": 5})
    soaking.cuts(config, 4)


def test_what_a_resumption_leaves() -> None:
    path = cut(11)
    storage.append(path / "metrics.jsonl", '{"update": 12, "torn')
    agent = inwit.resume(path, training={"max_updates": 30}, tell=quiet)
    record = read_whole_record(path)
    assert (record.status, agent.status, agent.path) == ("finished", "finished", path)
    assert [note["update"] for note in record.rest["resumed"]] == [11]
    assert record.config["training"]["max_updates"] == 30
    assert [line["update"] for line in whole_lines(path / "metrics.jsonl")] == [1, 11, 21]
    assert record.created < record.updated
    assert (path / "metrics.parquet").exists()
    seconds = [line["seconds"] for line in whole_lines(path / "metrics.jsonl")]
    assert seconds == sorted(seconds), "The clock goes on, it does not start again."


def test_a_damaged_line_costs_that_line_alone() -> None:
    path = cut(11)
    file = path / "metrics.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first[:-9] + b"\xff{torn  \n" + second)
    agent = inwit.resume(path, training={"max_updates": 30}, tell=quiet)
    assert agent.status == "finished"
    assert [line["update"] for line in read_metrics(path)] == [11, 21]
    with duckdb.connect() as connection:
        table = str(path / "metrics.parquet")
        assert connection.execute("SELECT update FROM read_parquet(?)", [table]).fetchall() == [(11,), (21,)]


def test_a_falling_learning_rate_is_told_that_the_end_has_moved() -> None:
    told: list[str] = []
    config = small_config(training={"max_updates": 11, "confirm": False, "last_rate": 0.1})
    agent = inwit.train(config, tell=quiet)
    assert agent.path is not None
    inwit.resume(agent.path, training={"max_updates": 12}, tell=told.append)
    assert len(told) == 1
    assert "11 -> 12" in told[0]
    assert "last_rate = 0.1" in told[0]


def test_a_falling_entropy_bonus_is_told_that_the_end_has_moved() -> None:
    told: list[str] = []
    agent = inwit.train(small_config(training={"max_updates": 3, "confirm": False, "last_entropy": 0.1}), tell=quiet)
    assert agent.path is not None
    inwit.resume(agent.path, training={"max_updates": 4}, tell=told.append)
    assert told == [
        "training.last_entropy = 0.1: with max_updates 3 -> 4 the entropy bonus falls along another line from here on"
    ]


@pytest.mark.slow
def test_a_finished_run_may_go_on_for_longer() -> None:
    short = inwit.train(small_config(training=FIXED), tell=quiet)
    long = inwit.train(small_config(training=FIXED | {"max_updates": 20}), tell=quiet)
    assert short.path is not None
    message = refusal(lambda: inwit.resume(short.path))  # type: ignore[arg-type]
    assert "has 12 updates already" in message
    assert "--training.max_updates 24" in message
    resumed = inwit.resume(short.path, training={"max_updates": 20}, tell=quiet)
    assert soaking.outcome(resumed) == soaking.outcome(long)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"learner": {"entropy": 0.7}}, r"learner\.entropy = 0\.7 is another training than .*, which has 0\.1"),
    ({"policy": {"width": 9}}, r"policy\.width = 9"),
    ({"seed": 3}, r"seed = 3 is another training"),
    ({"training": {"learning_rate": 0.5}}, r"training\.learning_rate = 0\.5"),
    ({"training": {"episodes": 64}}, r"training\.episodes = 64"),
    ({"world": {"max_steps": 5}}, r"world\.max_steps = 5"),
    ({"training": {"max_updates": 3}}, r"has 5 updates already"),
    ({"training": {"max_updats": 3}}, r"did you mean 'training\.max_updates'"),
]


@pytest.mark.parametrize(("overrides", "message"), BAD)
def test_another_training_is_refused(overrides: dict[str, Any], message: str) -> None:
    path = cut(5)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(UserError, match=message):
        inwit.resume(path, **overrides)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before, "Nothing may be lost."


def test_other_conditions_are_said() -> None:
    path = cut(11)  # one update is left: two threads on a busy processor wait for each other
    versions = read_whole_record(path).rest["versions"]
    edit(path, versions=versions | {"torch": "1.0.0"})
    told: list[str] = []
    inwit.resume(path, training={"threads": 2}, tell=told.append)
    [line] = told
    assert f"torch 1.0.0 -> {versions['torch']}" in line
    assert "threads 1 -> 2" in line
    assert read_whole_record(path).rest["versions"] == versions


@pytest.mark.slow
def test_a_renamed_or_copied_run_goes_on(tmp_path: Path) -> None:
    path = cut(5)
    other = Path(shutil.copytree(path, tmp_path / "elsewhere"))
    path = path.rename(path.with_name("new-name"))
    assert soaking.outcome(inwit.resume(other, tell=quiet)) == soaking.outcome(inwit.resume("new-name", tell=quiet))


def test_a_run_killed_before_its_first_checkpoint_starts_over(uncut: Any) -> None:
    path = cut(5)
    shutil.rmtree(path / "checkpoints")
    message = refusal(lambda: inwit.resume(path))
    assert "no undamaged checkpoint left" in message, "It had one: nothing is thrown away unasked."
    edit(path, status="running", summary={})
    assert soaking.outcome(inwit.resume(path, tell=quiet)) == uncut


def test_damaged_checkpoints_are_passed_over(uncut: Any) -> None:
    path = cut(5, training=FIXED | {"checkpoint_every": 0.0})
    assert len(checkpoint.listed(path)) >= 3
    (checkpoint.listed(path)[0] / "state.json").write_text("{")
    told: list[str] = []
    resumed = inwit.resume(path, tell=told.append)
    assert len(told) == 1
    assert "000005 is damaged" in told[0]
    assert soaking.outcome(resumed) == uncut


def test_lost_lines_are_said() -> None:
    path = cut(11)
    (path / "metrics.jsonl").unlink()
    told: list[str] = []
    inwit.resume(path, tell=told.append)
    assert "earlier lines are missing" in told[0]


def test_not_a_run(tmp_path: Path) -> None:
    assert "is not a run" in refusal(lambda: inwit.resume(tmp_path))
    assert "nowhere" in refusal(lambda: inwit.resume("nowhere"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_run() -> None:
    path = cut(5)
    path.chmod(0o555)
    try:
        assert "cannot be written to" in refusal(lambda: inwit.resume(path))
    finally:
        path.chmod(0o755)


def test_a_run_that_may_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    path = cut(5)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "copy it to a folder of your own" in refusal(lambda: inwit.resume(path))


def of_another_device(path: Path) -> None:
    """Give a run's checkpoint the generators of a GPU, whose states have 16 bytes."""
    kept = checkpoint.load(checkpoint.listed(path)[0])
    philox = {name: torch.zeros(16, dtype=torch.uint8) for name in kept.tensors if name.startswith("draws/")}
    shutil.rmtree(path / "checkpoints")
    metadata = writing.weights_metadata(inwit.resolve(read_whole_record(path).config))
    checkpoint.save(path, replace(kept, tensors=kept.tensors | philox), metadata)


def test_the_generators_of_another_device_are_replaced_by_fresh_ones(tmp_path: Path) -> None:
    """That is said, and is repeatable; what is drawn is neither what came before nor another stream's."""
    path, told = cut(5), []
    start = snapshot.capture(prepare(small_config(training=FIXED)), 0.0)
    of_another_device(path)
    twin = Path(shutil.copytree(path, tmp_path / "twin"))
    parts = prepare(small_config(training=FIXED))
    assert snapshot.restore(parts, checkpoint.load(checkpoint.listed(path)[0])) == list(parts.draws)
    after = {name: generator.get_state().numpy().tobytes() for name, generator in parts.draws.items()}
    before = {start.tensors[f"draws/{name}"].numpy().tobytes() for name in parts.draws}
    assert len({*after.values(), *before}) == 2 * len(parts.draws)
    resumed = inwit.resume(path, tell=told.append)
    assert (resumed.status, resumed.summary["update"]) == ("finished", 12)
    [line] = told
    assert "from update 5 on the random streams (" in line
    assert "kinds, tasks, actions" in line
    assert soaking.outcome(inwit.resume(twin, tell=quiet)) == soaking.outcome(resumed)


def test_the_generators_of_the_same_device_go_on_unsaid() -> None:
    path, told = cut(5), []
    inwit.resume(path, tell=told.append)
    assert told == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_device_that_is_not_here_is_one_line(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for, or named in the record; and the record's gives way to one that is here."""
    path = cut(5)
    before = (path / "run.json").read_bytes()
    assert main(["train", "--resume", str(path), "--training.device", device]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"inwit: unknown training.device {device!r}: ")
    assert error.count("\n") == 1
    assert (path / "run.json").read_bytes() == before
    config = read_whole_record(path).config
    config["training"]["device"] = device
    edit(path, config=config, device=device)
    assert main(["train", "--resume", str(path)]) == 2
    assert capsys.readouterr().err == error
    assert f"unknown training.device {device!r}" in refusal(lambda: inwit.resume(path))
    told: list[str] = []
    assert inwit.resume(path, tell=told.append, training={"device": "cpu"}).status == "finished"
    assert f"device {device} -> cpu" in told[0] or read_whole_record(path).rest["device"] == "cpu"


def test_an_interrupt_in_the_first_update_after_resuming_leaves_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the run was killed before and had no weights of its own."""
    path = cut(3)
    (path / "weights.safetensors").unlink()
    edit(path, status="running")

    def interrupt(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("inwit.training.loop.collect", interrupt)
        with pytest.raises(KeyboardInterrupt, match="what was trained is kept as"):
            inwit.resume(path, tell=quiet)
    agent = inwit.load(path)
    assert (agent.status, agent.summary["update"]) == ("interrupted", 3)
    whole = inwit.train(small_config(training=FIXED), tell=quiet)
    assert soaking.outcome(inwit.resume(path, tell=quiet)) == soaking.outcome(whole)


def test_a_run_in_training_is_left_alone() -> None:
    path = cut(5)
    with storage.locked(path / "lock"):
        assert "another process" in refusal(lambda: inwit.resume(path))


def test_a_failed_end_is_made_up_for() -> None:
    """The disk is full when the weights are to be written: the last checkpoint is good, and resuming only ends it."""
    path = inwit.train(small_config(training=FIXED), tell=quiet).path
    assert path is not None
    (path / "weights.safetensors").unlink()
    edit(path, status="failed")
    agent = inwit.resume(path, tell=quiet)
    assert (agent.status, agent.summary["update"]) == ("finished", 12)
    assert inwit.load(path).summary == agent.summary


def test_an_interrupted_resumption_stays_resumable(uncut: Any) -> None:
    path = cut(3)

    def interrupt(update: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    agent = inwit.resume(path, callback=interrupt, tell=quiet)
    assert (agent.status, agent.summary["signal"]) == ("interrupted", "SIGTERM")
    resumed = inwit.resume(path, tell=quiet)
    assert "signal" not in resumed.summary
    assert soaking.outcome(resumed) == uncut


def test_a_full_disk_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status, at most a line for each thing that was refused, with the path; no word of a kept run."""
    flags = ["--policy.width", "4", "--training.episodes", "32", "--training.max_updates", "5"]
    for kth in (1, 12, 40):
        with disk(FaultyDisk(kth, errno.ENOSPC, stays=True)):
            assert main(["train", *flags, "--training.checkpoint_every", "0", "--training.confirm", "false"]) == 2
        told = capsys.readouterr()
        lines = told.err.splitlines()
        assert 1 <= len(lines) <= 3
        for line in lines:
            assert str(runs_folder()) in line
            assert "No space left on device" in line
        assert "the training goes on" not in lines[-1]
        assert "run:" not in told.out
        assert "kept" not in told.out + told.err


def test_a_second_interrupt_while_saving(uncut: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves at once; the checkpoint before stands, and the run goes on from there."""
    path = cut(3)
    save, asked = checkpoint.save, []

    def interrupted(*arguments: Any) -> Path:
        asked.append(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", interrupted)
    with pytest.raises(KeyboardInterrupt, match="its last checkpoint stands"):
        inwit.resume(path, tell=quiet)
    assert len(asked) == 1
    monkeypatch.setattr(checkpoint, "save", save)
    assert soaking.outcome(inwit.resume(path, tell=quiet)) == uncut


def test_an_interrupt_in_the_midst_of_an_update_keeps_the_checkpoint_before(
    uncut: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an update has half done is in no checkpoint."""
    path, collect, calls = cut(3), inwit.collect, []

    def interrupt(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return collect(*arguments, **options)

    monkeypatch.setattr("inwit.training.loop.collect", interrupt)
    with pytest.raises(KeyboardInterrupt, match="what was trained is kept as"):
        inwit.resume(path, tell=quiet)
    monkeypatch.setattr("inwit.training.loop.collect", collect)
    assert [file.name for file in checkpoint.listed(path)] == ["000003"]
    assert inwit.load(path).summary["update"] == 5
    assert soaking.outcome(inwit.resume(path, tell=quiet)) == uncut


@pytest.mark.slow
def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    path = cut(3)
    assert main(["train", "tutorial", "--resume", str(path)]) == 2
    assert "leave out 'tutorial'" in capsys.readouterr().err
    assert main(["train", "--resume", str(path), "--learner.entropy", "0.3"]) == 2
    assert "learner.entropy = 0.3 is another training" in capsys.readouterr().err
    assert main(["train", "--resume", "latest", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["update"] == 12
    assert main(["train", "--resume", "latest"]) == 2
    assert "has 12 updates already" in capsys.readouterr().err
