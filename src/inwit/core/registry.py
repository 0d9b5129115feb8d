"""Named implementations, imported only when they are used.

A registry maps a name to an implementation and a line of description. Built-in entries name a module, so listing them
imports nothing. Other packages add theirs with `register` or through an entry point of the registry's group.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any, Generic, TypeVar

from inwit.core.errors import UserError, unknown
from inwit.core.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    target: Any  # the object itself, or "module:attribute"
    summary: str


class Registry(Generic[T]):
    """The names of one sort of thing (`what`), with third-party entry points under `group`. T is what `load` gives."""

    def __init__(self, what: str, group: str, entries: dict[str, Entry], reserved: Collection[str] = ()) -> None:
        self.what = what
        self.group = group
        self.built_in = frozenset(entries)
        self.reserved = frozenset(reserved)  # names that mean something else: an entry point of that name is left out
        self._entries = dict(entries)
        self._discovered = False

    def register(self, name: str, target: T | str, summary: str = "") -> None:
        """Add an entry: the object itself, or "module:attribute". Raises `UserError` if the name is taken."""
        if name in self.names():
            raise UserError(f"the {self.what} {name!r} is registered already: choose another name")
        described = target if isinstance(target, str) else (target.__doc__ or "").split("\n")[0]
        self._entries[name] = Entry(target, summary or described)

    def names(self) -> list[str]:
        """Built-in names and those of other packages. An entry point never changes the meaning of a built-in name."""
        if not self._discovered:
            self._discovered = True
            for point in entry_points(group=self.group):
                if point.name not in self.reserved:
                    self._entries.setdefault(point.name, Entry(point.value, f"from the package {point.module}"))
        return list(self._entries)

    def summary(self, name: str) -> str:
        return self._entry(name).summary

    def load(self, name: str) -> T:
        """The implementation called `name`; raises `UserError` with the nearest name if there is none."""
        target = self._entry(name).target
        return resolve_name(target) if isinstance(target, str) else target

    def settings(self, name: str) -> type[Settings]:
        """The class of the settings of the implementation called `name`; raises `UserError` if there is none."""
        implementation: Any = self.load(name)
        return implementation.Settings

    def _entry(self, name: str) -> Entry:
        if name not in self.names():
            raise unknown(self.what, name, self._entries)
        return self._entries[name]
