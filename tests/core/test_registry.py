"""Named implementations: found late, added from outside, never replaced."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest

import inwit
from inwit.core.errors import UserError
from inwit.core.registry import Entry, Registry
from inwit.learners import LEARNERS
from inwit.learners.auxiliary import AUXILIARIES
from inwit.policies import POLICIES
from inwit.training.config import PARTS, resolve
from inwit.training.curricula import CURRICULA, Uniform
from inwit.worlds import TWINS, WORLDS


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = {registry: dict(registry._entries) for registry in (*PARTS.values(), TWINS)}
    yield
    for registry, entries in before.items():
        registry._entries = entries


class Thing:
    """A thing. It has a second sentence
    and a second line."""


def sample(**entries: Entry) -> Registry:
    return Registry("thing", "inwit.tests.nothing", {"thing": Entry(f"{__name__}:Thing", "a thing"), **entries})


def test_entries_are_imported_when_asked_for() -> None:
    registry = sample(broken=Entry("no.such.module:X", "not there"))
    assert registry.names() == ["thing", "broken"]
    assert registry.summary("broken") == "not there"
    assert registry.load("thing").__name__ == "Thing"
    with pytest.raises(ModuleNotFoundError):
        registry.load("broken")


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown thing 'thnig': did you mean 'thing'\? valid: thing"):
        sample().load("thnig")
    with pytest.raises(UserError, match="unknown thing"):
        sample().summary("other")


def test_a_name_is_given_once() -> None:
    registry = sample()
    registry.register("other", Thing, "another")
    assert registry.load("other") is Thing
    for name in ("thing", "other"):
        with pytest.raises(UserError, match=f"'{name}' is registered already"):
            registry.register(name, object)


def test_the_summary_defaults_to_the_first_line_of_the_docstring() -> None:
    registry = sample()
    registry.register("other", Thing)
    assert registry.summary("other").startswith("A thing.")
    assert "\n" not in registry.summary("other")


def test_a_target_given_as_text_describes_itself() -> None:
    registry = sample()
    registry.register("other", "some.module:Thing")
    assert registry.summary("other") == "some.module:Thing"


class FakeDistribution(metadata.Distribution):
    """An installed package with one entry point for each group of ours."""

    def __init__(self, points: str) -> None:
        self.points = points

    def read_text(self, filename: str) -> str | None:
        return {"METADATA": "Name: other\nVersion: 1\n", "entry_points.txt": self.points}.get(filename)

    def locate_file(self, path: Any) -> Any:
        raise NotImplementedError


def test_entry_points_are_found_and_ours_win(monkeypatch: pytest.MonkeyPatch) -> None:
    points = FakeDistribution("[inwit.tests.things]\nthing = json:dumps\nsecond = json:loads\n").entry_points

    def installed(group: str) -> metadata.EntryPoints:
        return points.select(group=group)

    monkeypatch.setattr("inwit.core.registry.entry_points", installed)
    registry = Registry("thing", "inwit.tests.things", {"thing": Entry(f"{__name__}:Thing", "ours")})
    assert registry.names() == ["thing", "second"]
    assert registry.load("thing").__name__ == "Thing", "A name never changes its meaning."
    assert registry.load("second").__name__ == "loads"
    assert "json" in registry.summary("second")
    with pytest.raises(UserError, match="registered already"):
        registry.register("second", Thing)
    careful = Registry("thing", "inwit.tests.things", {}, reserved=("second",))
    assert careful.names() == ["thing"], "What means something else is left out."


def test_names_that_recipes_and_checkpoints_have_are_reserved() -> None:
    assert {*PARTS, "training", *resolve().to_dict()} - AUXILIARIES.built_in <= AUXILIARIES.reserved


@pytest.mark.parametrize(
    ("registry", "group"),
    [
        (WORLDS, "inwit.worlds"),
        (POLICIES, "inwit.policies"),
        (LEARNERS, "inwit.learners"),
        (CURRICULA, "inwit.curricula"),
        (AUXILIARIES, "inwit.auxiliaries"),
    ],
)
def test_the_groups_that_are_promised(registry: Registry, group: str) -> None:
    assert registry.group == group
    for name in registry.names():
        assert registry.summary(name), f"The {registry.what} {name} has no description."
        assert registry.load(name).Settings(), f"The {registry.what} {name} has no settings."


def test_what_others_register_can_be_configured_and_trained() -> None:
    """A world, a policy, a learner and a curriculum from outside, in one training."""
    inwit.register_world("their-world", WORLDS.load("tutorial-v1"), "theirs", twin=TWINS.load("tutorial-v1"))
    inwit.register_policy("their-policy", POLICIES.load("gru"), "theirs")
    inwit.register_learner("their-learner", LEARNERS.load("a2c"), "theirs")
    inwit.register_curriculum("their-curriculum", Uniform, "theirs")
    parts = {
        "world": {"id": "their-world"},
        "policy": {"id": "their-policy", "width": 4},
        "learner": {"id": "their-learner"},
        "curriculum": {"id": "their-curriculum"},
        "training": {"episodes": 8, "max_updates": 1},
    }
    [update] = inwit.updates(parts)
    assert update.agent.config.policy.id == "their-policy"
    assert resolve(update.agent.config.to_dict()) == update.agent.config
    assert inwit.play("their-world", {"stage": 0, "operands": [3, 4, 5]}, ["MUL", "ADD", "ANS"]).success


def test_taken_names_are_refused() -> None:
    for register, name in (
        (inwit.register_world, "tutorial-v1"),
        (inwit.register_policy, "gru"),
        (inwit.register_learner, "a2c"),
        (inwit.register_curriculum, "uniform"),
    ):
        with pytest.raises(UserError, match=f"'{name}' is registered already"):
            register(name, object)
