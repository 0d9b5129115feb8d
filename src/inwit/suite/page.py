"""The page of a suite: a record in, one HTML text out. It loads nothing, runs no script, and every string in it is
escaped."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from math import ceil, floor
from typing import TYPE_CHECKING

from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.text import count, seconds
from inwit.report.panels import Table, table
from inwit.suite import ABILITIES
from inwit.suite.compare import compare, rows
from inwit.suite.reference import reference, scored
from inwit.suite.scores import Scored
from inwit.suite.table import notes, number, with_interval
from inwit.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

WIDTH, LEFT, RIGHT, ROW, TOP = 460, 14, 14, 46, 8  # of the chart, in pixels
STYLES = 6  # of marks in the style sheet


def make_page(record: Json, beside: Sequence[Scored], radar: bytes) -> str:
    """The page of a `suite.json`; `radar` is its picture as SVG. `beside` are agents shown beside it."""
    own = scored(record)
    return _template().render(
        name=own.name,
        lead=_lead(record),
        tiles=_tiles(record, own),
        chart=_chart(own, beside),
        radar=f"data:image/svg+xml;base64,{b64encode(radar).decode()}",
        levels=_levels(own),
        heat=_heat(own),
        compared=[_compared(own, other) for other in beside],
        abilities=[(name, ABILITIES.load(name).about) for name in own.scores if name in ABILITIES.names()],
        notes=notes(record, list(own.scores.values()), beside),
        settings=_settings(record),
        version=__version__,
    )


@cache
def _template() -> Template:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader("inwit.suite", ""), PackageLoader("inwit.report", "")])
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, loader=loader)
    made.filters |= {"f": "{:.1f}".format, "g": "{:g}".format, "n": number}
    return made.get_template("suite.html.j2")


def _lead(record: Json) -> str:
    subject = record["subject"]
    trained = f"a {subject['policy']} policy, trained by {subject['learner']} from reward alone"
    who = trained if subject["learner"] else f"the agent {subject['agent']}, which nobody trains"
    return f"What can it do: {who}, in a battery of small experiments. 0 is random, 1 is the proven optimum."


def _tiles(record: Json, own: Scored) -> list[dict[str, str]]:
    measured = [score for score in own.scores.values() if score.seeds]
    found = [
        ("abilities", str(len(measured)), f"of {len(own.scores)} were measured"),
        ("seeds", str(record["seeds"]), f"budget: {record['budget']}"),
    ]
    if record["tokens"]:
        found += [("tokens", count(record["tokens"]), "chosen in training, in all")]
        found += [("training", seconds(record["training_seconds"]), f"{record['jobs']} at a time")]
    return [{"name": name, "value": value, "small": small, "mood": ""} for name, value, small in found]


def _chart(own: Scored, beside: Sequence[Scored]) -> Json:
    """A row for each ability: the own score with its interval, and marks for the others, on one scale."""
    agents = [own, *(each for each in beside)][:STYLES]
    shown = [score for score in own.scores.values() if score.seeds]
    every = [score for each in agents for name in own.scores if (score := each.scores.get(name)) and score.seeds]
    ends = [end for score in every for end in (score.mean, *(score.interval or ()))]
    low, high = floor(min([0.0, *ends]) / 0.25) * 0.25, ceil(max([1.0, *ends]) / 0.25) * 0.25

    def at(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    lines = []
    for place, score in enumerate(shown):
        others = [(style, each.scores.get(score.ability)) for style, each in enumerate(agents)]
        marks = [(style, at(other.mean)) for style, other in others if other and other.seeds]
        lines.append(
            {
                "name": score.ability,
                "value": with_interval(score.mean, score.interval),
                "y": TOP + ROW * place + 30,
                "link": score.interval and [at(end) for end in score.interval],
                "marks": marks[::-1],  # the own mark is drawn last
            }
        )
    said = "; ".join(f"{score.ability} {with_interval(score.mean, score.interval)}" for score in shown)
    height = TOP + ROW * len(lines)
    ticks = [(at(low + 0.25 * place), low + 0.25 * place) for place in range(round((high - low) / 0.25) + 1)]
    legend = list(enumerate(_names(own, beside)[:STYLES]))
    return {"width": WIDTH, "height": height, "rows": lines, "ticks": ticks, "said": said, "legend": legend}


def _names(own: Scored, beside: Sequence[Scored]) -> list[str]:
    return [own.name, *(f"{each.name} (reference)" for each in beside)]


def _levels(own: Scored) -> Table:
    found = []
    for score in own.scores.values():
        for place, level in enumerate(score.levels):
            name = score.ability if place == 0 else ""
            random = with_interval(level.random.value, level.random.interval)
            values = [f"{level.value:.4f}", random, f"{level.optimum:.4f}", number(level.score)]
            found.append([name, f"{score.knob} {level.knob}", *values])
    return table(
        "every level of every knob", ["ability", "level", "measured", "random", "optimum", "score"], found, left=2
    )


def _heat(own: Scored) -> Json | None:
    """The means of all agents of the reference data, a column for each ability; None where there are none."""
    agents = [own, *(each for each in reference().values() if each.scores)]
    if len(agents) == 1:
        return None
    lines = []
    for place, agent in enumerate(agents):
        found = [agent.scores.get(name) for name in own.scores]
        cells = [(number(each.mean), min(1.0, max(0.0, each.mean))) if each and each.seeds else None for each in found]
        lines.append({"name": f"{agent.name} (this suite)" if place == 0 else agent.name, "cells": cells})
    return {"abilities": list(own.scores), "rows": lines}


def _compared(own: Scored, other: Scored) -> Json:
    try:
        found = compare(own, other)
    except UserError:  # nothing in common
        return {"name": other.name, "sentence": "", "table": None}
    heads = ["ability", "this suite", f"{other.name} (reference)", "difference"]
    return {"name": other.name, "sentence": found.sentence, "table": table("mean (95 %)", heads, rows(found))}


def _settings(record: Json) -> Table:
    made = record["made_by"]
    found = [["budget", record["budget"]], ["seeds", record["seeds"]], ["processes at a time", record["jobs"]]]
    found += [
        [f"--{part}.{name}", value] for part, fields in record["overrides"].items() for name, value in fields.items()
    ]
    found += [
        [name, value if isinstance(value, str | int | float) else json.dumps(value)] for name, value in made.items()
    ]
    return table("how it was measured", ["setting", "value"], found, left=2)
