"""Which search answers for a query."""

from __future__ import annotations

import pytest

from asking import query_of, settings_of
from inwit.worlds.lookup import searches
from inwit.worlds.lookup.oracle import proven

FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16}


def test_what_is_proven_does_not_depend_on_what_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "MOST_STATES", 3000)
    found = []
    orders = (("F F F 0", "G F F 0"), ("G F F 0", "F F F 0"), ("F F 1", "G F F 3", "F F F 4"))
    for place, texts in enumerate(orders):
        settings = settings_of(**FAILING, price=0.021 + place / 1000)  # of which nothing is kept
        found.append({text[:-2]: proven(settings, query_of(text)) for text in texts})
    assert all(each["F F F"] and not each["G F F"] for each in found)
