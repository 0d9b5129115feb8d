"""The notebook about the published tutorial runs to its end, and its file shows what it gives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / "examples" / "the_article.ipynb"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="There is no checkout around these tests.")


def texts(notebook: dict[str, Any]) -> list[str]:
    """What its cells gave, pictures aside."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    given = [output.get("text") or output["data"].get("text/markdown", "") for output in outputs]
    return ["".join(text) for text in given]


def without_numbers(text: str) -> str:
    return re.sub(r"\d[\d.,]*", "#", text)


def test_the_file_is_small_and_tells_no_place() -> None:
    assert FILE.stat().st_size < 100_000
    text = FILE.read_text(encoding="utf-8")
    assert not re.search(r"/(?:home|root|tmp|work|Users)/", text)


@pytest.mark.slow
def test_each_claim_is_run() -> None:
    pytest.importorskip("nbclient")
    from notebook import executed

    now, kept = texts(executed()), texts(json.loads(FILE.read_text(encoding="utf-8")))
    assert list(map(without_numbers, now)) == list(map(without_numbers, kept)), (
        "The notebook gives something else than its file shows: python tests/helpers/notebook.py"
    )
    told = "\n".join(now)
    stated = re.findall(r"([\d.]+)%", now[0])
    assert len(stated) == 9
    assert max(map(float, stated)) < 50, "The published system solves no stage."
    losses = re.findall(r"\(published\) \| \d \| (\d+) \| ([\d.]+)% \| [\d.]+% \| ([\d.]+)%", told)
    assert [updates for updates, *_ in losses] == ["200", "200", "200", "1000"]
    assert max(float(first) for _, first, _ in losses) > 80, "The published loss teaches the first stage."
    assert max(float(last) for *_, last in losses) < 50, "It hardly teaches the last one."
    for line in (
        "| 0 | MUL ANS | 30 | 1.05 | False | True |",
        "| tutorial-v0 | RCL | 40 | True |",
        "| tutorial-v1 | RCL | 39 | None |",
        "| tutorial-v0 | stage 2 | none | ",
        "| the same two, in one batch | 0.000 |",
        "| 5 6 9 5 8 and 8 5 9 6 5, each alone | 0.000 |",
        "| one for each token | 0 | 123 | 100.0% | 100.0% | 100.0% |",
        "111,000 of 111,000 problems solved",
        "| GRU | 100.0% | 100.0% | 100.0% |",
    ):
        assert line in told
