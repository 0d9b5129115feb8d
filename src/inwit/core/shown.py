"""What a value looks like to a person: a table on a terminal, and the same one in a notebook. One way for both.

A value that is `Shown` says with `__rich__` what it consists of: texts and `Columns`. `rich` prints it, and so do the
commands; a notebook shows `_repr_html_`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

CELL = "padding: 0 0.7em 0 0; white-space: pre-line; vertical-align: top; text-align: "


class Shown(ABC):
    """A value that shows itself as a table."""

    @abstractmethod
    def __rich__(self) -> Group: ...

    def _repr_html_(self) -> str:
        return to_html(self.__rich__())


def to_html(parts: Group) -> str:
    """Texts as paragraphs that keep their lines, tables as tables; plain, in the notebook's own font and colours."""
    from inwit.core.columns import Columns

    found = []
    for part in parts.renderables:
        if isinstance(part, Columns):
            found.append(_table(part.headings, part.rows, part.left))
        elif str(part).strip():
            font = "; font-family: monospace" if "\n" in str(part).strip() else ""  # their lines stand in columns
            found.append(f'<p style="white-space: pre-wrap; margin: 0.4em 0{font}">{_escaped(str(part).rstrip())}</p>')
    return "\n".join(found)


def _escaped(text: str) -> str:
    from html import escape  # here, so that `import inwit` does not wait for it

    return escape(text)


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]], left: Sequence[int]) -> str:
    def cells(kind: str, texts: Sequence[str]) -> str:
        sides = ("left" if column in left else "right" for column in range(len(texts)))
        each = (
            f'<{kind} style="{CELL}{side}">{_escaped(text.strip())}' for side, text in zip(sides, texts, strict=True)
        )
        return "<tr>" + "".join(each)

    body = "\n".join(cells("td", [str(cell) for cell in row]) for row in rows)
    return f'<table style="border-spacing: 0">\n<thead>{cells("th", headings)}\n<tbody>{body}\n</table>'
