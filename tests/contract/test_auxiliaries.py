"""What every auxiliary must keep to. An auxiliary is held to it by being registered."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import soaking
from inwit.core.contracts import Auxiliary
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import Rollout
from inwit.learners.auxiliary import AUXILIARIES, AuxiliarySettings
from inwit.rollout.collect import collect
from inwit.training.config import resolve
from inwit.training.loop import STREAMS, loop, prepare
from inwit.training.metrics import checked
from inwit.worlds import WORLDS
from support import make_world, small_policy

every_auxiliary = pytest.mark.parametrize("name", AUXILIARIES.names())

# Worlds to try, in turn, until one can serve it: recipe, and settings of the world with and without a test set.
RECIPES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("calculator", {"max_operators": 1}, {"max_operators": 3, "split": "classes"}),
    ("tutorial", {}, {}),
    ("lookup", {}, {}),
]
# Settings that make an auxiliary small; those that it does not have are left out.
SMALL = {"babble": 256, "variations": 256, "bits": 14}


def small(name: str) -> dict[str, Any]:
    """Settings of a small auxiliary that is on."""
    known = AUXILIARIES.settings(name).__dataclass_fields__
    return {"rows": 6} | {setting: value for setting, value in SMALL.items() if setting in known}


def home(name: str, split: bool = False) -> tuple[Any, Any]:
    """A recipe with this auxiliary alone on, in a world that can serve it, and that world."""
    off = {other: {"rows": 0} for other in AUXILIARIES.names()}
    tiny = {"policy": {"width": 8}, "training": {"episodes": 32, "max_updates": 8, "confirm": False}}
    for recipe, plain, with_split in RECIPES:
        config = resolve(recipe, world=with_split if split else plain, **{**off, name: small(name)}, **tiny)
        try:
            return config, prepare(config).agent.world
        except UserError:
            continue
    pytest.fail(f"{name}: no world of {[recipe for recipe, *_ in RECIPES]} can serve it: add one that can.")


def make(name: str, world: Any, **settings: Any) -> Auxiliary:
    cls = AUXILIARIES.load(name)
    return cls(cls.Settings(**small(name), **settings), world)


def draws_of(auxiliary: Auxiliary, seed: int = 0) -> dict[str, torch.Generator]:
    return {name: stream(seed, name) for name in auxiliary.streams}


def rollout_for(world: Any, auxiliary: Auxiliary, policy: Any, seed: int = 0) -> Rollout:
    kinds = [kind for kind in range(len(world.kinds)) if kind not in world.kinds.held_out]
    tasks = world.sample(torch.tensor(kinds * 8), stream(seed, "tasks"))
    return collect(world, policy, tasks, generator=stream(seed, "actions"), achieved=auxiliary.reads_achieved)


def fed(name: str, world: Any, times: int = 3, **settings: Any) -> tuple[Auxiliary, Any]:
    """An auxiliary that has observed several rollouts of a policy."""
    auxiliary, policy = make(name, world, **settings), small_policy("gru", world)
    draws = draws_of(auxiliary)
    for seed in range(times):
        auxiliary.observe(rollout_for(world, auxiliary, policy, seed), draws)
    return auxiliary, policy


@every_auxiliary
def test_declarations(name: str) -> None:
    cls = AUXILIARIES.load(name)
    assert issubclass(cls.Settings, AuxiliarySettings), f"{name}: its Settings must extend AuxiliarySettings."
    assert cls.Settings().rows == 0, f"{name}: it is off unless a recipe asks for it."
    assert AUXILIARIES.summary(name), f"{name}: the registry has no line about it."
    _, world = home(name)
    auxiliary = make(name, world)
    assert isinstance(auxiliary.reads_achieved, bool)
    assert not set(auxiliary.streams) & set(STREAMS), f"{name}: it draws from a stream of the loop's."


@every_auxiliary
def test_it_is_off_or_on(name: str) -> None:
    """Turned off it leaves no trace; turned on its metrics are in the line; what others draw does not change."""
    config, _ = home(name)
    without = prepare(resolve(config, **{name: {"rows": 0}}))
    parts = prepare(config)
    assert (list(without.auxiliaries), list(parts.auxiliaries)) == ([], [name])
    one, other = next(loop(parts)), next(loop(without))
    assert set(other.metrics) < set(one.metrics), f"{name}: it reports nothing."
    assert torch.equal(one.rollout.tokens, other.rollout.tokens), f"{name}: it changed what others draw."


@every_auxiliary
def test_a_world_that_cannot_serve_it_is_refused_in_one_line(name: str) -> None:
    refused: dict[str, str] = {}
    for world_id in WORLDS.names():
        world = make_world(world_id, max_operators=1)
        try:
            make(name, world)
        except UserError as refusal:
            refused[world.id] = str(refusal)
    assert len(refused) < len(WORLDS.names()), f"{name}: no registered world can serve it."
    for world_id, message in refused.items():
        assert f"{name}.rows = 6" in message, f"{name}: {message} does not name the setting."
        assert world_id in message
        assert "\n" not in message


@every_auxiliary
def test_losses_metrics_and_gradients(name: str) -> None:
    _, world = home(name)
    auxiliary, policy = fed(name, world)
    loss, metrics = auxiliary.loss(policy, draws_of(auxiliary, 1))
    loss.backward()
    assert loss.shape == (), f"{name}: a loss is one number."
    assert bool(torch.isfinite(loss))
    assert float(loss.detach()) != 0, f"{name}: it has observed much and teaches nothing."
    assert checked(name, metrics), f"{name}: it reports nothing."
    for metric, value in metrics.items():
        assert bool(torch.isfinite(value)), f"{name}: the metric {metric} is not finite."
        assert not value.requires_grad, f"{name}: the metric {metric} keeps the graph alive."
    gradients = [p.grad for p in policy.parameters() if p.grad is not None]
    assert all(bool(torch.isfinite(each).all()) for each in gradients), f"{name}: a gradient is not finite."
    assert any(bool(each.any()) for each in gradients), f"{name}: no gradient reaches the policy."


@every_auxiliary
def test_the_weight_is_the_losss_weight(name: str) -> None:
    _, world = home(name)
    told = []
    for weight in (1.0, 2.5):
        auxiliary, policy = fed(name, world, weight=weight)
        loss, metrics = auxiliary.loss(policy, draws_of(auxiliary, 1))
        told.append((float(loss.detach()) / weight, {metric: float(value) for metric, value in metrics.items()}))
    assert told[0][0] == pytest.approx(told[1][0])
    assert told[0][1] == pytest.approx(told[1][1]), f"{name}: metrics are of the loss without its weight."


@every_auxiliary
def test_before_anything_is_known(name: str) -> None:
    _, world = home(name)
    auxiliary, policy = make(name, world), small_policy("gru", world)
    loss, metrics = auxiliary.loss(policy, draws_of(auxiliary))
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert all(bool(torch.isfinite(value)) for value in metrics.values())


@every_auxiliary
def test_one_seed_one_store_whatever_the_global_generator(name: str) -> None:
    _, world = home(name)
    stores = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        auxiliary, policy = fed(name, world, times=2)
        auxiliary.loss(policy, draws_of(auxiliary, 3))
        assert torch.equal(torch.get_rng_state(), before), f"{name}: it draws from the global generator."
        stores.append(auxiliary.state_dict())
    assert all(torch.equal(one, stores[1][key]) for key, one in stores[0].items())


@every_auxiliary
def test_the_store_is_written_in_place(name: str) -> None:
    """So that a captured graph goes on reading the same memory."""
    _, world = home(name)
    auxiliary, policy = make(name, world), small_policy("gru", world)
    places = {key: tensor.data_ptr() for key, tensor in auxiliary.state_dict().items()}
    before = {key: tensor.clone() for key, tensor in auxiliary.state_dict().items()}
    other, _ = fed(name, world)
    auxiliary.load_state_dict(other.state_dict())
    auxiliary.observe(rollout_for(world, auxiliary, policy), draws_of(auxiliary))
    auxiliary.loss(policy, draws_of(auxiliary))
    assert {key: tensor.data_ptr() for key, tensor in auxiliary.state_dict().items()} == places
    changed = [key for key, tensor in auxiliary.state_dict().items() if not torch.equal(tensor, before[key])]
    assert changed, f"{name}: nothing was written, which proves nothing."


@every_auxiliary
def test_a_store_put_back_goes_on_as_the_one_it_was_taken_from(name: str) -> None:
    _, world = home(name)
    one, policy = fed(name, world)
    two = make(name, world)
    two.load_state_dict({key: tensor.clone() for key, tensor in one.state_dict().items()})
    for each in (one, two):
        each.observe(rollout_for(world, each, policy, 9), draws_of(each, 9))
        each.loss(policy, draws_of(each, 10))
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key]), f"{name}: {key} differs."


@every_auxiliary
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(name: str) -> None:
    """Neither a tensor that is missing nor one that would have to be stretched."""
    _, world = home(name)
    auxiliary, _ = fed(name, world, times=2)
    good = {key: tensor.clone() for key, tensor in auxiliary.state_dict().items()}
    for key, tensor in good.items():
        lacking = {other: value for other, value in good.items() if other != key}
        for bad in (lacking, lacking | {key: tensor[:1].clone() if tensor.ndim else tensor[None]}):
            with pytest.raises((KeyError, ValueError)):
                make(name, world).load_state_dict(bad)
            with pytest.raises((KeyError, ValueError)):
                auxiliary.load_state_dict(bad)
    assert all(torch.equal(tensor, good[key]) for key, tensor in auxiliary.state_dict().items())


@every_auxiliary
def test_the_test_set_is_never_drawn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, world = home(name, split=True)
    drawn: set[int] = set()
    sample = world.sample

    def watched(kinds: torch.Tensor, generator: torch.Generator) -> Any:
        drawn.update(kinds.tolist())
        return sample(kinds, generator)

    auxiliary, policy = make(name, world), small_policy("gru", world)
    rollout = rollout_for(world, auxiliary, policy)
    monkeypatch.setattr(world, "sample", watched, raising=False)
    draws = draws_of(auxiliary)
    for _ in range(3):
        auxiliary.observe(rollout, draws)
        auxiliary.loss(policy, draws)
    assert drawn
    assert not drawn & set(world.kinds.held_out), f"{name}: it draws from the test set."


@every_auxiliary
def test_it_goes_on_to_the_bit(name: str) -> None:
    config, _ = home(name)
    soaking.cuts(resolve(config, training={"max_updates": 4}), 2)
