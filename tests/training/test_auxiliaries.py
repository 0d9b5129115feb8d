"""Auxiliaries in the loop: from outside, together, and refused where they cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch

import inwit
import soaking
from inwit.commands.cli import main
from inwit.core.contracts import Metrics, Trainable, World
from inwit.core.errors import UserError
from inwit.core.settings import setting
from inwit.core.types import Rollout, copy_into
from inwit.learners.auxiliary import AUXILIARIES, AuxiliarySettings
from inwit.runs import snapshot
from inwit.runs.folder import read_record
from inwit.training.config import resolve
from inwit.training.loop import loop, prepare
from support import small_config

FEW = {"episodes": 32, "max_updates": 6, "confirm": False}
BOTH: dict[str, Any] = {
    "world": {"id": "calculator-v0", "max_operators": 1},
    "hindsight": {"rows": 8, "babble": 32, "weight": 2.0},
    "rehearsal": {"rows": 8, "weight": 0.5},
    "training": FEW,
}


@dataclass(frozen=True)
class EchoSettings(AuxiliarySettings):
    fade: float = setting(0.5, "how fast it forgets", at_least=0, at_most=1)


class Echo:
    """Imitates first tokens in proportion to how often they were written: of no use but for tests."""

    Settings = EchoSettings
    streams = ("echoes",)
    reads_achieved = False

    def __init__(self, settings: EchoSettings, world: World, device: torch.device | str = "cpu") -> None:
        self.settings, self.world = settings, world
        self.written = torch.ones(len(world.vocabulary), device=device)

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        counts = torch.bincount(rollout.tokens[:, 0], minlength=len(self.written))
        self.written.mul_(self.settings.fade).add_(counts)

    def loss(self, policy: Trainable, draws: Mapping[str, torch.Generator]) -> tuple[torch.Tensor, Metrics]:
        generator = draws["echoes"]
        kinds = torch.randint(len(self.world.kinds), (self.settings.rows,), generator=generator)
        tasks = self.world.sample(kinds, generator)
        tokens = torch.multinomial(self.written, len(kinds), replacement=True, generator=generator)[:, None]
        logits = policy.replay(*self.world.prompt(tasks), self.world.stage(tasks), tokens).logits
        loss = torch.nn.functional.cross_entropy(logits[:, 0], tokens[:, 0])
        return self.settings.weight * loss, {"echo": loss.detach()}

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"written": self.written}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        copy_into(self.state_dict(), state)


@pytest.fixture
def registered() -> Iterator[None]:
    inwit.register_auxiliary("echo", Echo)
    yield
    del AUXILIARIES._entries["echo"]


# From outside.


@pytest.mark.usefixtures("registered")
def test_one_from_outside_is_trained_with_and_goes_on_to_the_bit() -> None:
    """One class and one call: recipes, the loop, lines, checkpoints and resumption know it."""
    config = small_config(echo={"rows": 4}, training=FEW)
    soaking.cuts(config, 2)
    agent = inwit.train(config, tell=soaking.quiet)
    assert agent.path is not None
    assert agent.summary["echo"] > 0
    assert read_record(agent.path).config["echo"] == {"rows": 4, "weight": 1.0, "fade": 0.5}
    taken = snapshot.capture(prepare(config), 0.0)
    assert "echo/written" in taken.tensors
    assert "draws/echoes" in taken.tensors


@pytest.mark.usefixtures("registered")
def test_one_from_outside_changes_what_is_learnt_and_nothing_that_others_draw() -> None:
    first = [next(loop(prepare(small_config(echo={"rows": rows}, training=FEW)))) for rows in (0, 4)]
    assert torch.equal(first[0].rollout.tokens, first[1].rollout.tokens)
    one, other = (torch.cat([p.flatten() for p in update.agent.policy.parameters()]) for update in first)
    assert not torch.equal(one, other)


@pytest.mark.usefixtures("registered")
def test_one_from_outside_has_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "--echo.fade" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"echo\.fade = 2.* is too large"):
        resolve("tutorial", echo={"fade": 2})


def test_without_it_its_table_is_unknown_and_old_runs_resolve() -> None:
    with pytest.raises(UserError, match="unknown setting 'echo'"):
        resolve("tutorial", echo={"rows": 4})
    old = resolve("tutorial").to_dict()
    inwit.register_auxiliary("echo", Echo)
    try:
        assert resolve(old).auxiliaries["echo"] == EchoSettings()
        assert resolve(resolve(old).to_dict()) == resolve(old)
    finally:
        del AUXILIARIES._entries["echo"]


def test_tables_stand_where_they_stood() -> None:
    """A stored configuration has a table for each, on or off, between the parts and `training`."""
    stored = resolve("tutorial").to_dict()
    assert list(stored)[-5:] == ["hindsight", "lessons", "rehearsal", "stumbles", "training"]
    assert {stored[name]["rows"] for name in ("hindsight", "lessons", "rehearsal", "stumbles")} == {0}


@pytest.mark.parametrize(
    "name", ["world", "learner", "training", "seed", "draws", "optimiser", "a.b", "a/b", "", "2nd"]
)
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot have that name") as refused:
        inwit.register_auxiliary(name, Echo)
    assert "\n" not in str(refused.value)
    assert name not in AUXILIARIES.names()


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(UserError, match="registered already"):
        inwit.register_auxiliary("hindsight", Echo)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("stream", "owner"), [("actions", "the loop"), ("rehearsal", "the auxiliary rehearsal")])
def test_two_do_not_draw_from_one_stream(stream: str, owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would change what the other draws."""
    monkeypatch.setattr(Echo, "streams", (stream,))
    with pytest.raises(UserError, match=f"the auxiliary echo draws from the stream '{stream}'.*{owner}"):
        prepare(small_config(echo={"rows": 4}, rehearsal={"rows": 4}, training=FEW))


# Together.


@pytest.mark.parametrize("learner", ["a2c", "ppo"])
@pytest.mark.slow
def test_both_go_on_to_the_bit(learner: str) -> None:
    soaking.cuts(small_config(**BOTH, learner={"id": learner}), 2)


def test_a_snapshot_has_every_store() -> None:
    taken = snapshot.capture(prepare(small_config(**BOTH)), 0.0)
    names = {name for name in taken.tensors if name.split("/")[0] in ("hindsight", "rehearsal", "curriculum")}
    assert names == {
        *(f"hindsight/{name}" for name in ("programs", "length", "rank", "surprise")),
        *(f"rehearsal/{name}" for name in ("programs", "length", "score")),
        *("curriculum/trials", "curriculum/successes"),
    }


def test_every_loss_counts() -> None:
    """With its weight: what is optimised is the learner's loss and both of theirs."""
    config = small_config(**BOTH, learner={"id": "a2c", "entropy": 0.25, "value": 0.75})
    for update in loop(prepare(config)):
        told = {name: float(value) for name, value in update.metrics.items()}
        own = told["policy_loss"] + 0.75 * told["value_loss"] - 0.25 * told["entropy"]
        assert told["loss"] == pytest.approx(own + 2.0 * told["imitation"] + 0.5 * told["rehearsal"], abs=1e-4)
    assert min(told["imitation"], told["rehearsal"]) > 0.1, "One of them is nothing, which proves nothing."


@pytest.mark.parametrize("off", ["hindsight", "rehearsal"])
def test_every_loss_reaches_the_weights(off: str) -> None:
    weights = []
    for settings in (BOTH, BOTH | {off: {"rows": 0}}):
        *_, last = inwit.updates(small_config(**settings))
        weights.append(torch.cat([p.detach().flatten() for p in last.agent.policy.parameters()]))
    assert not torch.equal(*weights)


# Metrics that cannot be kept.

ODD: list[tuple[Any, str]] = [
    ({"tokens": torch.tensor(1.0)}, r"reports a metric called 'tokens': the loop writes that itself"),
    ({"Update": torch.tensor(1.0)}, r"reports a metric called 'Update'"),
    ({"loss": torch.tensor(1.0)}, r"reports a metric called 'loss'"),
    ({"success": torch.tensor(1.0)}, r"reports a metric called 'success'"),
    ({"": torch.tensor(1.0)}, r"reports a metric called '': a name is text, and not empty"),
    ({3: torch.tensor(1.0)}, r"reports a metric called 3: a name is text"),
    ({"pair": torch.zeros(2)}, r"reports pair as a tensor of the shape \[2\]"),
    ({"one": torch.zeros(1)}, r"reports one as a tensor of the shape \[1\]"),
    ({"plain": 0.5}, r"reports plain as float"),
    ({"spin": torch.tensor(1j)}, r"reports spin as a tensor"),
    (None, r"reports NoneType as its metrics"),
]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("metrics", "message"), ODD)
@pytest.mark.parametrize("part", ["the learner a2c", "the auxiliary echo"])
def test_odd_metrics_are_refused_by_name(
    part: str, metrics: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if part == "the auxiliary echo":
        plain = Echo.loss
        monkeypatch.setattr(Echo, "loss", lambda *given: (plain(*given)[0], metrics))
    else:
        losses = inwit.learners.a2c.A2C.losses  # type: ignore[attr-defined]
        odd = lambda *given: ((loss, metrics) for loss, _ in losses(*given))  # noqa: E731
        monkeypatch.setattr("inwit.learners.a2c.A2C.losses", odd)
    with pytest.raises(UserError, match=f"{part} {message}") as refused:
        inwit.train(small_config(echo={"rows": 4}, training=FEW), tell=soaking.quiet)
    assert "\n" not in str(refused.value)


def test_a_line_has_no_name_that_a_part_could_take() -> None:
    """Every key of a line is a learner's, an auxiliary's, or refused to them."""
    from inwit.training.metrics import OWN_NAMES

    for update in loop(prepare(small_config(**BOTH))):
        theirs = {
            "policy_loss",
            "value_loss",
            "entropy",
            "imitation",
            "known",
            "stored_steps",
            "rehearsal",
            "rehearsed",
        }
        assert set(update.line()) - theirs <= OWN_NAMES
        json.dumps(update.line(), allow_nan=False)
