"""Groups: runs that differ in nothing but their seed; what tells one group from another, and what each is called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inwit.report.select import SCRIPT, Run
from inwit.runs.folder import ASIDE, flat

if TYPE_CHECKING:
    from inwit.core.contracts import World


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed, and were given the same name or none; or a script in one world. Its
    `name` is the shortest that no other group has."""

    name: str
    config: dict[str, object]  # flat, without the seed; with `name` where runs were given one
    runs: list[Run]

    @property
    def script(self) -> str:
        """The name of the script; empty for runs."""
        return self.runs[0].script

    @property
    def seeds(self) -> str:
        return ", ".join(run.seed for run in self.runs)


def group(runs: Sequence[Run]) -> list[Group]:
    """The groups of runs of one world, in order of appearance. Beside a script, whose world is at hand, a setting that
    the world did not have yet when a run was recorded has its default."""
    members: dict[str, list[Run]] = {}
    configs: dict[str, dict[str, object]] = {}
    defaults = next((_defaults(run.agent.world) for run in runs if run.agent), {})
    for run in runs:
        own: dict[str, object] = {"name": run.record.label} if run.record.label else {}
        recorded = {name: value for name, value in flat(run.record.config).items() if name not in ASIDE}
        config = own | recorded | {name: value for name, value in defaults.items() if name not in recorded}
        key = json.dumps(config, sort_keys=True)
        configs[key] = config
        members.setdefault(key, []).append(run)
    names = _names(list(configs.values()))
    return [Group(name, configs[key], members[key]) for name, key in zip(names, configs, strict=True)]


def _defaults(world: World) -> dict[str, object]:
    """The default of each of a world's settings, flat."""
    return flat({"world": type(world.settings)().to_dict()})


def differences(configs: Sequence[dict[str, object]]) -> dict[str, list[object]]:
    """The settings in which these differ, with the value of each; None where one has no such setting. That a script has
    no settings of a training is no difference."""
    found: dict[str, list[object]] = {}
    for name in dict.fromkeys(name for config in configs for name in config):
        values = [config.get(name) for config in configs if name in config or SCRIPT not in config]
        if any(value != values[0] for value in values):
            found[name] = [config.get(name) for config in configs]
    return found


def _names(configs: list[dict[str, object]]) -> list[str]:
    """Given names first, then names of parts (`a2c`, `gru`), then single settings, as many as it takes."""
    differing = differences(configs)
    if not differing:
        return [str(config.get("name") or config.get(SCRIPT) or config.get("recipe", "run")) for config in configs]
    names = [""] * len(configs)
    for setting in sorted(differing, key=_first):
        if len(set(names)) == len(names):
            break
        described = [_described(setting, value) for value in differing[setting]]
        together = [" ".join(filter(None, pair)) for pair in zip(names, described, strict=True)]
        if len(set(together)) > len(set(names)):
            names = together
    for place, config in enumerate(configs):
        if not names[place]:  # it has nothing that others have not
            recipe = str(config.get("recipe", "run"))
            names[place] = "unnamed" if recipe in names else recipe
    return names


def _first(setting: str) -> tuple[bool, bool]:
    return setting != "name", not (setting.endswith(".id") or setting in ("recipe", SCRIPT))


def _described(setting: str, value: object) -> str:
    if value is None or value == "":
        return ""
    part, _, name = setting.rpartition(".")
    return str(value) if name == "id" or not part else f"{name} {value}"  # the table of differences names the part
