"""Tables of one episode, a row for each token: an agent's, explained, or a program played by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from inwit.core.text import held, percent, task_text
from inwit.worlds import TWINS

if TYPE_CHECKING:
    from inwit.evaluation.explanation import Explanation
    from inwit.worlds.play import Episode


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
    for register in registers:
        table.add_column(register, justify="right")
    table.add_column("value", justify="right")
    table.add_column("likeliest tokens")
    table.add_column("oracle's")
    for choice in explanation.choices:
        table.add_row(
            choice.token,
            *(held(choice.state[register]) for register in registers),
            f"{choice.value:+.2f}",
            "  ".join(f"{name} {probability:.2f}" for name, probability in choice.alternatives),
            {True: "yes", False: "no", None: "·"}[choice.keeps_to_oracle],
        )
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
        style = None if token in legal else "yellow"
        everything = len(legal) == size
        shown = "every token" if everything else " ".join(legal) + ("" if token in legal else "  (no effect)")
        table.add_row(str(index), token, *(held(state[register]) for register in registers), shown, style=style)
    lines = [
        f"{_ending(episode)} after {episode.steps} steps; success: {_yes(episode.success)}; reward: {episode.reward:g}"
    ]
    lines += [f"{name.replace('_', ' ')}: {_yes(value)}" for name, value in episode.extra.items()]
    lines += [f"not used, after the end: {' '.join(episode.unused)}"] if episode.unused else []
    return Group(table, Text("\n".join(lines)))


def _ending(episode: Episode) -> str:
    if episode.terminated:
        return "terminated"
    return "truncated: the budget is spent" if episode.truncated else "unfinished: the program stops early"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
