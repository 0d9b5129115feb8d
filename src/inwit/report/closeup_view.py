"""A close-up as the page takes it: the exact result, programs, kinds, tools and explained problems of one run."""

from __future__ import annotations

from collections import Counter
from typing import Any

from inwit.report.bars import Bar, Span, bar_chart, span_chart
from inwit.report.closeup import CloseUp, KindResult
from inwit.report.compare import share
from inwit.report.panels import chart, has_critic, stage_lines, stage_name, table, tool_charts
from inwit.report.select import Run
from inwit.report.svg import swatch_mark
from inwit.runs.replaced import part_rows

SHORT = {"accumulator": "acc"}  # so that seven tokens stand in a row
KINDS = 400  # expressions that are shown one by one, at most; above that the unsolved ones alone


def closeup_view(run: Run, look: CloseUp, key: str, heading: str) -> dict[str, Any]:
    over_training = [
        *tool_charts(run, key),
        stage_lines(run, "mean_steps", f"steps-{key}", "Tokens in a program, over training", "tokens in a program"),
    ]
    return {
        "key": key,
        "to_evaluate": look.source or run.record.name,
        "heading": heading,
        "bars": _bars(run, key),
        "spans": _spans(run, key),
        "exact": _exact_table(run),
        "exact_text": _exact_text(run),
        "split": _split(run),
        "limit": str(run.evaluation.get("known_limit") or ""),
        "programs": _programs(run),
        "kinds": _kinds(look, run),
        "kinds_text": "One greedy run of each decides for all inputs. " + KINDS_TEXT,
        "excess": _excess(look),
        "tools": _tools(look, run),
        "over_training": [each for each in over_training if each],
        "episodes": [_episode(each, has_critic(run)) for each in look.episodes],
        "critic": has_critic(run),
        "problem": look.problem,
        "source": look.source,
    }


KINDS_TEXT = "✓ solved in the fewest possible tokens; + (dotted) solved with more; ✗ (outlined) not solved."


def _exact_text(run: Run) -> str:
    if not run.exact:
        return ""
    what = "expressions, each for every input" if run.exact[0].grouped else "problems"
    every = "every one: " if run.solved == run.problems else ""
    held_out = ""
    if run.split:
        held_out = f" Of the {run.split.size:,} that were held out of training it solves {run.split.solved:,}."
    return f"The greedy agent solves {every}{run.solved:,} of {run.problems:,} {what}.{held_out}"


def _split(run: Run) -> dict[str, Any] | None:
    """The trained expressions and the test set side by side."""
    split = run.split
    if split is None:
        return None
    rows = []
    for stage in sorted({*split.trained, *split.held_out}, key=lambda name: (len(name), name)):
        parts = [part.get(stage, (0, 0)) for part in (split.trained, split.held_out)]
        rows.append([stage_name(stage, [run]), *(f"{solved:,} of {of:,}" if of else "·" for solved, of in parts)])
    leak = f": this split leaks, since {split.twins:,} of them equal a trained one" if split.twins else ""
    caption = f"split by {split.name}, solved of trained and of held out{leak}"
    return table(caption, ["", "trained", "held out"], rows)


def _bars(run: Run, key: str) -> dict[str, Any] | None:
    if not run.exact:
        return None
    bars = [
        Bar(row.name, row.success, row.shortcut, row.random, share(row), oracle=row.grouped or row.shortest is not None)
        for row in run.exact
    ]
    legend = [
        (swatch_mark(0, "bar"), "agent"),
        (swatch_mark(3), "best shortcut"),
        (swatch_mark(2), "random"),
        (swatch_mark(4, "oracle"), "oracle"),
    ]
    title = "Success on every problem"
    return chart(title, bar_chart(f"exact-chart-{key}", title, bars), legend)


def _spans(run: Run, key: str) -> dict[str, Any] | None:
    spans = [Span(row.name, row.steps, row.shortest) for row in run.exact if row.steps]
    if not spans:
        return None
    of = "on what it solves" if run.exact[0].grouped else "on every problem of the stage"
    legend = [(swatch_mark(0), f"agent, mean {of}"), (swatch_mark(5), "shortest that is always right")]
    title = "Program length"
    return chart(title, span_chart(f"length-{key}", title, spans), legend)


def _exact_table(run: Run) -> dict[str, Any]:
    headings = ["", "problems", "solved", "success", "oracle", "shortcut", "random", "tokens", "shortest"]
    rows = [
        [
            row.name,
            f"{row.problems:,}",
            f"{row.solved:,}",
            share(row),
            "100 %" if row.grouped or row.shortest is not None else "none",
            _percent(row.shortcut),
            _percent(row.random),
            _mean(row.steps),
            _mean(row.shortest),
        ]
        for row in run.exact
    ]
    return table("the exact result in numbers", headings, rows)


def _percent(value: float | None) -> str:
    return "·" if value is None else f"{100 * value:.1f} %"


def _mean(value: float | None) -> str:
    return "·" if value is None else f"{value:.2f}"


def _programs(run: Run) -> dict[str, Any] | None:
    """Oracle's, shortcut's and agent's programs, where a stage has one of each."""
    whose = ("oracle_program", "shortcut_program", "program")
    rows = [
        [f"stage {stage.get('stage')}", *(_tokens(stage.get(who)) for who in whose)]
        for stage in part_rows(run.evaluation, "stages")
    ]
    headings = ["", "oracle", "best shortcut", "agent, most often"]
    return table("programs", headings, rows, left=4) if rows else None


def _tokens(program: Any) -> str:
    return " ".join(map(str, program)) if isinstance(program, list) else "none"


def _kinds(look: CloseUp, run: Run) -> list[dict[str, Any]]:
    parts = []
    everything = len(look.kinds) <= KINDS
    for stage, held_out in sorted({(kind.stage, kind.held_out) for kind in look.kinds}):
        members = [kind for kind in look.kinds if (kind.stage, kind.held_out) == (stage, held_out)]
        solved = sum(kind.solved for kind in members)
        shown = sorted((kind for kind in members if everything or not kind.solved), key=lambda kind: kind.solved)
        name = stage_name(str(stage), [run]) + (", held out of training" if held_out else "")
        title = f"{name}: {solved} of {len(members)} solved"
        parts.append({"title": title, "members": [_kind(kind) for kind in shown[:KINDS]]})
    return parts


def _kind(kind: KindResult) -> dict[str, str]:
    known = "" if kind.shortest is None else f", {kind.shortest} at the least"
    if not kind.solved:
        return {"name": kind.name, "style": "no", "mark": "✗ ", "title": f"not solved{known}"}
    longer = kind.shortest is not None and kind.steps > kind.shortest
    return {
        "name": kind.name,
        "style": "yes long" if longer else "yes",
        "mark": "+ " if longer else "✓ ",
        "title": f"solved in {kind.steps} tokens{known}",
    }


def _excess(look: CloseUp) -> dict[str, Any] | None:
    """How many expressions take how many tokens more than the shortest program."""
    more = Counter(kind.steps - kind.shortest for kind in look.kinds if kind.solved and kind.shortest is not None)
    if not more:
        return None
    rows = [["as short as possible" if extra == 0 else f"{extra} more", str(more[extra])] for extra in sorted(more)]
    return table("solved expressions by length over the shortest program", ["tokens", "expressions"], rows)


def _tools(look: CloseUp, run: Run) -> dict[str, Any] | None:
    if not look.tools:
        return None
    tokens = list(dict.fromkeys(token for uses in look.tools.values() for token in uses))
    greatest = max(value for uses in look.tools.values() for value in uses.values())
    rows = []
    for stage, uses in look.tools.items():
        values = [uses.get(token, 0.0) for token in tokens]
        cells = [(f"{value / greatest:.3f}", f"{value:.2f}" if value else "·") for value in values]
        rows.append({"name": stage_name(stage, [run]), "cells": cells})
    return {"corner": "", "tokens": tokens, "rows": rows}


def _episode(explanation: Any, critic: bool) -> dict[str, Any]:
    task = {name: _value(value) for name, value in explanation.task.items() if name != "num_slots"}
    mood, verdict = ("good", "✓ right") if explanation.success else ("bad", "✗ wrong")
    if explanation.lucky:
        mood, verdict = "bad", "≈ lucky: this program is not right everywhere"
    cards, before = [], {}
    for choice in explanation.choices:
        cards.append(_card(choice, before, critic))
        before = choice.state
    return {
        "title": ", ".join(f"{name} {value}" for name, value in task.items()),
        "verdict": verdict,
        "mood": mood,
        "oracle": " ".join(explanation.oracle_program or []),
        "cards": cards,
    }


def _card(choice: Any, before: dict[str, Any], critic: bool) -> dict[str, Any]:
    registers = [
        {"name": SHORT.get(name, name), "value": _value(value), "changed": name in before and before[name] != value}
        for name, value in choice.state.items()
    ]
    return {
        "token": choice.token,
        "registers": registers,
        "value": f"{choice.value:+.2f}" if critic else "",  # else it is that of a random network
        "meter": f"{min(1.0, max(0.0, choice.value)):.3f}",
        "alternatives": [(name, f"{share:.3f}", f"{share:.2f}") for name, share in choice.alternatives],
        "oracle": {True: "as the oracle", False: "not the oracle's", None: ""}[choice.keeps_to_oracle],
    }


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_value(item) for item in value) or "none"
    if value is None or value is False:
        return "·"
    return "set" if value is True else str(value)
