"""What the documentation tells people to type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inwit.learners import LEARNERS
from support import python

DOCS = Path(__file__).parents[2] / "docs"


def snippets(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_page_on_adding_things_can_be_typed() -> None:
    """All its snippets, one after the other, in a process of their own."""
    blocks = snippets("extending.md")
    assert len(blocks) == 9
    done = python("\n".join(blocks))
    assert done.returncode == 0, done.stderr
    solved, program, *updates, oracle = done.stdout.splitlines()
    assert solved == "100000"
    assert program == str(["LOAD", "a", "TWO", "b", "SUB", "c", "ANS"])
    assert len(updates) == 3
    assert oracle == str(["ADD", "ADD", "ADD", "ADD", "ANS"])


@pytest.mark.slow
def test_its_snippets_can_stand_in_a_file_that_is_imported(tmp_path: Path) -> None:
    """What shows something is left out then: nothing is trained, and nothing printed."""
    file = tmp_path / "my_parts.py"
    file.write_text("\n".join(snippets("extending.md")), encoding="utf-8")
    shown = "import sys; from inwit.commands.cli import main; sys.exit(main(['recipes', '--import', sys.argv[1]]))"
    done = python(shown, str(file))
    assert done.returncode == 0, done.stderr
    plain = python(shown.replace(", '--import', sys.argv[1]", ""))
    assert done.stdout == plain.stdout


@pytest.mark.slow
def test_the_page_on_scripts_can_be_typed() -> None:
    done = python("\n".join(snippets("scripts.md")))
    assert done.returncode == 0, done.stderr
    cost, program, success, doubled, *plans, solved = done.stdout.splitlines()
    assert (cost, success, doubled, solved) == ("1.0", "True", "0", "3")
    assert "SUB" in program
    assert "['LOAD', 'ADD', 'ANS']" in plans


def test_the_parts_of_ten_lines_have_about_ten_lines() -> None:
    for block in snippets("extending.md"):
        lines = [line for line in block.splitlines() if line and not line.startswith(("from ", "import "))]
        assert len(lines) <= 14, f"{len(lines)} lines:\n{block}"


def test_the_page_on_learners_names_them_all() -> None:
    page = (DOCS / "learners.md").read_text(encoding="utf-8")
    for name in [*LEARNERS.names(), "hindsight", "rehearsal"]:
        assert f"`{name}`" in page, f"docs/learners.md does not tell about {name}."


def test_every_path_in_the_docs_is_there() -> None:
    root = DOCS.parent
    for page in [root / "README.md", *DOCS.rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"\b(?:src|tests|docs|benchmarks|examples)/[\w./-]*\w", text):
            assert (root / path).exists(), f"{page.name} names {path}, which is not there."


@pytest.mark.slow
def test_the_page_on_evidence_can_be_typed() -> None:
    """On an agent that was trained for two updates."""
    first = "import inwit\ninwit.train('calculator', training={'max_updates': 2, 'confirm': False})\n"
    done = python(first + "\n".join(snippets("evidence.md")))
    assert done.returncode == 0, done.stderr
    assert "with a memory that stands still" in done.stdout
