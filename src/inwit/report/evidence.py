"""What `inwit evidence` found about a run's agent, for the page: verdicts, pictures, and one derailed episode."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inwit.core.claims import (
    AT_LEAST,
    NOT_SHOWN,
    NOT_TESTABLE,
    REFUTED,
    SHOWN,
    Claim,
    Control,
    Derailment,
    Evidence,
    Measure,
)
from inwit.core.claims_table import each_alone
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.records import as_dict, as_list, as_pair, is_number
from inwit.core.text import plural, span
from inwit.evaluation.explained import Explanation
from inwit.evaluation.explanation import explain
from inwit.report.charts import BARS, Chart, ChartRow, per_cent, point_chart, row_chart
from inwit.report.panels import Table, table
from inwit.report.select import Run
from inwit.runs.finding import EVIDENCE
from inwit.runs.folder import number

SIGNS = {SHOWN: "\u2713", REFUTED: "\u2717", NOT_SHOWN: "\u2013", NOT_TESTABLE: "\u00b7"}
MOODS = {SHOWN: "good", REFUTED: "bad", NOT_SHOWN: "", NOT_TESTABLE: "soft"}
TICKS = (3, 2, 4, 5, 1)  # markers of controls, in order
BAR = "oracle"  # the mark of a bar that must be reached: a line across


@dataclass(frozen=True)
class Kept:
    """The evidence that a run keeps in one file. `stale`: why it is not of the weights that the run has now; empty
    where it is. `damaged`: why the file cannot be read; then there is no evidence."""

    evidence: Evidence
    stale: str = ""
    damaged: str = ""


def kept_evidence(run: Run) -> list[Kept]:
    """What the run keeps: of its agent alone, then of several seeds. A file that is not there is left out."""
    found = () if run.script else (_kept_in(run, run.record.path / name) for name in EVIDENCE)
    return [kept for kept in found if kept]


def _kept_in(run: Run, file: Path) -> Kept | None:
    values = _read(file)
    if values is None:
        return None
    evidence = Evidence.from_dict(values)
    if not evidence.claims:
        what = f"{file.name} is damaged: nothing in it can be read. A new `inwit evidence` replaces it."
        return Kept(evidence, damaged=what)
    first = as_list(as_list(as_dict(values.get("made")).get("of"))[:1])
    of = as_list(first[0]) if first else []
    then, now = of[2] if len(of) == 3 else None, number(run.record.summary, "update")
    if then is None or now is None or then == now:
        return Kept(evidence)
    return Kept(evidence, f"This is of the weights after update {then}. The run has gone on to {now:g} since.")


def _read(file: Path) -> Mapping[str, object] | None:
    """None where there is no file; nothing where it is damaged."""
    try:
        return as_dict(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}


def derailed_episode(agent: Agent, run: Run) -> Explanation | None:
    """The same episode, token by token; None where there is none, or where the agent does not write it any more."""
    found = next(((kept, derailed) for kept in kept_evidence(run) if (derailed := kept.evidence.derailment)), None)
    if found is None or found[0].stale:
        return None
    derailed = found[1]
    try:
        return explain(agent, derailed.task, force={derailed.at: derailed.forced}, seconds=0)
    except UserError:
        return None


def evidence_views(run: Run, episode: Explanation | None, key: str) -> list[dict[str, object]]:
    """For the page, one for each file; the derailed episode, which is the same in all, stands in the first that has
    it."""
    views: list[dict[str, object]] = []
    for place, kept in enumerate(kept_evidence(run)):
        found = None if any(view["derailed"] for view in views) else kept.evidence.derailment
        views.append(_view(kept, found, episode if found else None, f"{key}-{place}" if place else key))
    return views


def _view(kept: Kept, found: Derailment | None, episode: Explanation | None, key: str) -> dict[str, object]:
    evidence = kept.evidence
    several = len(evidence.agents) > 1
    return {
        "key": key,
        "damaged": kept.damaged,
        "beside": f", over {len(evidence.agents)} seeds" if several else "",
        "stale": kept.stale,
        "who": f"{plural(len(evidence.agents), 'run')} that differ in their seed: {', '.join(evidence.agents)}. "
        if several
        else "",
        "over": "seeds" if several else "classes of problems",
        "claims": [_claim(claim) for claim in evidence.claims],
        "each": _each(evidence),
        "charts": [chart for chart in (_deviation(evidence, key), _interchange(evidence, key)) if chart],
        "pictures": _pictures(evidence, key),
        "derailed": found,
        "lines": _lines(found) if found else [],
        "episode": episode,
    }


def _each(evidence: Evidence) -> Table | None:
    """Of several runs a row for each, with its own figures."""
    headings, rows = each_alone(evidence)
    return table("each run alone", ["run", *headings[1:]], rows, left=len(headings)) if rows else None


def _claim(claim: Claim) -> dict[str, object]:
    return {
        "name": claim.claim,
        "verdict": f"{SIGNS.get(claim.verdict, '')} {claim.verdict}",
        "mood": MOODS.get(claim.verdict, ""),
        "why": claim.why,
        "measures": [_measure(measure) for measure in claim.measures],
    }


def _measure(measure: Measure) -> dict[str, object]:
    return {
        "name": measure.name,
        "found": _share(measure.statistic),
        "interval": span(*measure.interval) if measure.interval else "",
        "bar": f"{_sign(measure.side)} {measure.bar:g}",
        "n": f"{measure.n:,}",
        "controls": [_control(name, control) for name, control in measure.controls.items()],
    }


def _control(name: str, control: Control) -> dict[str, object]:
    must = "" if control.bar is None else f"{_sign(control.side)} {control.bar:g}"
    return {"name": name, "value": _share(control.value), "must": must, "holds": control.holds, "why": control.why}


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _sign(side: str) -> str:
    return "\u2265" if side == AT_LEAST else "\u2264"


def _deviation(evidence: Evidence, key: str) -> Chart | None:
    """How often the agents end right, by the step in which a token was forced."""
    names = {"tie": "a way of the same length is left", "longer": "only a longer way is left"}
    lines: dict[str, list[tuple[float, float]]] = {}
    for part, name in names.items():
        right, n = (_sums(evidence.pictures.get("deviation"), part, which) for which in ("right", "n"))
        points = [(float(at), right.get(at, 0.0) / count) for at, count in n.items() if count > 0]
        lines[name] = [(at, share) for at, share in points if 0 <= share <= 1]
    title, x = "Right after a forced token, by its time", "step of the forced token (the first is 0)"
    return point_chart(f"deviation-{key}", title, lines, "right", x)


def _sums(picture: object, part: str, which: str) -> dict[int, float]:
    """By step, what all agents have together."""
    sums: dict[int, float] = {}
    for each in as_dict(picture).values():
        for at, value in enumerate(as_list(as_dict(as_dict(each).get(part)).get(which))):
            if is_number(value):
                sums[at] = sums.get(at, 0.0) + value
    return sums


def _interchange(evidence: Evidence, key: str) -> Chart | None:
    """For each call how often the program changes as the exchanged memory says, with the controls as ticks."""
    claim = next((claim for claim in evidence.claims if claim.claim == "looks ahead"), None)
    measures = [each for each in claim.measures if each.statistic is not None] if claim else []
    if not measures:
        return None
    names = list(dict.fromkeys(name for each in measures for name in each.controls))
    looks = {name: TICKS[place % len(TICKS)] for place, name in enumerate(names)}
    rows, said = [], []
    for each in measures:
        known = [(name, control.value) for name, control in each.controls.items() if control.value is not None]
        marks = [(looks[name], value, -5.0 if place % 2 else 5.0, 4.5) for place, (name, value) in enumerate(known)]
        share = each.statistic or 0.0
        rows.append(ChartRow(each.name, per_cent(share), bar=share, marks=[*marks, (BAR, each.bar, 0.0, 0.0)]))
        said.append(
            f"{each.name}: {per_cent(share)}, {', '.join(f'{name} {per_cent(value)}' for name, value in known)}"
        )
    legend = [
        ("bar", 0, "exchanged"),
        *(("marker", looks[name], name) for name in names),
        (BAR, 0, "bar to be reached"),
    ]
    title = "Exchanged parts of the memory, by call"
    return row_chart(f"interchange-{key}", title, "; ".join(said) + ".", BARS, rows, ("", 1.0, per_cent), legend)


def _pictures(evidence: Evidence, key: str) -> list[Chart]:
    """The pictures that say themselves how they are drawn: of several agents the first one's."""
    drawn = []
    for place, (name, each) in enumerate(evidence.pictures.items()):
        whose, found = next(iter(as_dict(each).items()), ("", None))
        values = as_dict(found)
        lines = {str(line): _points(points) for line, points in as_dict(values.get("lines")).items()}
        texts = [str(values.get(text, "")) for text in ("title", "y", "x", "caption")]
        title, y, x, caption = texts
        caption += f" Of {whose} alone." if len(as_dict(each)) > 1 else ""
        chart = point_chart(f"picture-{key}-{place}", title or name, lines, y, x, caption.strip())
        drawn += [chart] if chart else []
    return drawn


def _points(values: object) -> list[tuple[float, float]]:
    """Those that can be drawn: x from 0, shares from 0 to 1."""
    pairs = (as_pair(each) for each in as_list(values))
    return [pair for pair in pairs if pair and pair[0] >= 0 and 0 <= pair[1] <= 1]


def _lines(found: Derailment) -> Sequence[tuple[str, list[tuple[str, bool]]]]:
    """The programs below each other; the forced token is marked."""
    names = ("by itself", found.own), ("derailed", found.wrote), ("a right one", found.right)
    return [
        (name, [(token, name != "by itself" and step == found.at) for step, token in enumerate(program)])
        for name, program in names
        if program
    ]
