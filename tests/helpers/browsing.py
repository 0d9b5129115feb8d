"""The playground's page in a real browser: opened, watched for what it must not do, and looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WIDTHS = (1340, 768, 390, 320)
HEIGHTS = {1340: 900, 768: 1024, 390: 844, 320: 640}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
READY_MS = 20_000  # machines are shared: the budget is judged by benchmarks/playground_browser.py
# A browser that is tested asks nobody for anything, whatever its maker has it do.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def chromium() -> str | None:
    """The system's Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


def launched(playwright: Any, *flags: str) -> Any:
    """A browser: the system's, else playwright's own. Skips the test where there is none."""
    try:
        return playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *flags])
    except Exception as error:  # playwright has one class for all that goes wrong
        if chromium():
            raise
        return pytest.skip(f"no Chromium is installed: {str(error).splitlines()[0]}")


@dataclass
class View:
    """A page in a browser, and what must not happen in it."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Load the page, and wait until it can be used."""
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]", timeout=READY_MS)

    def keys(self, *names: str) -> None:
        """Press keys one after another, each when what the last one did has been drawn."""
        for name in names:
            self.page.keyboard.press(name)
            self.settle()

    def settle(self) -> None:
        """Wait until nothing is done or searched any more."""
        self.page.evaluate("() => new Promise((next) => requestAnimationFrame(() => setTimeout(next, 30)))")

    def found(self) -> None:
        """Wait until all ways that are looked at have been searched."""
        for _ in range(READY_MS // 50):
            self.page.wait_for_timeout(50)
            if "…" not in self.page.inner_text("#score tbody") + self.page.inner_text("#next"):
                return
        raise AssertionError("the page does not end its search")

    def focus(self) -> str:
        """The key of what has the focus; its tag where it has none."""
        return self.page.evaluate("() => document.activeElement.dataset.key ?? document.activeElement.tagName")

    def tab_to(self, wanted: str) -> None:
        """Go on by Tab until this has the focus."""
        for _ in range(150):
            if self.focus() == wanted:
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {wanted}")

    def overflow(self) -> int:
        """Pixels by which the document is wider than the window."""
        return self.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def violations(self) -> list[str]:
        """What axe-core finds."""
        from axe_playwright_python.base import AXE_SCRIPT

        # The page lets no script in, so axe comes as what the debugger evaluates.
        self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)
        return [
            f"{each['id']} ({each['impact']}): {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def untouched(self) -> None:
        """Nothing was asked for, no script failed, nothing was complained of."""
        assert self.errors == []
        assert self.requests == []


@contextmanager
def viewed(browser: Any, width: int = 1340, scheme: str = "light", **settings: Any) -> Iterator[View]:
    """A window of this width, in light or dark colours."""
    size = {"width": width, "height": HEIGHTS.get(width, 800)}
    context = browser.new_context(viewport=size, color_scheme=scheme, **settings)
    view = View(context.new_page())
    own = ("file:", "data:", "about:")
    context.on("request", lambda each: None if each.url.startswith(own) else view.requests.append(each.url))
    view.page.on("pageerror", lambda error: view.errors.append(str(error)))
    view.page.on("console", lambda each: view.errors.append(each.text) if each.type in ("error", "warning") else None)
    try:
        yield view
    finally:
        context.close()


def screenshots() -> Path:
    """Where pictures are kept for people to look at; no test reads them."""
    folder = Path(__file__).parents[2] / "build" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
