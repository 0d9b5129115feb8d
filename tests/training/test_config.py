"""Recipes, overrides, refusals, and the way back from a stored configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.core.errors import UserError
from inwit.training import recipes
from inwit.training.config import PARTS, Config, part_settings, resolve

MINIMAL = {
    "world": {"id": "tutorial-v1"},
    "policy": {"id": "gru"},
    "learner": {"id": "a2c"},
    "curriculum": {"id": "uniform"},
}


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_resolves(name: str) -> None:
    config = resolve(name)
    assert config.recipe == name
    assert isinstance(config, Config)


@pytest.mark.parametrize("name", recipes.names())
def test_a_stored_configuration_resolves_to_itself(name: str) -> None:
    config = resolve(name, seed=5, policy={"width": 17})
    assert resolve(config.to_dict()) == config
    assert resolve(config) == config
    assert resolve(config.to_dict()).to_dict() == config.to_dict()


@pytest.mark.parametrize("part", list(PARTS))
def test_every_implementation_resolves_with_its_defaults(part: str) -> None:
    for name in PARTS[part].names():
        config = resolve(MINIMAL | {part: {"id": name}})
        chosen = getattr(config, part)
        assert chosen.id == name
        assert chosen.settings == part_settings(part, name)(), f"The defaults of the {part} {name} do not resolve."


def test_the_default_recipe_is_the_tutorial() -> None:
    assert resolve() == resolve("tutorial")


def test_overrides_are_nested_and_leave_the_rest() -> None:
    base = resolve("tutorial")
    config = resolve("tutorial", seed=9, policy={"width": 65}, training={"max_updates": 2})
    assert (config.seed, config.policy.settings.width, config.training.max_updates) == (9, 65, 2)
    assert (config.policy.id, config.training.learning_rate) == (base.policy.id, base.training.learning_rate)
    assert (config.world, config.learner, config.curriculum) == (base.world, base.learner, base.curriculum)
    assert resolve("tutorial") == base, "An override must not stick."


def test_overrides_of_a_configuration() -> None:
    assert resolve(resolve("article"), seed=4).seed == 4
    assert resolve(resolve("article"), seed=4).recipe == "article"


def test_another_id_starts_from_its_own_defaults() -> None:
    """The old implementation's settings do not carry over to one that may mean something else by them."""
    base = resolve("tutorial", policy={"width": 33})
    config = resolve(base, policy={"id": "memoryless"})
    assert config.policy.settings == part_settings("policy", "memoryless")()
    config = resolve(base, policy={"id": "memoryless", "width": 12})
    assert config.policy.settings.width == 12
    same = resolve(base, policy={"id": base.policy.id, "stage_aware": False})
    assert same.policy.settings.width == 33, "Naming the same id again changes nothing else."


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(recipes.text("tutorial").replace("seed = 0", "seed = 12"), encoding="utf-8")
    config = resolve(path)
    assert (config.recipe, config.seed) == ("mine", 12)
    assert resolve(str(path)) == config


BAD: list[tuple[dict[str, Any], str]] = [
    ({"polcy": {}}, r"unknown setting 'polcy': did you mean 'policy'"),
    ({"policy": {"widht": 3}}, r"policy\.widht.*did you mean 'policy\.width'"),
    ({"policy": {"width": "wide"}}, r"policy\.width = 'wide' is not a whole number"),
    ({"policy": {"width": 0}}, r"policy\.width = 0 is too small.*1"),
    ({"policy": {"id": "gur"}}, r"unknown policy 'gur': did you mean 'gru'"),
    ({"world": {"id": "tutorial-v2"}}, r"unknown world 'tutorial-v2'.*tutorial-v1"),
    ({"world": {"max_steps": 17}}, r"world\.max_steps = 17 is too large.*9"),
    ({"learner": {"id": 5}}, r"learner\.id = 5 is not text"),
    ({"learner": {"id": ["a2c"]}}, r"learner\.id = .* is not text"),
    ({"recipe": "../../elsewhere"}, r"is no name"),
    ({"curriculum": {"id": "schedule", "stages": []}}, r"stages is empty"),
    ({"training": {"threads": 100000}}, r"threads = 100000 is too large"),
    ({"learner": "a2c"}, r"learner = 'a2c' is not a table"),
    ({"policy": 3}, r"policy = 3 is not a table"),
    ({"training": [1]}, r"training = \[1\] is not a table"),
    ({"training": {"episodes": 0}}, r"training\.episodes = 0 is too small"),
    ({"recipe": {"x": 3}}, r"recipe"),
    ({"seed": -1}, r"seed = -1 is too small"),
    ({"seed": "one"}, r"seed = 'one' is not a whole number"),
    ({"learner": {"id": "grpo", "group_size": 7}, "training": {"episodes": 512}}, r"512 is no multiple.*7; try 511"),
    ({"curriculum": {"id": "schedule", "stages": ["x"]}}, r"curriculum\.stages"),
]


@pytest.mark.parametrize(("overrides", "message"), BAD)
def test_what_does_not_fit_is_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        resolve("tutorial", **overrides)
    assert "\n" not in str(refusal.value)


def test_a_part_without_id_is_refused() -> None:
    with pytest.raises(UserError, match=r"no policy\.id.*gru"):
        resolve(MINIMAL | {"policy": {"width": 3}})
    with pytest.raises(UserError, match=r"no world\.id"):
        resolve({name: part for name, part in MINIMAL.items() if name != "world"})


BAD_FILES = [
    ("seed = = 3", "not valid TOML"),
    ("[policy\n", "not valid TOML"),
    ("seed = 1\nseed = 2", "not valid TOML"),
    ("[world]\nid = 'tutorial-v1'", r"no policy\.id"),
    ("nonsense = 1", "unknown setting 'nonsense'"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        resolve(path)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.toml"):
        resolve(tmp_path / "missing.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UserError, match=r"folder\.toml"):
        resolve(tmp_path / "folder.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UserError, match=r"latin\.toml"):
        resolve(tmp_path / "latin.toml")


def test_unknown_recipes_come_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown recipe 'tutrial': did you mean 'tutorial'"):
        resolve("tutrial")


def test_make_and_play_refuse_likewise() -> None:
    with pytest.raises(UserError, match=r"did you mean 'world\.max_steps'"):
        inwit.make("tutorial-v1", max_step=3)
    with pytest.raises(UserError, match="unknown world"):
        inwit.make("nowhere")
