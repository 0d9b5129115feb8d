"""What a person sees on the terminal: tables, and the live view of a training. No decisions, no PyTorch."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text


def console(*, stderr: bool = False) -> Console:
    """Tables are as wide as the terminal; when piped, wide enough that nothing is cut."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream is not None and stream.isatty()
    return Console(stderr=stderr, highlight=False, markup=False, width=None if terminal else 132)


def evaluation_table(evaluation: Any) -> Group:
    """The exact result, stage by stage, with the yardsticks beside it and their programs below."""
    if hasattr(evaluation, "groups"):
        return groups_table(evaluation)
    extra = sorted({name for stage in evaluation.stages for name in stage.extra})
    title = f"{evaluation.world}: greedy, on every problem"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    headings = ["stage", "problems", "solved", "success", *(name.replace("_", " ") for name in extra)]
    for heading in [*headings, "steps", "oracle", "shortcut", "random", "programs"]:
        table.add_column(heading, justify="right", no_wrap=True)
    for stage in evaluation.stages:
        every = stage.solved == stage.problems
        table.add_row(
            str(stage.stage),
            f"{stage.problems:,}",
            Text(f"{stage.solved:,}", style="bold green" if every else "yellow"),
            percent(stage.success),
            *(percent(stage.extra[name]) for name in extra),
            f"{stage.mean_steps:.2f}",
            "none" if stage.oracle_steps is None else str(stage.oracle_steps),
            percent(stage.shortcut_success),
            percent(stage.random_success),
            str(stage.distinct_programs),
        )
    solved = Text(f"solved {evaluation.solved:,} of {evaluation.problems:,} problems")
    limit = Text(f"known limit: {evaluation.known_limit}", style="dim")
    return Group(table, *_programs(evaluation), solved, limit)


def groups_table(evaluation: Any) -> Group:
    """The exact result of a calculator agent, by operators and slots needed."""
    title = f"{evaluation.world}: one greedy run of each expression, proven for all inputs"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    headings = ("operators", "slots", "expressions", "solved", "value", "tokens", "shortest", "proven", "random")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for group in evaluation.groups:
        every = group.identity_solved == group.expressions
        table.add_row(
            str(group.operators),
            "?" if group.slots_needed is None else str(group.slots_needed),
            f"{group.expressions:,}",
            Text(f"{group.identity_solved:,}", style="bold green" if every else "yellow"),
            percent(group.value_success),
            _mean(group.mean_tokens),
            _mean(group.shortest_tokens),
            f"{group.proven:,}",
            percent(group.random_success),
        )
    lines = [f"solved {evaluation.solved:,} of {evaluation.problems:,} expressions, each for every input"]
    if evaluation.tokens_over_shortest is not None:
        lines += [f"mean tokens over proven shortest: {evaluation.tokens_over_shortest:.4f}"]
    lines += _split_lines(evaluation.split)
    if evaluation.unsolved:
        lines += [f"not solved: {'  '.join(evaluation.unsolved[:10])}{' ...' if len(evaluation.unsolved) > 10 else ''}"]
    return Group(table, Text("\n".join(lines)), Text(f"known limit: {evaluation.known_limit}", style="dim"))


def _split_lines(split: dict[str, Any]) -> list[str]:
    """The trained expressions and the test set apart, where there is one."""
    if split["name"] == "none":
        return []
    lines = [f"split by {split['name']}, solved of trained and of held out:"]
    for operators in sorted({*split["trained"], *split["held_out"]}):
        parts = (split[part].get(operators, [0, 0]) for part in ("trained", "held_out"))
        shown = ("{:,} of {:,}".format(*part) for part in parts)
        lines += [f"  {operators} operators: {' trained, '.join(shown)} held out"]
    twins, count = split["held_out_twins"], sum(of for _, of in split["held_out"].values())
    leak = f"held-out expressions that equal a trained one as polynomials: {twins:,} of {count:,}"
    return [*lines, f"  {leak}{': this split leaks' if twins else ''}"]


def pass_table(result: Any) -> Group:
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


def shortest_text(expression: str, slots: int, best: Any) -> Text:
    """A shortest program and how sure it is."""
    if best.program is None:
        found = f"none with {slots} slots: all programs of up to {best.searched_to} tokens were searched"
    else:
        sure = "proven shortest" if best.proven else f"shortest found; searched to {best.searched_to} tokens"
        found = f"{' '.join(best.program)}\n{best.length} tokens, {sure}; slots needed: {best.slots_needed}"
    return Text(f"{expression} with {slots} slots: {found}")


def _mean(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _programs(evaluation: Any) -> list[Text]:
    """The programs behind the table: what is best, what fools, what the agent writes most."""
    lines = []
    for stage in evaluation.stages:
        lines += [f"stage {stage.stage}  oracle    {' '.join(stage.oracle_program or ['no program is always right'])}"]
        lines += [f"         shortcut  {' '.join(stage.shortcut_program or ['none'])}"]
        lines += [f"         agent     {' '.join(stage.program)}"]
    return [Text("\n".join(lines) + "\n")]


def explanation_table(explanation: Any) -> Group:
    """One problem, a row for each token."""
    verdict = Text("right", "bold green") if explanation.success else Text("wrong", "bold red")
    if explanation.lucky:
        share = percent(explanation.program_success)
        everywhere = f"right on {share} of the stage's problems" if explanation.success else "no identity"
        verdict = Text(f"lucky: right here, but this program is {everywhere}", "yellow")
    title = Text(f"{_task(explanation.task)}: ") + verdict
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
            *(_cell(choice.state[register]) for register in registers),
            f"{choice.value:+.2f}",
            "  ".join(f"{name} {probability:.2f}" for name, probability in choice.alternatives),
            {True: "yes", False: "no", None: "none"}[choice.keeps_to_oracle],
        )
    return Group(table)


def episode_table(episode: Any) -> Group:
    """A program played by hand, a row for each token."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("step", justify="right")
    table.add_column("token", style="bold")
    registers = list(episode.states[0]) if episode.states else []
    for register in registers:
        table.add_column(register, justify="right")
    table.add_column("legal before it", overflow="fold")
    for index, (token, state, legal) in enumerate(zip(episode.actions, episode.states, episode.legal, strict=True), 1):
        style = None if token in legal else "yellow"
        everything = len(legal) == len(episode_vocabulary(episode))
        shown = "every token" if everything else " ".join(legal) + ("" if token in legal else "  (no effect)")
        table.add_row(str(index), token, *(_cell(state[register]) for register in registers), shown, style=style)
    ending = (
        "terminated"
        if episode.terminated
        else "truncated: the budget is spent"
        if episode.truncated
        else "unfinished: no ANS"
    )
    lines = [f"{ending} after {episode.steps} steps; success: {_yes(episode.success)}; reward: {episode.reward:g}"]
    lines += [f"{name.replace('_', ' ')}: {_yes(value)}" for name, value in episode.extra.items()]
    lines += [f"not used, after the end: {' '.join(episode.unused)}"] if episode.unused else []
    return Group(table, Text("\n".join(lines)))


def episode_vocabulary(episode: Any) -> tuple[str, ...]:
    from inwit.worlds import TWINS

    return TWINS.load(episode.world).vocabulary.names


class Progress:
    """The live view of a training: one table on a terminal, a plain line every few seconds when piped."""

    def __init__(self, target: Console, config: Any) -> None:
        self.target = target
        self.config = config
        self.live = Live(console=target, auto_refresh=False, transient=False) if target.is_terminal else None
        self.period = 0.1 if self.live else 2.0
        self.shown_at = 0.0
        self.solved: bool | None = None

    def __enter__(self) -> Progress:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, update: Any) -> None:
        """Show an update, if the last one shown is long enough ago or if it is the one that ends the training."""
        last = bool(update.solved) or update.index + 1 == self.config.training.max_updates
        if time.monotonic() - self.shown_at < self.period and not last:
            return
        self.shown_at = time.monotonic()
        summary = update.summary()
        if self.live:
            self.live.update(self._table(summary), refresh=True)
        else:
            self.target.print(self._line(summary))

    def _line(self, summary: dict[str, Any]) -> str:
        rates = " ".join(percent(rate) for rate in _rates(summary).values())
        entropy = summary.get("entropy")
        return (
            f"update {summary['update']}  {summary['seconds']:.1f} s  {_rate(summary, 'episodes')} episodes/s  "
            f"{_rate(summary, 'tokens')} tokens/s  success {rates}"
        ) + ("" if entropy is None else f"  entropy {entropy:.3f}")

    def _table(self, summary: dict[str, Any]) -> Table:
        name = f"{self.config.recipe} (seed {self.config.seed})"
        table = Table(box=box.SIMPLE_HEAD, title=f"training {name}", title_justify="left")
        rates, entropy = _rates(summary), summary.get("entropy")
        known = [] if entropy is None else ["entropy"]
        for heading in ("update", "seconds", "episodes/s", "tokens/s", *known, *(f"stage {stage}" for stage in rates)):
            table.add_column(heading, justify="right", min_width=8)
        table.add_row(
            str(summary["update"]),
            f"{summary['seconds']:.1f}",
            _rate(summary, "episodes"),
            _rate(summary, "tokens"),
            *([] if entropy is None else [f"{entropy:.3f}"]),
            *(percent(rate) for rate in rates.values()),
        )
        return table


def percent(share: float | None) -> str:
    """Never rounds up to 100 %: that is a claim about every problem."""
    if share is None:
        return "unknown"
    text = f"{100 * share:.1f} %"
    return "> 99.9 %" if text == "100.0 %" and share < 1 else text


def _rates(summary: dict[str, Any]) -> dict[str, float]:
    """The running success of each stage; a stage that is nothing but test set has none."""
    return {stage: rate for stage, rate in summary["success"].items() if rate is not None}


def _rate(summary: dict[str, Any], what: str) -> str:
    return f"{summary[what] / max(summary['seconds'], 1e-9):,.0f}"


def _task(task: dict[str, Any]) -> str:
    """`stage 2, operands 5 5 7 9 8`, or `expression (a*b)-c, operands 3 4 5`."""
    return ", ".join(
        f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in task.items()
    )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_cell(item) for item in value) or "none"
    return {None: "·", True: "set", False: "·"}[value] if value is None or isinstance(value, bool) else str(value)


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
