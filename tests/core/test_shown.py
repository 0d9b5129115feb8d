"""What values look like in a notebook: the same table as on a terminal, as HTML."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

import inwit
from inwit.core.results import Evaluation
from inwit.core.shown import Shown
from inwit.training.config import resolve
from inwit.training.loop import new_agent
from results import DRAWN, PROVEN
from support import untrained


class Cells(HTMLParser):
    """The cells of the tables; raises for a tag that is not one of a plain table's."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"table", "thead", "tbody", "tr", "th", "td", "p"}
        assert {name for name, _ in attrs} <= {"style"}
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


def words(text: str) -> list[str]:
    return sorted(re.findall(r"[^\s─\-]+", text))


def on_a_terminal(value: Shown) -> str:
    file = io.StringIO()
    Console(file=file, width=300, highlight=False, markup=False).print(value)
    return file.getvalue()


def values() -> dict[str, Shown]:
    agent, task = untrained(), {"stage": 2, "operands": [5, 5, 7, 9, 8]}
    return {
        "proven": PROVEN,
        "drawn": DRAWN,
        "explanation": inwit.explain(agent, task),
        "pass at k": inwit.pass_at_k(agent, 1, 1),
        "episode": inwit.play("tutorial-v1", task, ["MUL", "ADD", "ANS", "ANS"]),
        "unfinished": inwit.play("tutorial-v1", task, []),
    }


@pytest.mark.parametrize("name", values())
def test_a_notebook_shows_what_a_terminal_shows(name: str) -> None:
    value = values()[name]
    html = value._repr_html_()
    assert words(" ".join(Cells(html).texts)) == words(on_a_terminal(value))
    assert len(html) < 20_000


def test_text_is_no_html() -> None:
    evaluation = Evaluation("<b>world</b>", [], True, "a & b")
    html = evaluation._repr_html_()
    assert "&lt;b&gt;world&lt;/b&gt;: a &amp; b" in html
    assert "<b>" not in html


def test_an_agent_is_shown_in_a_line() -> None:
    made = new_agent(resolve("tutorial"))
    assert repr(made) == "<Agent: gru in tutorial-v1, untrained>"
    assert repr(replace(made, path=Path("runs", "x"), status="finished")).endswith(f"finished, {Path('runs', 'x')}>")
    assert repr(replace(made, config=None)) == f"<Agent: {type(made.policy).__name__} in tutorial-v1, untrained>"
