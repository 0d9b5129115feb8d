"""README.md, docs/ and their like: links lead somewhere on GitHub and in the site, and what they show can be typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import inwit
from support import python

ROOT = Path(__file__).parents[2]
SITE_ONLY = {ROOT / "docs" / "index.md", *(ROOT / "docs" / "site").glob("*.md")}
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "examples" / "README.md"} - SITE_ONLY)


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}, which is not there."
        assert target.is_relative_to(ROOT), f"{page.name} links to {link}, outside the repository."
        if heading:
            assert heading in anchors(target), f"{page.name} links to {link}: {target.name} has no such heading."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_are_plain_markdown(page: Path) -> None:
    """Nothing that the site alone would understand, so that they can be read on GitHub."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"^(?:```+|:::+)\{|\{(?:doc|ref|func|class)\}`", text, re.MULTILINE)


def test_every_page_is_in_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").splitlines()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem in index or page in SITE_ONLY, f"docs/index.md does not list {page.stem}."


def test_the_readme_is_for_a_newcomer() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []
    start = "\n".join(lines[:20])
    assert "![" in start, "There is a picture at the top."
    assert "make train" in start
    assert "make test" in start


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "docs/start.md"])
def test_what_the_pages_show_in_python_runs(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    done = python("\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)))
    assert done.returncode == 0, done.stderr
    assert "111000 of 111000\n" in done.stdout
    assert "True {" in done.stdout


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    site = tmp_path / "site"
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--nitpicky"]
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(site)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    loads = r"""<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=["'](?:https?:)?//|url\(["']?(?:https?:)?//"""
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert not re.search(loads, file.read_text(encoding="utf-8")), f"{file.name} loads from another host."
    reference = (site / "api" / "inwit.html").read_text(encoding="utf-8")
    for name in set(inwit.__all__) - {"__version__"}:
        assert f'id="inwit.{name}"' in reference, f"The reference does not tell about inwit.{name}."
    contracts = (site / "api" / "contracts.html").read_text(encoding="utf-8")
    for name in ("World", "Policy", "Learner", "Auxiliary", "Curriculum", "Agent"):
        assert f'id="inwit.core.contracts.{name}"' in contracts
    front = (site / "index.html").read_text(encoding="utf-8")
    for link in re.findall(r'href="([^"#]+)', front):
        assert re.match(r"https?:", link) or (site / link.partition("?")[0]).exists(), link
