"""The playground's pages in Chromium, measured: their sizes, how soon they are ready, how fast they answer keys, and
what they hold after many problems.

python benchmarks/playground_browser.py [RECIPE ...]     by default tutorial, calculator, lookup; agents are untrained

Needs the extra `browser` and a Chromium: `make browser` has both installed and runs it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

import inwit
from browsing import launched, viewed
from inwit.training.config import resolve
from inwit.training.loop import new_agent
from page_speed import measured

BUDGETS = {"kilobytes": 150, "ready": 1000, "step": 20, "megabytes": 60}


def main(recipes: list[str]) -> None:
    print(f"budgets: {BUDGETS['kilobytes']} kB with one agent of the tutorial, ready in {BUDGETS['ready']} ms,")
    print(f"a step in {BUDGETS['step']} ms (95th percentile), {BUDGETS['megabytes']} MB after 200 problems")
    print("ms, median / 95th percentile: a step; a token by hand, the agent going on; a new problem with all agents")
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = launched(playwright)
        for recipe in recipes:
            agent = new_agent(resolve(recipe))
            path = inwit.page(agent, Path(name) / f"{recipe}.html", tell=lambda _: None)
            with viewed(browser) as view:
                found = measured(view, path.as_uri())
            ms = {each: "{:.1f} / {:.1f}".format(*found[each]) for each in ("step", "write", "problem")}
            print(
                f"{recipe}: {path.stat().st_size / 1000:.0f} kB, ready {found['ready']:.0f} ms, step {ms['step']}, "
                f"by hand {ms['write']}, problem {ms['problem']}, {found['megabytes']:.1f} MB"
            )
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:] or ["tutorial", "calculator", "lookup"])
