"""A close-up as the page takes it: the result, programs, kinds, tools and explained problems of one run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from inwit.core import result_text
from inwit.core.results import Evaluation
from inwit.core.text import held, percent, task_text
from inwit.report.bars import Bar, Span, bar_chart, mark_of, span_chart
from inwit.report.closeup import CloseUp, KindResult
from inwit.report.panels import chart, has_critic, stage_lines, table, tool_charts
from inwit.report.select import Run
from inwit.report.svg import swatch_mark

if TYPE_CHECKING:
    from inwit.evaluation.explanation import Choice, Explanation

KINDS = 400  # kinds that are shown one by one, at most; above that the unsolved ones alone
KINDS_TEXT = "✓ solved in the fewest possible tokens; + (dotted) solved with more; ✗ (outlined) not solved."


def closeup_view(run: Run, look: CloseUp, key: str, heading: str) -> dict[str, Any]:
    over_training = [
        *tool_charts(run, key),
        stage_lines(run, "mean_steps", f"steps-{key}", "Tokens in a program, over training", "tokens in a program"),
    ]
    return {
        "key": key,
        "to_evaluate": look.source or run.record.name,
        "heading": heading,
        **_result(run.evaluation, key),
        "kinds": _kinds(look),
        "kinds_text": KINDS_TEXT,
        "excess": _excess(look),
        "tools": _tools(look),
        "over_training": [each for each in over_training if each],
        "episodes": [_episode(each, has_critic(run)) for each in look.episodes],
        "critic": has_critic(run),
        "problem": look.problem,
        "source": look.source,
    }


def _result(evaluation: Evaluation | None, key: str) -> dict[str, Any]:
    """The evaluation, as charts and tables; nothing where there is none."""
    if evaluation is None or not evaluation.rows:
        return dict.fromkeys(("bars", "spans", "table", "split", "programs")) | {"text": "", "notes": [], "limit": ""}
    programs = result_text.programs(evaluation)
    meanings = [f"{name}: {meaning}" for name, meaning in result_text.meanings(evaluation).items()]
    return {
        "bars": _bars(evaluation, f"result-chart-{key}"),
        "spans": _spans(evaluation, f"length-{key}"),
        "table": table(evaluation.method, result_text.headings(evaluation), result_text.cells(evaluation)),
        "text": _text(evaluation),
        "notes": [*meanings, *result_text.notes(evaluation)],
        "split": _split(evaluation),
        "limit": evaluation.known_limit,
        "programs": table("programs", ["", "whose", "program"], programs, left=3) if programs else None,
    }


def _text(evaluation: Evaluation) -> str:
    every = "every one: " if evaluation.proven and evaluation.solved == evaluation.problems else ""
    what = result_text.problems(evaluation)
    text = f"The greedy agent solves {every}{evaluation.solved:,} of {evaluation.problems:,} {what}."
    if evaluation.split is None:
        return text
    solved, of = result_text.held_out(evaluation.split)
    return f"{text} Of the {of:,} that were held out of training it solves {solved:,}."


def _split(evaluation: Evaluation) -> dict[str, Any] | None:
    """The trained problems and the test set side by side."""
    split = evaluation.split
    if split is None:
        return None
    caption = f"split by {split.name}, solved of trained and of held out; {result_text.leak(split)}"
    return table(caption, ["", "trained", "held out"], result_text.split_rows(split))


def _bars(evaluation: Evaluation, key: str) -> dict[str, Any]:
    names = result_text.yardstick_names(evaluation)
    bars = []
    for row in evaluation.rows:
        known = {name: each.success for name, each in row.yardsticks.items() if each.success is not None}
        bars.append(Bar(row.name, row.success, f"{'~' * (row.interval is not None)}{percent(row.success)}", known))
    drawn = [name for name in names if any(name in bar.yardsticks for bar in bars)]
    legend = [(swatch_mark("bar", 0), "agent"), *((swatch_mark(mark_of(name, names)), name) for name in drawn)]
    return chart("Success", bar_chart(key, "Success", bars, names), legend)


def _spans(evaluation: Evaluation, key: str) -> dict[str, Any] | None:
    spans = [Span(row.name, row.cost, row.best_cost) for row in evaluation.rows if row.cost]
    if not spans:
        return None
    legend = [(swatch_mark(0), "agent, mean of what it solves")]
    legend += [(swatch_mark(5), "best possible, on the same")] if any(span.shortest for span in spans) else []
    return chart("Program length", span_chart(key, "Program length", spans), legend)


def _kinds(look: CloseUp) -> list[dict[str, Any]]:
    parts = []
    everything = len(look.kinds) <= KINDS
    for stage, held_out in sorted({(kind.stage, kind.held_out) for kind in look.kinds}):
        members = [kind for kind in look.kinds if (kind.stage, kind.held_out) == (stage, held_out)]
        solved = sum(kind.solved for kind in members)
        shown = sorted((kind for kind in members if everything or not kind.solved), key=lambda kind: kind.solved)
        name = f"stage {stage}" + (", held out of training" if held_out else "")
        title = f"{name}: {solved} of {len(members)} solved"
        parts.append({"title": title, "members": [_kind(kind) for kind in shown[:KINDS]]})
    return parts


def _kind(kind: KindResult) -> dict[str, str]:
    known = "" if kind.shortest is None else f", {kind.shortest} at the least"
    if not kind.solved:
        return {"name": kind.name, "style": "no", "mark": "✗ ", "title": f"not solved{known}"}
    longer = kind.shortest is not None and kind.cost > kind.shortest
    return {
        "name": kind.name,
        "style": "yes long" if longer else "yes",
        "mark": "+ " if longer else "✓ ",
        "title": f"solved in {kind.cost:g} tokens{known}",
    }


def _excess(look: CloseUp) -> dict[str, Any] | None:
    """How many kinds take how many tokens more than the shortest program."""
    more = Counter(kind.cost - kind.shortest for kind in look.kinds if kind.solved and kind.shortest is not None)
    if not more:
        return None
    rows = [["as short as possible" if extra <= 0 else f"{extra:g} more", str(more[extra])] for extra in sorted(more)]
    return table("solved kinds by length over the shortest program", ["tokens", "kinds"], rows)


def _tools(look: CloseUp) -> dict[str, Any] | None:
    if not look.tools:
        return None
    tokens = list(dict.fromkeys(token for uses in look.tools.values() for token in uses))
    greatest = max(value for uses in look.tools.values() for value in uses.values())
    rows = []
    for stage, uses in look.tools.items():
        values = [uses.get(token, 0.0) for token in tokens]
        cells = [(f"{value / greatest:.3f}", f"{value:.2f}" if value else "·") for value in values]
        rows.append({"name": f"stage {stage}", "cells": cells})
    return {"corner": "", "tokens": tokens, "rows": rows}


def _episode(explanation: Explanation, critic: bool) -> dict[str, Any]:
    mood, verdict = ("good", "✓ right") if explanation.success else ("bad", "✗ wrong")
    if explanation.lucky:
        mood, verdict = "bad", "≈ lucky: this program is not right everywhere"
    cards, before = [], {}
    for choice in explanation.choices:
        cards.append(_card(choice, before, critic))
        before = choice.state
    return {
        "title": task_text(explanation.task),
        "verdict": verdict,
        "mood": mood,
        "oracle": " ".join(explanation.oracle_program or []),
        "cards": cards,
    }


def _card(choice: Choice, before: dict[str, Any], critic: bool) -> dict[str, Any]:
    registers = [
        {"name": name, "value": held(value), "changed": name in before and before[name] != value}
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
