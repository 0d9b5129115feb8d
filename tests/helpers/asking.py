"""Queries and settings of lookup-v0, for tests of its oracle."""

from __future__ import annotations

from inwit.worlds.lookup.queries import TEMPLATES, Query, read_query
from inwit.worlds.lookup.rules import LookupSettings


def settings_of(**values: object) -> LookupSettings:
    return LookupSettings(**{"queries": tuple(TEMPLATES), **values})  # pyright: ignore[reportArgumentType]


def query_of(text: str) -> Query:
    query = read_query(text)
    assert query is not None
    return query
