"""Tables of what an agent can do: its evaluation, pass@k, and single episodes, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from inwit.core import result_text
from inwit.core.results import Evaluation
from inwit.core.text import held, percent, task_text
from inwit.worlds import TWINS

if TYPE_CHECKING:
    from inwit.evaluation.explanation import Explanation
    from inwit.evaluation.pass_at_k import PassAtK
    from inwit.worlds.play import Episode

SOLVED = 2  # the column that is coloured
GAP = 2  # between columns


def evaluation_table(evaluation: Evaluation) -> Group:
    """The result, row by row, with a column for each yardstick; below it programs, totals and the known limit."""
    below = [*_programs(evaluation), *result_text.notes(evaluation), *_split(evaluation)]
    limit = [Text(f"known limit: {evaluation.known_limit}", style="dim")] if evaluation.known_limit else []
    return Group(Text(result_text.title(evaluation), "italic"), _Rows(evaluation), Text("\n".join(below)), *limit)


class _Rows:
    """The rows as one table, or as several below each other where the terminal is too narrow: nothing is cut."""

    def __init__(self, evaluation: Evaluation) -> None:
        headings = [heading.replace(" ", "\n") for heading in result_text.headings(evaluation)]
        self.columns = list(zip(headings, *map(_stacked, result_text.cells(evaluation)), strict=True))
        self.styles = ["bold green" if row.solved == row.problems else "yellow" for row in evaluation.rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from map(self._table, self._fitting(options.max_width - GAP))

    def _fitting(self, space: int) -> list[list[int]]:
        """Which columns stand in each table; the first, with the rows' names, in all of them."""
        widths = [GAP + max(len(line) for cell in column for line in cell.split("\n")) for column in self.columns]
        tables, used = [[0]], widths[0]
        for column, width in enumerate(widths[1:], 1):
            if used + width > space and len(tables[-1]) > 1:
                tables.append([0])
                used = widths[0]
            tables[-1].append(column)
            used += width
        return tables

    def _table(self, columns: list[int]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for column in columns:
            table.add_column(self.columns[column][0], justify="right" if column else "left", no_wrap=True)
        for row, style in enumerate(self.styles, 1):
            cells = [(column, self.columns[column][row]) for column in columns]
            table.add_row(*(Text(cell, style if column == SOLVED else "") for column, cell in cells))
        return table


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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("stage", "problems", f"pass@{result.k}", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [(f"{each.stage}{' held out' if each.held_out else ''}", each) for each in result.stages]
    for name, each in [*rows, ("all", result.overall)]:
        interval = f"{percent(each.low)} to {percent(each.high)}"
        table.add_row(name, f"{each.problems:,}", percent(each.estimate), interval)
    return Group(title, table)


def explanation_table(explanation: Explanation) -> Group:
    """One problem, a row for each token."""
    verdict = Text("right", "bold green") if explanation.success else Text("wrong", "bold red")
    if explanation.lucky:
        share = explanation.program_success
        where = f"right on {percent(share)} of the problems of its kind" if share else "not right in general"
        verdict = Text(f"lucky: right here, but this program is {where}", "yellow")
    title = Text(f"{task_text(explanation.task)}: ") + verdict
    registers = list(explanation.choices[0].state)
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("token", style="bold")
    for heading in (*registers, "value"):
        table.add_column(heading, justify="right")
    table.add_column("likeliest tokens")
    table.add_column("oracle's")
    for choice in explanation.choices:
        values = [held(choice.state[register]) for register in registers]
        likeliest = "  ".join(f"{name} {probability:.2f}" for name, probability in choice.alternatives)
        keeps = {True: "yes", False: "no", None: "·"}[choice.keeps_to_oracle]
        table.add_row(choice.token, *values, f"{choice.value:+.2f}", likeliest, keeps)
    return Group(table)


def episode_table(episode: Episode) -> Group:
    """A program played by hand, a row for each token."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("step", justify="right")
    table.add_column("token", style="bold")
    registers = list(episode.states[0]) if episode.states else []
    size = len(TWINS.load(episode.world).vocabulary.names)
    for register in registers:
        table.add_column(register, justify="right")
    table.add_column("legal before it", overflow="fold")
    for index, (token, state, legal) in enumerate(zip(episode.actions, episode.states, episode.legal, strict=True), 1):
        shown = "every token" if len(legal) == size else " ".join(legal) + ("" if token in legal else "  (no effect)")
        style = None if token in legal else "yellow"
        table.add_row(str(index), token, *(held(state[register]) for register in registers), shown, style=style)
    end = "truncated: the budget is spent" if episode.truncated else "unfinished: the program stops early"
    end = "terminated" if episode.terminated else end
    lines = [f"{end} after {episode.steps} steps; success: {_yes(episode.success)}; reward: {episode.reward:g}"]
    lines += [f"{name.replace('_', ' ')}: {_yes(value)}" for name, value in episode.extra.items()]
    lines += [f"not used, after the end: {' '.join(episode.unused)}"] if episode.unused else []
    return Group(table, Text("\n".join(lines)))


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
