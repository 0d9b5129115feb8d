"""The page in Firefox, where playwright has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from browsing import viewed


def test_a_page_runs_in_firefox(playwright: Any, addresses: dict[str, str]) -> None:
    if not Path(playwright.firefox.executable_path).exists():
        pytest.skip("no Firefox is installed: python -m playwright install firefox")
    browser = playwright.firefox.launch()
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        view.keys("ArrowRight", "2")
        view.found()
        assert view.page.locator("tr.program").count() == 2
        view.page.wait_for_selector("#check.good")
        assert view.overflow() == 0
        view.untouched()
    browser.close()
