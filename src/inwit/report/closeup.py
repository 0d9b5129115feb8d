"""A closer look at one run's agent: its result, the programs it writes now, and some problems explained."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from inwit.core import result_text
from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.isolation import on_own_terms
from inwit.core.results import Evaluation
from inwit.core.text import percent
from inwit.core.types import Papers
from inwit.evaluation.exact import sit
from inwit.evaluation.explained import Explanation
from inwit.evaluation.explanation import explain
from inwit.report.charts import BARS, FILLED, HOLLOW, SPANS, ChartRow, RowChart, compact, per_cent, row_chart
from inwit.report.evidence import derailed_episode, evidence_views
from inwit.report.panels import Table, has_critic, heat, step_charts, table, tool_charts
from inwit.report.select import Run
from inwit.runs import checkpoint
from inwit.runs.folder import COMPLETE
from inwit.runs.loading import load
from inwit.worlds.examination import Sampling, exam_of

ROWS = 512  # problems of each stage that stand for all of them
LISTED = 20_000  # questions of a world's own exam that are asked, at most; where it has more, `ROWS` of each stage are
KINDS = 400  # kinds that are shown one by one, at most; above that the unsolved ones alone
ORACLE = "oracle"  # the yardstick that is drawn as a line across the bar
MARKERS = (3, 2, 4, 5, 1)  # of other yardsticks, in order


@dataclass(frozen=True)
class KindResult:
    """One kind: whether the greedy agent solves all of its questions, in how many tokens, and how few would do."""

    name: str
    stage: int
    solved: bool
    cost: float  # mean chosen tokens
    shortest: int | None  # None where it is not known
    held_out: bool = False


@dataclass(frozen=True)
class CloseUp:
    """What could be read from an agent; empty, and `problem` says why, where there is none."""

    tools: dict[str, dict[str, float]] = field(default_factory=dict)  # stage -> token -> mean uses in an episode
    kinds: list[KindResult] = field(default_factory=list)  # empty where the world has no exam that decides by kind
    episodes: list[Explanation] = field(default_factory=list)
    derailed: Explanation | None = None  # the episode with a forced token that the run's evidence keeps
    problem: str = ""
    source: str = ""  # the checkpoint that it was read from, below the runs' folder, where the run has not ended


def close_up(run: Run, *, each: int) -> CloseUp:
    """Look at the run's agent, with at most `each` explained problems of a stage."""
    try:
        source = run.record.path if run.agent else _source(run)
        agent = run.agent or load(source)
        with on_own_terms(1):
            look = _look(agent, run, each)
        below = "" if source == run.record.path else f"{run.record.folder_name}/checkpoints/{source.name}"
        return replace(look, source=below)
    except UserError as error:
        return CloseUp(problem=str(error).replace(str(run.record.path), run.record.folder_name))


def _source(run: Run) -> Path:
    """Where the agent is read from: the run, or its newest checkpoint if it has not ended."""
    kept = checkpoint.listed(run.record.path)
    return run.record.path if run.record.status in COMPLETE or not kept else kept[0]


def _look(agent: Agent, run: Run, each: int) -> CloseUp:
    world = agent.world
    exam = exam_of(world)
    draws = capable(world, "chance")  # what is shown are episodes, so all must be drawn
    listed = bool(capable(world, "exam")) and not draws and exam.questions <= LISTED
    papers = sit(agent, exam if listed else _Few(world), range(len(world.kinds)))
    kinds = _kinds(world, papers) if listed and exam.proven else []
    return CloseUp(_tools(world, papers), kinds, _explained(agent, run, papers, each), derailed_episode(agent, run))


class _Few(Sampling):
    """`ROWS` problems of each stage, spread over its kinds: enough to look at."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        stages, seen = world.kinds.stages, dict.fromkeys(world.kinds.stages, 0)
        for kind, stage in enumerate(stages):
            place, count = seen[stage], stages.count(stage)
            self.each[kind] = (place + 1) * ROWS // count - place * ROWS // count
            seen[stage] += 1
        self.questions = sum(self.each)


def _tools(world: World, papers: Papers) -> dict[str, dict[str, float]]:
    """How often an episode chooses each token, by stage."""
    stages, tools = torch.tensor(world.kinds.stages)[papers.tasks.kind], {}
    for stage in sorted(set(world.kinds.stages)):
        tokens = papers.tokens[stages == stage]
        counts = torch.bincount(tokens[tokens >= 0].long(), minlength=len(world.vocabulary)).tolist()
        pairs = zip(world.vocabulary.names, counts, strict=True)
        tools[str(stage)] = {name: count / max(1, len(tokens)) for name, count in pairs if count}
    return tools


def _kinds(world: World, papers: Papers) -> list[KindResult]:
    kind, found = papers.tasks.kind, []
    for index, (name, stage) in enumerate(zip(world.kinds.names, world.kinds.stages, strict=True)):
        members = kind == index
        solved, cost = bool(papers.success[members].all()), float(papers.steps[members].double().mean())
        held_out = index in world.kinds.held_out
        found.append(KindResult(name, stage, solved, cost, _shortest(world, index), held_out))
    return found


def _shortest(world: World, kind: int) -> int | None:
    """The length of a kind's shortest program; None where it is not known, or takes too long to search."""
    knows = capable(world, "best_programs")
    try:
        program = knows.best_program(kind) if knows else None
    except UserError:
        return None
    return len(program) if program else None


def _explained(agent: Agent, run: Run, papers: Papers, each: int) -> list[Explanation]:
    stages = torch.tensor(agent.world.kinds.stages)[papers.tasks.kind].tolist()
    rows = _chosen(stages, papers.success.tolist(), each)
    tasks = agent.world.describe(papers.tasks[torch.tensor(rows, dtype=torch.int64)])
    known = _oracle_programs(run)
    return [explain(agent, task, known.get(stages[row]), seconds=0) for row, task in zip(rows, tasks, strict=True)]


def _chosen(stages: list[int], success: list[bool], each: int) -> list[int]:
    """Rows to explain: of each stage one that failed, if any did, then its last and its middle solved one."""
    chosen = []
    for stage in sorted(set(stages)):
        rows = [row for row, other in enumerate(stages) if other == stage]
        failed = [row for row in rows if not success[row]][:1]
        solved = [row for row in rows if success[row]]
        last = [solved[-1], solved[len(solved) // 2]] if solved else rows[1:2]
        chosen += list(dict.fromkeys(failed + last))[:each]
    return chosen


def _oracle_programs(run: Run) -> dict[int, list[str]]:
    """By stage, from the evaluation, to save a search. A stage with several rows has no program for all of it."""
    rows = run.evaluation.rows if run.evaluation else []
    stages = [row.stage for row in rows]
    known = [row for row in rows if "oracle" in row.yardsticks and stages.count(row.stage) == 1]
    return {row.stage: program for row in known if (program := row.yardsticks["oracle"].program)}


def closeup_view(run: Run, look: CloseUp, key: str, heading: str) -> dict[str, object]:
    return {
        "key": key,
        "name": run.record.folder_name,
        "heading": heading,
        **_result(run.evaluation, key),
        "kinds": _kind_lists(look),
        "excess": _excess(look),
        "tools": heat(look.tools),
        "over_training": [*tool_charts(run, key), *step_charts(run, key)],
        "episodes": look.episodes,
        "evidence": evidence_views(run, look.derailed, key),
        "critic": has_critic(run),
        "script": run.script,
        "problem": look.problem,
        "source": look.source,
    }


def _result(evaluation: Evaluation | None, key: str) -> dict[str, object]:
    """The evaluation, as charts and tables; nothing where there is none."""
    if evaluation is None or not evaluation.rows:
        return dict.fromkeys(("bars", "spans", "table", "split", "programs")) | {"text": "", "notes": [], "limit": ""}
    meanings = [f"{name}: {meaning}" for name, meaning in result_text.meanings(evaluation).items()]
    return {
        "bars": _bars(evaluation, f"result-chart-{key}"),
        "spans": _spans(evaluation, f"length-{key}"),
        "table": table(evaluation.method, result_text.headings(evaluation), result_text.cells(evaluation)),
        "text": _text(evaluation),
        "notes": [*meanings, *result_text.notes(evaluation)],
        "split": _split(evaluation),
        "limit": evaluation.known_limit,
        "programs": _programs(evaluation),
    }


def _programs(evaluation: Evaluation) -> Table | None:
    """A line for each row of the result, a column for each yardstick with programs and for the agent."""
    lines: list[dict[str, str]] = []
    for name, whose, program in result_text.programs(evaluation):
        if not lines or lines[-1][""] != name or whose in lines[-1]:
            lines.append({"": name})
        lines[-1][whose] = program
    columns = list(dict.fromkeys(column for line in lines for column in line))
    cells = [[line.get(column, "·") for column in columns] for line in lines]
    return table("programs", columns, cells, left=len(columns)) if lines else None


def _text(evaluation: Evaluation) -> str:
    every = "every one: " if evaluation.proven and evaluation.solved == evaluation.problems else ""
    what = result_text.problems(evaluation)
    text = f"The greedy agent solves {every}{evaluation.solved:,} of {evaluation.problems:,} {what}."
    if any(row.expected is not None for row in evaluation.rows):
        text += f" Over all that may be drawn it is right with probability {percent(evaluation.success)}."
    if evaluation.split is None:
        return text
    solved, of = result_text.held_out(evaluation.split)
    return f"{text} Of the {of:,} that were held out of training it solves {solved:,}."


def _split(evaluation: Evaluation) -> Table | None:
    """The trained problems and the test set side by side."""
    split = evaluation.split
    if split is None:
        return None
    caption = f"split by {split.name}, solved of trained and of held out; {result_text.leak(split)}"
    return table(caption, ["", "trained", "held out"], result_text.split_rows(split))


def _bars(evaluation: Evaluation, key: str) -> RowChart:
    """The agent's success as bars, with the yardsticks as marks, alternately in a bar's lower and upper half."""
    names = result_text.yardstick_names(evaluation)
    others = [name for name in names if name != ORACLE]
    looks = {name: MARKERS[place % len(MARKERS)] for place, name in enumerate(others)}
    rows, said, drawn = [], [], set()
    for row in evaluation.rows:
        found = ((name, row.yardsticks[name].success) for name in names if name in row.yardsticks)
        known = [(name, success) for name, success in found if success is not None]
        marks = [
            (looks.get(name, ORACLE), success, -5.0 if place % 2 else 5.0, 4.5)
            for place, (name, success) in enumerate(known)
        ]
        shown = f"{'~' * (row.interval is not None)}{percent(row.success)}"
        rows.append(ChartRow(row.name, shown, bar=row.success, marks=marks))
        said.append(f"{row.name}: agent {shown}")
        drawn |= {name for name, _ in known}
    legend = [("bar", 0, "agent")]
    legend += [("marker" if name in looks else ORACLE, looks.get(name, 0), name) for name in names if name in drawn]
    return row_chart(key, "Success", "; ".join(said) + ".", BARS, rows, ("", 1.0, per_cent), legend)


def _spans(evaluation: Evaluation, key: str) -> RowChart | None:
    """Each row a line from the oracle's length (hollow) to the agent's (filled), which can be the shorter one."""
    rows, said, lengths = [], [], []
    for row in evaluation.rows:
        if row.cost:
            best = row.best_cost
            marks = [] if best is None else [(HOLLOW, best, 0.0, 7.5)]
            link = None if best is None else (best, row.cost)
            rows.append(ChartRow(row.name, link=link, marks=[*marks, (FILLED, row.cost, 0.0, 4.5)]))
            said.append(f"{row.name}: agent {row.cost:.2f}" + (f", oracle {best:.2f}" if best else ""))
            lengths += [row.cost, best or 0.0]
    if not rows:
        return None
    mean = any(row.expected is not None for row in evaluation.rows)  # over all, whether it is solved or not
    legend = [("marker", FILLED, "agent" if mean else "agent, mean of what it solves")]
    legend += [("marker", HOLLOW, "oracle, on the same")] if any(lengths[1::2]) else []
    name, axis = "Expected cost" if mean else "Program length", f"{evaluation.cost_unit} in a program"
    return row_chart(key, name, "; ".join(said) + ".", SPANS, rows, (axis, 1.12 * max(lengths), compact), legend)


def _kind_lists(look: CloseUp) -> list[dict[str, object]]:
    parts = []
    everything = len(look.kinds) <= KINDS
    for stage, held_out in sorted({(kind.stage, kind.held_out) for kind in look.kinds}):
        members = [kind for kind in look.kinds if (kind.stage, kind.held_out) == (stage, held_out)]
        solved = sum(kind.solved for kind in members)
        shown = sorted((kind for kind in members if everything or not kind.solved), key=lambda kind: kind.solved)
        name = f"stage {stage}" + (", held out of training" if held_out else "")
        title = f"{name}: {solved} of {len(members)} solved"
        parts.append({"title": title, "members": shown[:KINDS]})
    return parts


def _excess(look: CloseUp) -> Table | None:
    """How many kinds take how many tokens more than the shortest program."""
    more = Counter(kind.cost - kind.shortest for kind in look.kinds if kind.solved and kind.shortest is not None)
    if not more:
        return None
    rows = [["as short as possible" if extra <= 0 else f"{extra:g} more", str(more[extra])] for extra in sorted(more)]
    return table("solved kinds by length over the shortest program", ["tokens", "kinds"], rows)
