"""A whole update on fake tensors: where devices meet or data is read back, PyTorch raises. No GPU is needed for it.

A fake tensor has a shape, a type and a device, and no data. On the device "cuda" the tests see both kinds of fault, but
want a build of PyTorch with CUDA; on "cpu", which always runs, they see what reads data back. The update takes the path
of a GPU in both: rows do not leave early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from inwit.core.contracts import Agent, parameters_of
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.settings import Settings
from inwit.core.types import Taught
from inwit.learners import LEARNERS
from inwit.learners.auxiliary import AUXILIARIES
from inwit.policies import POLICIES
from inwit.rollout.collect import collect
from inwit.training.curricula import CURRICULA
from inwit.training.metrics import Totals, Update, _of_rollout
from inwit.worlds import WORLDS
from inwit.worlds.oracle.programs import OraclePrograms
from support import make_world, small_policy

DEVICES = [
    "cpu",
    pytest.param(
        "cuda:0",
        marks=pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="this build of PyTorch is for CPUs only"),
    ),
]
# Settings that make a small world and a short update; what a world or a learner does not have is left out.
SMALL_WORLD = {"max_operators": 2, "names": "any", "letters": 5, "milestones": 1.0, "max_steps": 5}
SMALL_LEARNER = {"epochs": 1, "group_size": 4}
NEEDS_A_DRIVER = {"bag_gru": "torch.gru_cell asks for a CUDA driver"}

every_device = pytest.mark.parametrize("device", DEVICES)


class Generator:
    """Says its device and draws nothing: a real one cannot draw on a device that is not there."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)


class NoCopies(TorchDispatchMode):
    """Raises where a list becomes a tensor: on a GPU that is a copy from the host, which waits. One number is none."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func is torch.ops.aten.lift_fresh.default and args[0].ndim > 0
        assert not made, f"a list becomes a tensor of {list(args[0].shape)}: make it once, not in an update"
        return func(*args, **(kwargs or {}))


@contextmanager
def fakes(device: str, monkeypatch: pytest.MonkeyPatch, *, update_only: bool = True) -> Iterator[Callable[[Any], Any]]:
    """The mode in which every tensor is fake, and how to make a fake copy of what was made before it. A report, which
    waits for the device in any case, is not `update_only`."""
    for name in ("rand", "randint", "randperm", "multinomial"):
        monkeypatch.setattr(torch, name, _without_generator(getattr(torch, name)))
    with FakeTensorMode(), NoCopies() if update_only else nullcontext():
        yield lambda thing: faked(thing, torch.device(device))


def _without_generator(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def drawn(*arguments: Any, generator: Any = None, **more: Any) -> Tensor:
        return draw(*arguments, **more)

    return drawn


def faked(thing: Any, device: torch.device) -> Any:
    """A copy of a world, a policy or a store in which every tensor is a fake one on `device`. Tables that a world
    keeps by device are that device's."""
    if isinstance(thing, Tensor):
        return torch.empty(thing.shape, dtype=thing.dtype, device=device)
    if isinstance(thing, dict):
        return {device if isinstance(key, torch.device) else key: faked(value, device) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return type(thing)(faked(value, device) for value in thing)
    if isinstance(thing, Settings) or not type(thing).__module__.startswith("inwit."):
        return thing
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{field.name: faked(getattr(thing, field.name), device) for field in fields(thing)})
    if isinstance(thing, torch.nn.Module):
        return _faked_module(thing, device)
    twin = copy(thing)
    vars(twin).update({name: faked(value, device) for name, value in vars(thing).items()})
    if "narrow" in vars(twin):
        twin.narrow = False  # on the CPU, and there alone, the longest program is asked for
    return twin


def _faked_module(module: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    for part in module.modules():
        for name, weight in part._parameters.items():
            assert weight is not None
            part._parameters[name] = torch.nn.Parameter(torch.empty(weight.shape, device=device))
    return module


def small_learner(learner_id: str) -> Any:
    learner = LEARNERS.load(learner_id)
    known = learner.Settings.__dataclass_fields__
    return learner(learner.Settings(**{name: value for name, value in SMALL_LEARNER.items() if name in known}))


def warm(world: Any, policy: Any) -> Any:
    """The world after one real rollout: what it looks up is made at first use, by reading data."""
    tasks = world.sample(torch.zeros(4, dtype=torch.int64), stream(0, "tasks"))
    return collect(world, policy, tasks, achieved="achieved" in world.capabilities)


def update(world: Any, policy: Any, learner: Any, generator: Any, rows: int = 8) -> Any:
    """Sample, collect and the losses, with a backward pass where there is a driver for one: the rollout."""
    kinds = torch.zeros(rows // learner.group_size, dtype=torch.int64, device=generator.device)
    tasks = world.sample(kinds, generator)
    rollout = collect(
        world,
        policy,
        tasks,
        group_size=learner.group_size,
        generator=generator,
        keep_graph=learner.one_pass,
        after_end=learner.whole_sequence,
        leave_early=False,
        achieved="achieved" in world.capabilities,
    )
    if learner.reads_oracle:
        tokens = torch.zeros(len(kinds), 5, dtype=torch.int64, device=kinds.device)
        rollout = replace(rollout, oracle=Taught(tasks, tokens, torch.ones_like(tokens, dtype=torch.bool)))
    for loss, metrics in learner.losses(policy, rollout):
        assert all(value.device == generator.device for value in (loss, *metrics.values()))
        backward(policy, loss)
    return rollout


def backward(policy: Any, loss: Tensor) -> None:
    if loss.device.type == "cpu":
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters_of(policy), 1.0)


@every_device
@pytest.mark.parametrize("world_id", WORLDS.names())
@pytest.mark.slow
def test_worlds(world_id: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_one(world_id, "gru", "a2c", device, monkeypatch)


@every_device
@pytest.mark.parametrize("policy_id", POLICIES.names())
@pytest.mark.slow
def test_policies(policy_id: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stepped in the rollout and replayed in the loss."""
    if device != "cpu" and policy_id in NEEDS_A_DRIVER:
        pytest.skip(NEEDS_A_DRIVER[policy_id])
    run_one("tutorial-v1", policy_id, "ppo", device, monkeypatch)


@every_device
@pytest.mark.parametrize("learner_id", LEARNERS.names())
def test_learners(learner_id: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_one("tutorial-v1", "gru", learner_id, device, monkeypatch)


def run_one(world_id: str, policy_id: str, learner_id: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(world_id, **SMALL_WORLD)
    policy = small_policy(policy_id, world)
    warm(world, policy)
    with fakes(device, monkeypatch) as fake:
        update(fake(world), fake(policy), small_learner(learner_id), Generator(device))


@every_device
@pytest.mark.parametrize("auxiliary_id", AUXILIARIES.names())
@pytest.mark.parametrize("world_id", WORLDS.names())
@pytest.mark.slow
def test_auxiliaries(world_id: str, auxiliary_id: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(world_id, **SMALL_WORLD)
    policy = small_policy("gru", world)
    real = warm(world, policy)
    kind = AUXILIARIES.load(auxiliary_id)
    try:
        store = kind(kind.Settings(rows=4), world)
    except UserError:
        pytest.skip(f"{world_id} cannot serve {auxiliary_id}")
    store.observe(real, {name: stream(0, name) for name in kind.streams})
    with fakes(device, monkeypatch) as fake:
        world, policy, store = fake(world), fake(policy), fake(store)
        draws = {name: Generator(device) for name in kind.streams}
        store.world = world
        store.observe(update(world, policy, small_learner("a2c"), Generator(device)), draws)
        loss, metrics = store.loss(policy, draws)
        assert all(value.device == draws[kind.streams[0]].device for value in (loss, *metrics.values()))
        backward(policy, loss)


@every_device
@pytest.mark.parametrize("curriculum_id", CURRICULA.names())
def test_curricula_and_metrics(curriculum_id: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world("tutorial-v1")
    policy = small_policy("gru", world)
    warm(world, policy)
    kind = CURRICULA.load(curriculum_id)
    curriculum = kind(kind.Settings(), world.kinds)
    with fakes(device, monkeypatch, update_only=False) as fake:
        world, policy, curriculum, generator = fake(world), fake(policy), fake(curriculum), Generator(device)
        kinds = curriculum.draw(3, 8, generator)
        rollout = update(world, policy, small_learner("a2c"), generator)
        curriculum.observe(rollout.tasks.kind, rollout.success)
        assert kinds.device == curriculum.rate.device == generator.device
        nothing = torch.zeros((), device=device)
        line = Update(0, Agent(world, policy), rollout, {}, curriculum.rate, Totals(1, nothing, nothing, 1.0, 0), None)
        for told in (line._by_stage(), _of_rollout(rollout, True)):
            assert all(value.device == generator.device for value in told.values())


@every_device
def test_data_that_is_read_back_is_seen(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of a CPU asks after each column whether all rows have ended; an oracle's table is made by reading."""
    world = make_world("tutorial-v1")
    policy = small_policy("gru", world)
    oracle = OraclePrograms(world)
    with fakes(device, monkeypatch) as fake:
        world, policy, oracle, generator = fake(world), fake(policy), fake(oracle), Generator(device)
        tasks = world.sample(torch.zeros(4, dtype=torch.int64, device=device), generator)
        assert oracle(tasks).device == generator.device
        with pytest.raises(DataDependentOutputException):
            collect(world, policy, tasks, generator=generator, leave_early=True)
