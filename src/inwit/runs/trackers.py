"""The three trackers, each in the ways of its own library. None is imported before it is asked for.

A run that the user has opened (`mlflow.start_run()`, `wandb.init()`) is the user's: inwit writes into it and leaves it
open, its status and its experiment as they are. Otherwise inwit opens a run of its own, and ends it.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from inwit.core import storage
from inwit.core.errors import how_to_get
from inwit.core.results import Json

OWNER = "inwit.run"  # under this name a tracker's run says which run of inwit it holds


class Start(NamedTuple):
    """What a tracker is told of a run."""

    path: Path
    name: str  # that it was given, or its folder's
    tags: list[str]
    settings: Json  # flat, as in `policy.width`
    update: int  # after which it goes on
    sent: int  # the last update of which an earlier process may have sent a line
    known: Json  # the `known` of an earlier process's tracker; empty if there was none

    @property
    def texts(self) -> dict[str, str]:
        """What is not a setting."""
        return {OWNER: self.path.name, "inwit.name": self.name, "inwit.tags": ", ".join(self.tags)}


class Tracker(Protocol):
    """Made for a `Start`, it is open. Each function may raise anything."""

    known: Json  # what finds it again after a resumption
    last: int  # the last update that it has

    def begin(self, about: Start) -> None: ...
    def log(self, values: dict[str, float], update: int) -> None: ...
    def end(self, status: str, result: dict[str, float], update: int) -> None: ...


class _TensorBoard:
    """Event files in the run's folder. Those of an earlier process are cut off where the run goes on."""

    def __init__(self, about: Start) -> None:
        folder = about.path / "tensorboard"
        self.known: Json = {}
        self.last, self.is_new = 0, True
        for file in sorted(folder.glob("events.out.tfevents.*")):
            self.is_new = False
            self._cut(file, about.update)
        # A TensorBoard that has read what was cut off drops it when it sees this step.
        purge = None if self.is_new else about.update + 1
        self.writer = import_module("torch.utils.tensorboard").SummaryWriter(str(folder), purge_step=purge)

    def _cut(self, file: Path, update: int) -> None:
        """Cut a file off at its first event behind `update`, or at a torn one. The status at `update` goes, too."""
        loading = import_module("tensorboard.backend.event_processing.event_file_loader")
        event_of = import_module("tensorboard.compat.proto.event_pb2").Event.FromString
        end = 0
        for data in loading.RawEventFileLoader(str(file)).Load():
            event = event_of(data)
            tags = [value.tag for value in event.summary.value]
            if event.step > update or (event.step == update and "status/text_summary" in tags):
                break
            end += len(data) + 16  # a record is its length (8 bytes), a sum (4), the data, a sum (4)
            self.last = max(self.last, event.step if tags else 0)
        if end < file.stat().st_size:
            storage.truncate(file, end)

    def begin(self, about: Start) -> None:
        if not self.is_new:
            return
        self.writer.add_text("config", f"```\n{about.settings}\n```", 0)
        plain = {name: v if isinstance(v, bool | int | float) else str(v) for name, v in about.settings.items()}
        for summary in self._hparams(plain | about.texts, {"result/success": 0.0})[:2]:  # the third is for the end
            self.writer.file_writer.add_summary(summary, 0)

    def _hparams(self, *settings: dict[str, Any]) -> Any:
        return import_module("torch.utils.tensorboard.summary").hparams(*settings)

    def log(self, values: dict[str, float], update: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, update)
        self.writer.flush()  # so that a kill loses nothing

    def end(self, status: str, result: dict[str, float], update: int) -> None:
        for name, value in result.items():
            self.writer.add_scalar(name, value, update)
        self.writer.add_text("status", status, update)
        if status == "finished":
            self.writer.file_writer.add_summary(self._hparams({}, {})[2], update)
        self.writer.close()


class _Wandb:
    """A run in the project inwit, or in that which the environment names."""

    mine: ClassVar[set[str]] = set()  # ids of the runs that inwit has open in this process
    opening = threading.Lock()

    def __init__(self, about: Start) -> None:
        wandb = import_module("wandb")
        with self.opening:
            theirs = wandb.run is not None and wandb.run.id not in self.mine
            self.run: Any = wandb.run if theirs else _wandb_run(wandb, about)
            if not theirs:
                self.mine.add(self.run.id)
        self.is_own = not theirs
        self.known: Json = {"id": self.run.id, "project": self.run.project, "entity": self.run.entity}
        holds = self.run.config.get(OWNER)
        if holds not in (None, about.path.name):
            raise RuntimeError(f"the run {self.run.id} holds {holds} already: finish it first, or open one for each")
        reached = self.run.summary.get("update") if holds else None
        self.last = reached if isinstance(reached, int) else 0
        if reached is None and about.known.get("id") == self.run.id:
            self.last = about.sent  # offline, wandb does not know what it had
        self.axis: set[str] = set()

    def begin(self, about: Start) -> None:
        settings = about.settings | about.texts
        if not self.is_own:  # what the user has set stays
            settings = {name: value for name, value in settings.items() if name not in self.run.config}
        self.run.config.update(settings, allow_val_change=self.is_own)
        self.run.summary.update({"inwit.status": "running"})
        self.run.define_metric("update")

    def log(self, values: dict[str, float], update: int) -> None:
        # Not with wandb's own step: that may stand elsewhere in a user's run, and cannot go back.
        for name in values.keys() - self.axis:
            self.run.define_metric(name, step_metric="update")
            self.axis.add(name)
        self.run.log(values | {"update": update})

    def end(self, status: str, result: dict[str, float], update: int) -> None:
        try:
            self.run.summary.update(result | {"inwit.status": status})
        finally:
            if self.is_own:
                self.mine.discard(self.run.id)
                self.run.finish(exit_code={"finished": 0, "interrupted": 255}.get(status, 1))


def _wandb_run(wandb: Any, about: Start) -> Any:
    """A new run, or the one that an earlier process had. It becomes `wandb.run` if there is none."""
    options: Json = {"name": about.name, "tags": about.tags or None, "dir": str(about.path)}
    if isinstance(about.known.get("id"), str):
        options |= {name: about.known.get(name) or None for name in ("id", "project", "entity")} | {"resume": "allow"}
    elif not (os.environ.get("WANDB_PROJECT") or wandb.setup().settings.project):
        options["project"] = "inwit"
    if wandb.run is not None:
        options["reinit"] = "create_new"
    return wandb.init(**options)


class _MLflow:
    """A run in the experiment inwit, or in that which the user has set; below a run that holds another training."""

    STATUS: ClassVar = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}

    def __init__(self, about: Start) -> None:
        self.mlflow = import_module("mlflow")
        self.client = self.mlflow.MlflowClient()
        active, folder = self.mlflow.active_run(), about.path.name
        theirs = active and self.client.get_run(active.info.run_id).data.tags.get(OWNER) in (None, folder)
        self.is_own = not theirs
        run = active if theirs else self._opened(about, active)
        self.id: str = run.info.run_id
        self.known: Json = {"run_id": self.id}
        self.last = 0

    def _opened(self, about: Start, active: Any) -> Any:
        """A new run, or the one that an earlier process had, if it is still there."""
        known = about.known.get("run_id")
        if isinstance(known, str) and self._is_there(known):
            try:
                return self.mlflow.start_run(run_id=known, nested=active is not None)
            except self.mlflow.MlflowException:  # the user has set another experiment meanwhile
                self.client.update_run(known, status="RUNNING")
                return self.client.get_run(known)
        experiment = active.info.experiment_id if active else self._experiment()
        return self.mlflow.start_run(run_name=about.name, experiment_id=experiment, nested=active is not None)

    def _is_there(self, run_id: str) -> bool:
        try:
            return self.client.get_run(run_id).info.lifecycle_stage == "active"
        except self.mlflow.MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def _experiment(self) -> str | None:
        """The id of the experiment inwit; None, which MLflow understands, where the user has set one."""
        if {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"} & os.environ.keys():
            return None  # `mlflow.set_experiment` sets the second
        found = self.client.get_experiment_by_name("inwit")
        return found.experiment_id if found else self.client.create_experiment("inwit")

    def begin(self, about: Start) -> None:
        """Send what does not change. A parameter cannot be changed: one that the run has with another value becomes a
        tag."""
        entities = import_module("mlflow.entities")
        settings = {name: str(value)[:500] for name, value in about.settings.items()}  # longer ones are refused
        data = self.client.get_run(self.id).data
        if data.tags.get(OWNER):
            self.last = max((point.step for point in self.client.get_metric_history(self.id, "tokens")), default=0)
        changed = {name: text for name, text in settings.items() if data.params.get(name, text) != text}
        params = [entities.Param(name, text) for name, text in settings.items() if name not in data.params]
        tags = about.texts | {"inwit.status": "running"} | changed
        for start in range(0, len(params), 100):  # more at once are refused
            self.client.log_batch(self.id, params=params[start : start + 100])
        self.client.log_batch(self.id, tags=[entities.RunTag(*pair) for pair in tags.items()])

    def log(self, values: dict[str, float], update: int) -> None:
        metric, now = import_module("mlflow.entities").Metric, int(1000 * time.time())
        named = {_mlflow_name(name): value for name, value in values.items()}
        self.client.log_batch(self.id, metrics=[metric(name, value, now, update) for name, value in named.items()])

    def end(self, status: str, result: dict[str, float], update: int) -> None:
        try:
            if result:
                self.log(result, update)
            self.client.set_tag(self.id, "inwit.status", status)
        finally:
            self._terminate(self.STATUS[status])

    def _terminate(self, status: str) -> None:
        active = self.mlflow.active_run()
        if self.is_own and active and active.info.run_id == self.id:
            self.mlflow.end_run(status)
        elif self.is_own:  # the user has opened one above it
            self.client.set_terminated(self.id, status)


def _mlflow_name(name: str) -> str:
    """MLflow refuses most signs, and slashes that name no folder: these become their number."""
    return re.sub(r"[^\w.\- /]|(?<=/)/|^/|/$", lambda sign: f"_{ord(sign[0]):x}", name)[:250]


# The module that each needs, how to get it, and what opens it.
TRACKERS: dict[str, tuple[str, str, Callable[[Start], Tracker]]] = {
    "tensorboard": ("torch.utils.tensorboard", how_to_get("track"), _TensorBoard),
    "wandb": ("wandb", "pip install wandb", _Wandb),
    "mlflow": ("mlflow", "pip install mlflow", _MLflow),
}
