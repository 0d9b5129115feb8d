"""Tables of what an agent can do: its evaluation, pass@k, and single episodes, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from inwit.core import result_text
from inwit.core.columns import Columns
from inwit.core.results import Evaluation
from inwit.core.text import held, percent, task_text
from inwit.worlds import TWINS

if TYPE_CHECKING:
    from inwit.evaluation.explanation import Explanation
    from inwit.evaluation.pass_at_k import PassAtK
    from inwit.worlds.play import Episode

SOLVED = 2  # the column that is coloured


def evaluation_table(evaluation: Evaluation) -> Group:
    """The result, row by row, with a column for each yardstick; below it programs, totals and the known limit."""
    below = [*_programs(evaluation), *result_text.notes(evaluation), *_split(evaluation)]
    limit = [Text(f"known limit: {evaluation.known_limit}", style="dim")] if evaluation.known_limit else []
    return Group(Text(result_text.title(evaluation), "italic"), _rows(evaluation), Text("\n".join(below)), *limit)


def _rows(evaluation: Evaluation) -> Columns:
    headings = [heading.replace(" ", "\n") for heading in result_text.headings(evaluation)]
    rows: list[list[str | Text]] = []
    for row, cells in zip(evaluation.rows, result_text.cells(evaluation), strict=True):
        style = "bold green" if row.solved == row.problems else "yellow"
        rows.append([Text(cell, style) if i == SOLVED else cell for i, cell in enumerate(_stacked(cells))])
    return Columns(headings, rows)


def _stacked(cells: list[str]) -> list[str]:
    """In two lines what would make a column wide: an interval, `not searched`."""
    return [cells[0], *(cell.replace(" (", "\n(").replace("not searched", "not\nsearched") for cell in cells[1:])]


def _programs(evaluation: Evaluation) -> list[str]:
    """The programs behind the table: each row's name once."""
    lines = result_text.programs(evaluation)
    widths = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    shown, before = [], ""
    for name, whose, text in lines:
        shown.append(f"{'' if name == before else name:{widths[0]}}  {whose:{widths[1]}}  {text}")
        before = name
    return [*shown, ""] if shown else []


def _split(evaluation: Evaluation) -> list[str]:
    """The trained problems and the test set apart, where there is one."""
    split = evaluation.split
    if split is None:
        return []
    lines = [f"split by {split.name}, solved of trained and of held out:"]
    for name, trained, held_out in result_text.split_rows(split):
        lines.append(f"  {name}: {trained} trained, {held_out} held out")
    return [*lines, f"  {result_text.leak(split)}"]


def pass_table(result: PassAtK) -> Group:
    """pass@k, a row for each stage, then all together."""
    which = "every problem" if result.all_problems else "a fixed sample of the problems"
    title = Text(f"pass@{result.k}, from {result.samples} sampled programs for each; {which}")
    rows = [(f"{each.stage}{' held out' if each.held_out else ''}", each) for each in result.stages]
    cells = [
        (name, f"{each.problems:,}", percent(each.estimate), f"{percent(each.low)} to {percent(each.high)}")
        for name, each in [*rows, ("all", result.overall)]
    ]
    return Group(title, Columns(("stage", "problems", f"pass@{result.k}", "95 % interval"), cells, left=()))


def explanation_table(explanation: Explanation) -> Group:
    """One problem, a row for each token."""
    verdict = Text("right", "bold green") if explanation.success else Text("wrong", "bold red")
    if explanation.lucky:
        share = explanation.program_success
        where = f"right on {percent(share)} of the problems of its kind" if share else "not right in general"
        verdict = Text(f"lucky: right here, but this program is {where}", "yellow")
    title = Text(f"{task_text(explanation.task)}: ", "italic") + verdict
    registers, rows = list(explanation.choices[0].state), []
    for choice in explanation.choices:
        values = [held(choice.state[register]) for register in registers]
        likeliest = "  ".join(f"{name} {probability:.2f}" for name, probability in choice.alternatives)
        keeps = {True: "yes", False: "no", None: "·"}[choice.keeps_to_oracle]
        rows.append((Text(choice.token, "bold"), *values, f"{choice.value:+.2f}", likeliest, keeps))
    headings = ("token", *registers, "value", "likeliest tokens", "oracle's")
    last = len(headings) - 1
    return Group(title, Columns(headings, rows, left=(0, last - 1, last), wide=True))


def episode_table(episode: Episode) -> Group:
    """A program played by hand, a row for each token."""
    registers = list(episode.states[0]) if episode.states else []
    size, rows = len(TWINS.load(episode.world).vocabulary.names), []
    for index, (token, state, legal) in enumerate(zip(episode.actions, episode.states, episode.legal, strict=True), 1):
        shown = "every token" if len(legal) == size else " ".join(legal) + ("" if token in legal else "  (no effect)")
        values = [held(state[register]) for register in registers]
        style = "" if token in legal else "yellow"
        rows.append([Text(cell, style) for cell in (str(index), *values, shown)])
        rows[-1].insert(1, Text(token, f"bold {style}"))
    headings = ("step", "token", *registers, "legal before it")
    last = len(headings) - 1
    table = Columns(headings, rows, keep=2, left=(1, last), fold=last, wide=True)
    end = "truncated: the budget is spent" if episode.truncated else "unfinished: the program stops early"
    end = "terminated" if episode.terminated else end
    lines = [f"{end} after {episode.steps} steps; success: {_yes(episode.success)}; reward: {episode.reward:g}"]
    lines += [f"{name.replace('_', ' ')}: {_yes(value)}" for name, value in episode.extra.items()]
    lines += [f"not used, after the end: {' '.join(episode.unused)}"] if episode.unused else []
    return Group(table, Text("\n".join(lines)))


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
