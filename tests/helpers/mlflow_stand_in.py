"""A stand-in for MLflow, which is too heavy to install for these tests: what inwit uses of it, by MLflow's rules.

Where MLflow is installed, the same tests take it instead (see `tests/runs/test_trackers.py`).
"""

from __future__ import annotations

import os
import re
import threading
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple


class MlflowException(Exception):  # noqa: N818  MLflow calls it so
    def __init__(self, text: str, error_code: str = "INVALID_PARAMETER_VALUE") -> None:
        super().__init__(text)
        self.error_code = error_code


class Metric(NamedTuple):
    key: str
    value: float
    timestamp: int
    step: int


class Param(NamedTuple):
    key: str
    value: str


class RunTag(NamedTuple):
    key: str
    value: str


class Store:
    """All that a server has, and what a process has set."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {"Default": "0"}
        self.runs: dict[str, Any] = {}
        self.metrics: dict[str, list[Metric]] = {}
        self.chosen: str | None = None
        self.active = threading.local()

    @property
    def stack(self) -> list[Any]:
        if not hasattr(self.active, "runs"):
            self.active.runs = []
        return self.active.runs

    def get_experiment_by_name(self, name: str) -> Any:
        found = self.experiments.get(name)
        return None if found is None else SimpleNamespace(experiment_id=found, name=name)

    def create_experiment(self, name: str) -> str:
        if name in self.experiments:
            raise MlflowException(f"experiment {name} exists")
        self.experiments[name] = str(len(self.experiments))
        return self.experiments[name]

    def get_run(self, run_id: str) -> Any:
        if run_id not in self.runs:
            raise MlflowException(f"Run '{run_id}' not found", "RESOURCE_DOES_NOT_EXIST")
        return self.runs[run_id]

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        return [each for each in self.metrics[self.get_run(run_id).info.run_id] if each.key == key]

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> None:
        data = self.get_run(run_id).data
        if len(params) > 100 or len(metrics) > 1000 or len(tags) > 100:
            raise MlflowException("too many at once")
        for key, value in [*params, *tags]:
            if not isinstance(value, str) or len(value) > 500 or not re.fullmatch(r"[/\w.\- :]{1,250}", key):
                raise MlflowException(f"invalid {key!r}: {value!r}")
        for param in params:
            if data.params.setdefault(*param) != param.value:
                raise MlflowException(f"Changing param values is not allowed: {param}")
        data.tags.update(dict(tags))
        for metric in metrics:
            parts = metric.key.split("/")
            if not re.fullmatch(r"[/\w.\- :]{1,250}", metric.key) or {"", ".", ".."} & set(parts):
                raise MlflowException(f"Invalid metric name: {metric.key!r}")
            self.metrics[run_id].append(metric)
            data.metrics[metric.key] = metric.value

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.get_run(run_id).data.tags[key] = value

    def set_terminated(self, run_id: str, status: str = "FINISHED") -> None:
        self.update_run(run_id, status)

    def update_run(self, run_id: str, status: str) -> None:
        self.get_run(run_id).info.status = status

    def start_run(
        self,
        run_id: str | None = None,
        experiment_id: str | None = None,
        run_name: str | None = None,
        nested: bool = False,
    ) -> Any:
        if self.stack and not nested:
            raise Exception(f"Run with UUID {self.stack[0].info.run_id} is already active")
        run_id = run_id or os.environ.pop("MLFLOW_RUN_ID", None)
        if run_id is None:
            tags = {"mlflow.parentRunId": self.stack[-1].info.run_id} if self.stack else {}
            where = experiment_id or os.environ.get("MLFLOW_EXPERIMENT_ID")
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
            if where is None and name is not None:
                where = self.experiments.get(name) or self.create_experiment(name)
            info = {"run_id": f"{len(self.runs):032x}", "run_name": run_name, "experiment_id": where or "0"}
            info |= {"status": "RUNNING", "lifecycle_stage": "active"}
            run = Run(SimpleNamespace(**info), SimpleNamespace(params={}, tags=tags, metrics={}))
            self.runs[run.info.run_id], self.metrics[run.info.run_id] = run, []
        else:
            run = self.get_run(run_id)
            if self.chosen not in (None, run.info.experiment_id):
                raise MlflowException("active experiment ID does not match environment run ID")
            run.info.status = "RUNNING"
        self.stack.append(run)
        return run

    def end_run(self, status: str = "FINISHED") -> None:
        if self.stack:
            self.set_terminated(self.stack.pop().info.run_id, status)

    def active_run(self) -> Any:
        return self.stack[-1] if self.stack else None

    def set_experiment(self, name: str) -> None:
        self.chosen = self.experiments.get(name) or self.create_experiment(name)
        os.environ["MLFLOW_EXPERIMENT_ID"] = self.chosen

    def log_metric(self, key: str, value: float, step: int = 0) -> None:
        run = self.active_run() or self.start_run()
        self.log_batch(run.info.run_id, metrics=[Metric(key, value, 0, step)])

    def log_param(self, key: str, value: Any) -> None:
        self.log_batch(self.active_run().info.run_id, params=[Param(key, str(value))])


class Run(NamedTuple):
    info: Any
    data: Any

    def __enter__(self) -> Run:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        import mlflow

        mlflow.end_run("FINISHED" if error is None else "FAILED")


def modules() -> dict[str, ModuleType]:
    """The modules `mlflow` and `mlflow.entities`, over an empty store."""
    store = Store()
    mlflow, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    entities.__dict__.update(Metric=Metric, Param=Param, RunTag=RunTag)
    functions = ("start_run", "end_run", "active_run", "set_experiment", "log_metric", "log_param")
    mlflow.__dict__.update({name: getattr(store, name) for name in functions})
    mlflow.__dict__.update(
        __file__="mlflow", __path__=[], MlflowClient=lambda: store, MlflowException=MlflowException, entities=entities
    )
    return {"mlflow": mlflow, "mlflow.entities": entities}
