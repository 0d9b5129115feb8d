"""The tables of docs/pipeline.md, from what `benchmarks/pipeline.py` kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline_cases import AGENTS, CHANGES, MAIN, NETS, SCRIPTS

PAGE = Path(__file__).parents[1] / "docs" / "pipeline.md"
BEGIN, END = "<!-- tables: made by `python benchmarks/pipeline.py table` -->", "<!-- end of tables -->"
Kept = dict[str, Any]
NONE = "–"
VALUE = {"lookup-failing"}  # worlds in which success says little: an agent may always pay for a sure answer
WORTH = "value, % of the optimum's"
# What else is told of a change: of calls that lie the optimum is known for two kinds of query alone.
MORE = {
    "budget": {"at_best": "right within its own optimum of tokens, %"},
    "fails": {"value_over_best": WORTH},
    "lies": {"value_over_best": f"{WORTH}, two kinds"},
}


def write(kept: Kept) -> str:
    """Put the tables between the marks of the page; returns them."""
    text, found = PAGE.read_text(encoding="utf-8"), tables(kept)
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{PAGE} has no place for the tables: put these marks around it: {BEGIN} {END}")
    PAGE.write_text(f"{before}{begin}\n\n{found}\n\n{end}{after}", encoding="utf-8")
    return found


def tables(kept: Kept) -> str:
    """All of them, as Markdown. Cells are means over seeds, with the least and the greatest in brackets."""
    parts = {
        "At home": (home(kept), "home"),
        "What it costs": (costs(kept), "train`, `speed`, `lines"),
        "After a change that nobody told it of": (changes(kept), "changes"),
        "Beyond what it has seen": (beyond(kept), "longer`, `deviation"),
    }
    return "\n\n".join(f"**{title}** (`{step}`)\n\n{table(rows)}" for title, (rows, step) in parts.items())


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with a column for each agent."""
    head = f"| | {' | '.join(AGENTS)} |\n|{'---|' * (1 + len(AGENTS))}"
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in rows)])


def seeds(kept: Kept, kind: str, place: str, agent: str) -> list[dict[str, Any]]:
    """What was measured of an agent, by seed."""
    start = f"{kind}/{place}/{agent}/"
    keys = [key for key in kept if key.startswith(start)]
    return [kept[key] for key in sorted(keys, key=lambda key: int(key.removeprefix(start)))]


def cell(found: Sequence[dict[str, Any]], name: str, form: Callable[[float], str]) -> str:
    """The mean over seeds of one figure, and its range where seeds differ."""
    values = [each[name] for each in found if each.get(name) is not None]
    if not values:
        return NONE
    least, most = form(min(values)), form(max(values))
    return form(fmean(values)) if least == most else f"{form(fmean(values))} ({least} to {most})"


def percent(share: float) -> str:
    """Never 100 where it is less, nor 0 where it is more."""
    text = f"{100 * share:.1f}"
    text = "99.9" if text == "100.0" and share < 1 else "0.1" if text == "0.0" and share > 0 else text
    return text.removesuffix(".0")


def ratio(value: float) -> str:
    return f"{value:.3f}"


def home(kept: Kept) -> list[list[str]]:
    rows = []
    for place in MAIN:
        found = {agent: seeds(kept, "home", place, agent) for agent in AGENTS}
        rows.append([f"{place}: success, %", *(cell(found[agent], "success", percent) for agent in AGENTS)])
        name, about = (
            ("value_over_best", "value, % of the optimum's")
            if place in VALUE
            else ("cost_over_best", "cost over the optimum")
        )
        form = percent if place in VALUE else ratio
        rows.append([f"{place}: {about}", *(cell(found[agent], name, form) for agent in AGENTS)])
    rows.append(["seeds, in the order of the rows", *(_counts(kept, agent) for agent in AGENTS)])
    return rows


def _counts(kept: Kept, agent: str) -> str:
    counts = [len(seeds(kept, "home", place, agent)) for place in MAIN]
    return NONE if agent in SCRIPTS else str(counts[0]) if len(set(counts)) == 1 else ", ".join(map(str, counts))


def costs(kept: Kept) -> list[list[str]]:
    rows, speed, lines = [], kept.get("speed", {}), kept.get("lines", {})
    for place in MAIN:
        trained = {agent: seeds(kept, "train", place, agent) for agent in NETS}
        spent = [
            cell(trained[agent], "seconds", lambda value: f"{value:.0f}") if agent in NETS else "0" for agent in AGENTS
        ]
        rows.append([f"{place}: training, s", *spent])
    rows.append(
        ["parameters", *(_span(_each(speed, agent, "parameters"), lambda value: f"{value:,.0f}") for agent in AGENTS)]
    )
    for name, about in (
        ("one", "a token alone, µs"),
        ("batch", "a token in a batch of 4,096, µs"),
        ("first", "the same, never met before, µs"),
    ):
        rows.append([about, *(_span(_each(speed, agent, name), _digits) for agent in AGENTS)])
    rows.append(["lines of code, all worlds", *(_line(lines, agent, "shared") for agent in AGENTS)])
    rows += [[f"lines of code, {place}", *(_line(lines, agent, place) for agent in AGENTS)] for place in MAIN]
    return rows


def _each(speed: Kept, agent: str, name: str) -> list[float]:
    found = (speed.get(f"{place}/{agent}", {}).get(name) for place in MAIN)
    return [value for value in found if value is not None]


def _span(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Over the worlds."""
    if not values:
        return NONE
    least, most = form(min(values)), form(max(values))
    return least if least == most else f"{least} to {most}"


def _digits(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _line(lines: Kept, agent: str, place: str) -> str:
    return str(lines[agent][place]) if agent in lines else NONE


def changes(kept: Kept) -> list[list[str]]:
    """Before → at once → after. In brackets what the last step took."""
    rows = []
    for name, change in CHANGES.items():
        readings = (
            {"value_over_best": WORTH} if change.home in VALUE else {"success": "success, %", **MORE.get(name, {})}
        )
        for figure, what in readings.items():
            courses = [_course(kept, name, agent, figure) for agent in AGENTS]
            rows.append([f"{change.home}: {change.about} ({what})", *courses])
    return rows


def _course(kept: Kept, change: str, agent: str, figure: str) -> str:
    before, at_once, after = (seeds(kept, kind, change, agent) for kind in ("before", "at once", "after"))
    took = cell(after, "seconds", lambda value: f"{value:.0f} s") if agent not in SCRIPTS else _effort(after)
    course = " → ".join(_brief(each, figure) for each in (before, at_once, after))
    return f"{course} ({took})" if after else course


def _effort(after: Sequence[dict[str, Any]]) -> str:
    """What a person did."""
    lines, told = (after[0].get("lines", 0), after[0].get("told", "")) if after else (0, "")
    return f"{lines} lines" if lines else told


def _brief(found: Sequence[dict[str, Any]], figure: str) -> str:
    """The mean alone: a course has three."""
    values = [each[figure] for each in found if each.get(figure) is not None]
    return percent(fmean(values)) if values else NONE


def beyond(kept: Kept) -> list[list[str]]:
    rows = []
    for size, count in (("4", "1,134"), ("5", "10,206")):
        found = {agent: seeds(kept, "longer", size, agent) for agent in AGENTS}
        rows.append(
            [
                f"all {count} expressions of {size} operators, %",
                *(cell(found[agent], "success", percent) for agent in AGENTS),
            ]
        )
    for name, about in (
        ("tie", "after a token that is as good as its own, %"),
        ("longer", "after a token that costs more, %"),
    ):
        rows.append([about, *(_share(seeds(kept, "deviation", "calculator", agent), name) for agent in AGENTS)])
    return rows


def _share(found: Sequence[dict[str, Any]], name: str) -> str:
    shares = [{"share": each[name] / each[f"{name}_of"]} for each in found if each.get(f"{name}_of")]
    return cell(shares, "share", percent)
