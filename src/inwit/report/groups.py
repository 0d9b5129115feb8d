"""Runs that differ in nothing but their seed are a group. Groups get the shortest name that tells them apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from inwit.report.select import Run
from inwit.runs.folder import flat

# What does not change what is learned, as long as the device is the same.
ASIDE = ("seed", "training.threads", "training.checkpoint_every")


@dataclass(frozen=True)
class Group:
    name: str
    config: dict[str, object]  # flat, without the seed
    runs: list[Run]

    @property
    def seeds(self) -> str:
        return ", ".join(str(run.record.seed) for run in self.runs)


def group(runs: Sequence[Run]) -> list[Group]:
    """The groups of runs of one world, in order of appearance."""
    members: dict[str, list[Run]] = {}
    configs: dict[str, dict[str, object]] = {}
    for run in runs:
        config = {name: value for name, value in flat(run.record.config).items() if name not in ASIDE}
        key = json.dumps(config, sort_keys=True)
        configs[key] = config
        members.setdefault(key, []).append(run)
    names = _names(list(configs.values()))
    return [Group(name, configs[key], members[key]) for name, key in zip(names, configs, strict=True)]


def differences(groups: Sequence[Group]) -> dict[str, list[object]]:
    """The settings in which the groups differ, with the value of each group; None where one has no such setting."""
    return _differing([each.config for each in groups])


def _differing(configs: list[dict[str, object]]) -> dict[str, list[object]]:
    names = dict.fromkeys(name for config in configs for name in config)
    values = {name: [config.get(name) for config in configs] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def _names(configs: list[dict[str, object]]) -> list[str]:
    """Names of parts first (`a2c`, `gru`), then single settings, as many as it takes."""
    differing = _differing(configs)
    if not differing:
        return [str(config.get("recipe", "run")) for config in configs]
    names = [""] * len(configs)
    for setting in sorted(differing, key=_first):
        if len(set(names)) == len(names):
            break
        described = [_described(setting, value) for value in differing[setting]]
        together = [" ".join(filter(None, pair)) for pair in zip(names, described, strict=True)]
        if len(set(together)) > len(set(names)):
            names = together
    return names


def _first(setting: str) -> bool:
    return not (setting.endswith(".id") or setting == "recipe")


def _described(setting: str, value: object) -> str:
    if value is None:
        return ""
    part, _, name = setting.rpartition(".")
    return str(value) if name == "id" or not part else f"{name} {value}"  # the table of differences tells the part
