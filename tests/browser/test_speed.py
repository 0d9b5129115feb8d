"""The page is fast: loosely, since machines are shared; `benchmarks/playground_browser.py` has the figures."""

from __future__ import annotations

from typing import Any

import pytest

from browsing import viewed
from page_speed import measured

TIMES = 5  # as slow as the budget on a machine that does other things beside


@pytest.mark.parametrize("world", ["tutorial", "calculator", "lookup"])
def test_a_page_is_fast_and_stays_small(browser: Any, addresses: dict[str, str], world: str) -> None:
    with viewed(browser) as view:
        found = measured(view, addresses[world], steps=50, problems=40)
        print(world, found)
        assert found["ready"] <= 1000 * TIMES
        assert found["step"][1] <= 20 * TIMES
        assert found["megabytes"] <= 60
        view.untouched()
