"""A newcomer finds each module of the playground: its docstring says where each belongs."""

from __future__ import annotations

import re
from pathlib import Path

from inwit import playground


def test_each_module_is_named_where_it_belongs() -> None:
    modules = {file.stem for file in Path(playground.__path__[0]).glob("*.py")} - {"__init__"}
    named = re.findall(r"`(\w+)`", playground.__doc__ or "")
    assert modules - {*named} == set(), "Name them in playground/__init__.py."
    assert {*named} - modules == {"static"}, "What is named is there."
