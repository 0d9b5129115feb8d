"""A browser runs the script that the page was made with, and no other; the page says why it cannot run."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest

from browsing import viewed

PACKED = re.compile(r'(?<=<script type="text/plain" id="script">)[^<]*')
CHANGED = "This page cannot run here: it has been changed since it was made; make it anew with inwit page"


def repacked(text: str) -> str:
    """The page with another script, soundly packed."""
    [packed] = PACKED.findall(text)
    old = gzip.decompress(base64.b64decode(packed))
    new = old.replace(b"The episode is over.", b"The episode is 0ver.")
    assert new != old
    return PACKED.sub(base64.b64encode(gzip.compress(new)).decode(), text)


def torn(name: str) -> Callable[[str], str]:
    """One letter of a packed part is another."""

    def of(text: str) -> str:
        place = text.index(f'id="{name}">') + 5000
        return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]

    return of


@pytest.fixture(scope="module")
def text(addresses: dict[str, str]) -> str:
    return Path(url2pathname(urlparse(addresses["tutorial"]).path)).read_text(encoding="utf-8")


@pytest.mark.parametrize("change", [repacked, torn("script"), torn("data")], ids=["script", "its bytes", "data"])
def test_a_page_that_was_changed_does_not_run(
    browser: Any, text: str, tmp_path: Path, change: Callable[[str], str]
) -> None:
    (tmp_path / "page.html").write_text(change(text), encoding="utf-8")
    with viewed(browser) as view:
        view.page.goto((tmp_path / "page.html").as_uri())
        view.page.wait_for_selector("#notice .notice")
        assert view.page.inner_text("#notice").startswith(CHANGED)
        assert view.page.get_attribute("html", "data-ready") is None
        assert view.page.inner_text("#check") == "This page has not been checked against Python."
        assert view.requests == []


def test_a_loader_that_was_changed_does_not_run(browser: Any, text: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(text.replace("part.remove();", "part.remove(); "), encoding="utf-8")
    with viewed(browser) as view:
        view.page.goto((tmp_path / "page.html").as_uri())
        view.page.wait_for_timeout(300)
        assert any("Content Security Policy" in error for error in view.errors)
        assert view.page.get_attribute("html", "data-ready") is None


def test_a_browser_that_is_too_old_is_told_so(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.page.add_init_script("delete window.DecompressionStream")
        view.page.goto(addresses["tutorial"])
        view.page.wait_for_selector("#notice .notice")
        assert view.page.inner_text("#notice") == (
            "This page cannot run here: it needs a browser of 2023 or later, "
            "such as Chrome 111, Firefox 113 or Safari 16.4."
        )
        view.untouched()
