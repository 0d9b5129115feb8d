"""What a page may set of a training: a few settings of each recipe, with the types and limits that their classes have.
Only the width of a policy has a closer one.

Nothing else reaches the command line, and no text does but a recipe's name and one of the given choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from inwit.core.contracts import weights_of
from inwit.core.errors import UserError, short, unknown
from inwit.core.results import Json
from inwit.core.settings import Settings
from inwit.policies import POLICIES
from inwit.runs.recording import REPORT_EVERY
from inwit.runs.weights import untrained
from inwit.training import recipes
from inwit.training.config import Config, Part, TrainingSettings, resolve

SETTINGS = (
    "training.max_updates",
    "training.episodes",
    "training.learning_rate",
    "learner.entropy",
    "policy.id",
    "policy.width",
)
LARGEST = 2**53 - 1  # the largest whole number that a page has exactly
LONGEST = 100  # characters of a name that are looked at
DENSE = 20  # snapshots until they become half as dense, and so on: a training of 3,000 updates keeps 61
SPACE = 200_000_000  # bytes of all snapshots of a training together, if there are more than two
WIDTH, WIDEST = "policy.width", 512  # a transformer of four times this width keeps 400 MB at each snapshot


def offered() -> list[Json]:
    """The recipes: `name`, what they are `about`, `world`, and their `settings`. Of each setting: `name`, `type`
    (`whole`, `number` or `choice`), `default`, `least` and `most` (null: no limit) or `choices`, and `help`."""
    return [_recipe(name) for name in recipes.names()]


def _recipe(name: str) -> Json:
    config = resolve(name)
    seed: Json = {"name": "seed", "type": "whole", "default": config.seed, "least": 0, "most": LARGEST}
    seed["help"] = "decides all that is drawn"
    known = [each for setting in SETTINGS if (each := _setting(config, setting))]
    about = recipes.text(name).splitlines()[0].lstrip("# ")
    return {"name": name, "about": about, "world": config.world.id, "settings": [seed, *known]}


def _setting(config: Config, name: str) -> Json | None:
    """A setting as a form shows it; None where the recipe's parts do not have it."""
    where, _, field = name.partition(".")
    part = getattr(config, where)
    if field == "id":
        told = "; ".join(f"{each}: {POLICIES.summary(each)}" for each in POLICIES.names())
        return {"name": name, "type": "choice", "default": part.id, "choices": POLICIES.names(), "help": told}
    settings = _settings(part)
    for item in fields(settings):
        if item.name == field:
            value, limits = getattr(settings, field), item.metadata
            sort = "whole" if isinstance(value, int) else "number"
            most = max(WIDEST, value) if name == WIDTH else limits.get("at_most")
            bounds = {"least": limits.get("at_least"), "most": most}
            return {"name": name, "type": sort, "default": value, **bounds, "help": limits.get("help", "")}
    return None


def _settings(part: Part | TrainingSettings) -> Settings:
    return part.settings if isinstance(part, Part) else part


def checked(recipe: object, seed: object, settings: object) -> tuple[Config, list[str]]:
    """The configuration that a page asks for, and which settings it gives. Raises `UserError` for anything that
    `offered` does not offer."""
    if not isinstance(recipe, str) or recipe not in recipes.names():
        raise unknown("recipe", str(recipe)[:LONGEST], recipes.names())
    given = {} if settings is None else settings
    if not isinstance(given, Mapping):
        raise UserError(f"settings = {short(settings)} are no settings: give values by name")
    valid = [each["name"] for each in _recipe(recipe)["settings"][1:]]
    more: dict[str, Json] = {}
    for name, value in given.items():
        if name not in valid:
            raise unknown("setting", str(name)[:LONGEST], valid)
        where, _, field = name.partition(".")
        more.setdefault(where, {})[field] = value
    overrides: Json = {**more} if seed is None else {**more, "seed": seed}
    config = resolve(recipe, **overrides)
    if WIDTH in given:
        _check_width(_value(config, WIDTH), _value(resolve(recipe), WIDTH))
    return config, list(given)


def _check_width(width: object, usual: object) -> None:
    """Refuse, with a `UserError`, a width above what is offered in a recipe with the `usual` one."""
    if isinstance(width, int) and isinstance(usual, int) and width > (widest := max(WIDEST, usual)):
        raise UserError(f"{WIDTH} = {width} is too large here: it must be at most {widest}; inwit train takes more")


def flags(config: Config, given: list[str]) -> list[str]:
    """The arguments of `inwit train` for what was given, and for the snapshots."""
    pairs = {name: _value(config, name) for name in given}
    pairs["training.snapshots"] = ",".join(map(str, moments(config.training.max_updates, _room(config))))
    return ["--seed", str(config.seed), *(text for name, value in pairs.items() for text in (f"--{name}", str(value)))]


def _value(config: Config, name: str) -> object:
    where, _, field = name.partition(".")
    part = getattr(config, where)
    return part.id if field == "id" else getattr(_settings(part), field)


def _room(config: Config) -> int:
    """How many snapshots of its weights a training may keep."""
    _, policy = untrained(config)
    size = sum(each.nbytes for each in weights_of(policy).values())
    return SPACE // max(size, 1)


def moments(updates: int, most: int) -> list[int]:
    """After which updates a training of so many keeps its weights, by which a page shows how its program came about:
    before the first, at each report of the first 200, then ever more rarely, and after the last. Where that is more
    than `most`, every second of them, and so on, as far as to the first and the last."""
    found, after, step = [0], 1, REPORT_EVERY
    while after < updates:
        found.append(after)
        after += step
        if after > DENSE * step:
            step *= 2
    while len(found) >= max(most, 2):
        found = found[::2]
    return [*found, updates]
