"""Named things that are imported only when somebody asks for them.

A registry maps a name to its implementation and a line of description. Built-in entries name a module, so listing them
imports nothing; other packages add theirs with `register` or through an entry point of the registry's group.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from inwit.core.errors import UserError, unknown


@dataclass(frozen=True)
class Entry:
    target: Any  # the object itself, or "module:attribute"
    summary: str


class Registry:
    """The names of one sort of thing (`what`), with third-party entry points under `group`."""

    def __init__(self, what: str, group: str, entries: dict[str, Entry]) -> None:
        self.what = what
        self.group = group
        self._entries = dict(entries)
        self._discovered = False

    def register(self, name: str, target: Any, summary: str = "") -> None:
        """Add an entry: the object itself, or "module:attribute". Raises `UserError` if the name is taken."""
        if name in self.names():
            raise UserError(f"the {self.what} {name!r} is registered already: choose another name")
        described = target if isinstance(target, str) else (target.__doc__ or "").split("\n")[0]
        self._entries[name] = Entry(target, summary or described)

    def names(self) -> list[str]:
        self._discover()
        return list(self._entries)

    def summary(self, name: str) -> str:
        return self._entry(name).summary

    def load(self, name: str) -> Any:
        """The implementation called `name`; raises `UserError` with the nearest name if there is none."""
        return _resolve(self._entry(name).target)

    def _entry(self, name: str) -> Entry:
        self._discover()
        if name not in self._entries:
            raise unknown(self.what, name, self._entries)
        return self._entries[name]

    def _discover(self) -> None:
        """Add other packages' entry points, once. Ours win over theirs: a name never changes its meaning."""
        if self._discovered:
            return
        self._discovered = True
        for point in entry_points(group=self.group):
            self._entries.setdefault(point.name, Entry(point.value, f"from the package {point.module}"))


def _resolve(target: Any) -> Any:
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
