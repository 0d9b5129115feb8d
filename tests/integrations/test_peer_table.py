"""The benchmark of other libraries: which variants a word means, what is measured anew, and the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    if not BENCHMARKS.exists():
        pytest.skip("There is no checkout around these tests.")
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the benchmark sets when it is imported
    monkeypatch.setenv("MKL_NUM_THREADS", "1")


def test_variants_are_named_whole_or_by_an_end() -> None:
    from peer_variants import VARIANTS, named

    assert named(["recurrent-tuned"]) == ["recurrent-tuned"]
    assert named(["inwit"]) == ["inwit-a2c", "inwit-ppo", "inwit-rehearsal", "inwit-one-pass"]
    with pytest.raises(ValueError, match="'nothing' names none of inwit-a2c, "):
        named(["inwit", "nothing"])
    groups = [named([word]) for word in ("inwit", "tuned", "default", "bootstrap", "one-pass")]
    assert {name for group in groups for name in group} == set(VARIANTS)


def test_only_what_a_longer_limit_may_change_is_measured_anew() -> None:
    from peers import _cut_short

    assert _cut_short({"seconds": None, "limit": 3.0}, 60.0)
    assert not _cut_short({"seconds": None, "limit": 60.0}, 60.0)
    assert not _cut_short({"seconds": 2.0, "limit": 3.0}, 60.0)
    assert not _cut_short({"steps_per_second": 5}, 60.0)


def solved(*seconds: float | None) -> list[dict[str, Any]]:
    return [{"seconds": each, "limit": 60.0} for each in seconds]


@pytest.mark.parametrize(
    ("solve", "told"),
    [
        ([], ""),
        (solved(3.0), "3.0 s"),
        (solved(1.0, 3.0, 2.0), "2.0 (1.0 to 3.0) s"),
        (solved(None, 3.0, 2.0), "3.0 (2.0 to not within 60) s"),
        (solved(None, 3.0), "not within 60 s"),
        (solved(None, None), "not within 60 s"),
    ],
)
def test_a_seed_that_did_not_get_there_is_slower_than_all(solve: list[dict[str, Any]], told: str) -> None:
    from peer_table import _time

    assert _time(solve) == told


def test_tables_are_written_between_their_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import peer_table

    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(peer_table, "PAGE", page)
    marks = [(peer_table.BEGIN.format(which), peer_table.END.format(which)) for which in ("short", "full")]
    page.write_text("before\n" + "between\n".join(f"{begin}\nstale\n{end}\n" for begin, end in marks) + "after\n")
    kept = {
        "speed/tutorial/64/inwit-a2c/0": {"steps_per_second": 100_000},
        "speed/tutorial/64/sb3-ppo-default/0": {"steps_per_second": 1000},
        "solve/tutorial/64/inwit-a2c/0": {"seconds": 2.5, "limit": 60.0},
        "cold/tutorial/64/inwit-a2c/0": {"wall": 3.0},
    }
    (tmp_path / "peers.json").write_text(json.dumps(kept))
    for _ in range(2):  # what was written once can be written again
        peer_table.write(tmp_path / "peers.json")
        text = page.read_text()
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
        assert "stale" not in text
        short, wide = text.split("between\n")
        assert (
            "| inwit-a2c | the recipe, one pass | 1 | 2,500 | float32 | 100,000 | 1 | 2.5 s | 1 of 1 | 3.0 s |" in wide
        )
        assert "| sb3-ppo-default |" in wide
        assert "| inwit-a2c | the recipe, one pass | 100,000 | 2.5 s |" in short
        assert "default" not in short
    page.write_text(text.replace(marks[1][1], ""))
    with pytest.raises(SystemExit, match=r"put these marks around it: .* full tables"):
        peer_table.write(tmp_path / "peers.json")
    with pytest.raises(SystemExit, match="there are no results"):
        peer_table.write(tmp_path / "none.json")
