"""Tables of any width."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from inwit.core.columns import Columns

MANY = " ".join(map(str, range(100)))


@pytest.mark.parametrize("width", [20, 30, 60])
def test_a_wide_column_is_folded_and_the_others_keep_their_width(width: int) -> None:
    console = Console(width=width, file=StringIO(), highlight=False)
    console.print(Columns(["token", "best", "a figure"], [["ANS", MANY, "0.5"], ["> 12", "F", "1.5"]], left=(0, 1)))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.startswith(" ANS    0 1 2") for line in lines)
    assert any(line.split() == [">", "12", "F"] for line in lines)
    assert {str(number) for number in range(100)} <= {word for line in lines for word in line.split()}
