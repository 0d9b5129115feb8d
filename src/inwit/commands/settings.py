"""The settings of all parts, each a flag `--section.field VALUE`: taken from a command line, listed, explained."""

from __future__ import annotations

from typing import Any

from inwit.core.errors import UserError


def take_settings(arguments: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Split off `--section.field VALUE` (or `--section.field=VALUE`): the other arguments, and nested dicts of text."""
    rest: list[str] = []
    settings: dict[str, Any] = {}
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        flag, equals, value = word.partition("=")
        if not (flag.startswith("--") and "." in flag):
            rest.append(word)
            continue
        if not equals:
            if not queue or queue[0].startswith("--"):
                raise UserError(f"{flag} needs a value, as in {flag} VALUE")
            value = queue.pop(0)
        section, _, name = flag[2:].partition(".")
        settings.setdefault(section, {})[name] = value
    return rest, settings


def settings_help() -> str:
    """Every setting of every implementation, from the registries."""
    from dataclasses import fields

    from inwit.training.config import PARTS, part_settings, tables

    lines = ["settings, each a flag --SECTION.FIELD VALUE (defaults in brackets; a recipe sets its own):"]
    for part, registry in PARTS.items():
        lines.append(f"\n  --{part}.id  one of: {', '.join(registry.names())}")
        for name in registry.names():
            lines.append(f"    with {name}: {registry.summary(name)}")
            lines += [_setting_line(part, item) for item in fields(part_settings(part, name))]
    for table, settings in tables().items():
        lines.append(f"\n  {table}")
        lines += [_setting_line(table, item) for item in fields(settings)]
    return "\n".join(lines)


def setting_flags() -> list[str]:
    """Every `--section.field` that some implementation has."""
    from dataclasses import fields

    from inwit.training.config import PARTS, part_settings, tables

    flags = [f"--{table}.{item.name}" for table, settings in tables().items() for item in fields(settings)]
    for part, registry in PARTS.items():
        names = {item.name for name in registry.names() for item in fields(part_settings(part, name))}
        flags += [f"--{part}.{name}" for name in ["id", *sorted(names)]]
    return flags


def _setting_line(section: str, item: Any) -> str:
    return f"      --{section + '.' + item.name:26} {item.metadata['help']} [{item.default}]"
