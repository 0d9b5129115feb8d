"""What agents cost: lines of hand-written code, and the time of a decision."""

from __future__ import annotations

import ast
import io
import time
import tokenize
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import torch

import inwit
from inwit.core.contracts import Agent, parameters_of
from inwit.rollout.collect import collect
from inwit.scripts.pipeline import PARTS
from inwit.scripts.react import RULES
from inwit.scripts.script import Script, Scripted
from pipeline_cases import HOMES, MAIN, NETS, SCRIPTS, home_world

SOURCE = Path(inwit.__file__).parent
GENERIC = {"scripts/options.py", "scripts/pipeline.py", "scripts/react.py", "scripts/script.py"}
BATCH = 4096
ONES, ROUNDS = 24, 7  # episodes of a batch of one in a round; rounds
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Lines that hold code: no blank ones, no comments, no docstrings."""
    lines = set[int]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def imported(start: Iterable[str], package: str) -> list[str]:
    """The modules of a package, as paths under the source, that these modules of it need, themselves included; not the
    package's own `__init__`, which lists it."""
    found, waiting = set[str](), list(start)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [each for each in _imports(path) if each.startswith(f"{package}/")]
    return sorted(found)


@cache
def _imports(path: str) -> list[str]:
    """The modules of this project, as paths, that a module imports anywhere in it."""
    nodes = ast.walk(ast.parse((SOURCE / path).read_text()))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    paths = [name.removeprefix("inwit.").replace(".", "/") + ".py" for name in names if name.startswith("inwit.")]
    return [each for each in paths if (SOURCE / each).exists()]


def lines() -> dict[str, Any]:
    """By agent: `shared`, the lines that serve all worlds; then those of each world. Of a network: its policy and its
    learner, with the auxiliaries of the recipes; of a world what it teaches networks (`Home.taught`)."""
    told: dict[str, Any] = {}
    for name in SCRIPTS:
        told[name] = {"shared": _sum(GENERIC if name == "react" else GENERIC - {"scripts/react.py"})}
        for home in MAIN:
            told[name][home] = _sum(_of_world(name, home_world(home).id))
    learners = ["learners/a2c.py", "learners/auxiliary/hindsight.py", "learners/auxiliary/lessons.py"]
    taught = {home: _sum([f"worlds/{module}" for module in HOMES[home].taught]) for home in MAIN}
    for name in NETS:
        told[name] = {"shared": _sum({*imported([f"policies/{name}.py"], "policies"), *imported(learners, "learners")})}
        told[name] |= taught
    return told


def _of_world(name: str, world: str) -> list[str]:
    """The modules of a script that serve one world alone."""
    module = (PARTS if name == "pipeline" else RULES).load(world).__module__
    path = module.removeprefix("inwit.").replace(".", "/") + ".py"
    return [each for each in imported([path], "scripts") if each not in GENERIC]


def _sum(paths: Iterable[str]) -> int:
    return sum(_lines_of(path) for path in paths)


@cache
def _lines_of(path: str) -> int:
    return code_lines((SOURCE / path).read_text())


def speed(agents: dict[str, Agent]) -> dict[str, Any]:
    """Microseconds of the processor a token: of one episode alone (`one`), and in a batch of 4,096 (`batch`); the
    median of rounds in which all agents take turns. The world's steps are not part of it. A script alone runs its
    Python; in a batch it looks up what it met before (`batch`), and `first` is of its first batch, which it meets."""
    torch.set_num_threads(1)
    works, told = dict[str, dict[str, Callable[[], int]]](), dict[str, dict[str, float]]()
    for name, agent in agents.items():
        works[name] = {"one": _alone(agent), "batch": _batch(agent)}
        told[name] = {"parameters": sum(each.numel() for each in parameters_of(agent.policy))}
        if agent.script:
            told[name]["first"] = round(_microseconds(_batch(agent, fresh=True)), 3)
    spent: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, both in works.items():
            for which, work in both.items():
                spent.setdefault((name, which), []).append(_microseconds(work))
    for (name, which), each in spent.items():
        told[name][which] = round(median(each), 3)
    return told


def _microseconds(work: Callable[[], int]) -> float:
    start = time.process_time()
    tokens = work()
    return 1e6 * (time.process_time() - start) / tokens


def _episodes(agent: Agent, count: int) -> tuple[Any, Any, Any]:
    """Drawn tasks, what the greedy agent and the world write on them, and how many tokens each episode has."""
    kinds = torch.arange(count) % len(agent.world.kinds)
    tasks = agent.world.sample(kinds, torch.Generator().manual_seed(0))
    run = collect(agent.world, agent.policy, tasks)
    return tasks, run.tokens.long(), run.live.sum(1)


def _batch(agent: Agent, fresh: bool = False) -> Callable[[], int]:
    """Writes 4,096 episodes side by side once more; `fresh`: as a script that has met nothing yet."""
    tasks, tokens, _ = _episodes(agent, BATCH)
    shown, stage = agent.world.prompt(tasks), agent.world.stage(tasks)

    policy = Scripted(_script(agent), len(agent.world.vocabulary)) if fresh else agent.policy

    def work() -> int:
        with torch.no_grad():
            output, memory = policy.begin(*shown, stage)
            for column in tokens.unbind(1):
                output.logits.argmax(1)
                output, memory = policy.step(column, memory)
        return tokens.numel()

    return work


def _alone(agent: Agent) -> Callable[[], int]:
    tasks, tokens, lengths = _episodes(agent, ONES)
    if agent.script:
        return _in_python(agent, tasks, tokens, lengths)
    each = [(agent.world.prompt(tasks[row : row + 1]), agent.world.stage(tasks[row : row + 1])) for row in range(ONES)]

    def work() -> int:
        with torch.no_grad():
            for row, (shown, stage) in enumerate(each):
                output, memory = agent.policy.begin(*shown, stage)
                for column in tokens[row : row + 1, : int(lengths[row])].unbind(1):
                    output.logits.argmax(1)
                    output, memory = agent.policy.step(column, memory)
        return int(lengths.sum())

    return work


def _script(agent: Agent) -> Script:
    assert isinstance(agent.policy, Scripted)
    return agent.policy.script


def _in_python(agent: Agent, tasks: Any, tokens: Any, lengths: Any) -> Callable[[], int]:
    """The script itself, without the look-up of what it met before."""
    script = _script(agent)
    shown, mask = agent.world.prompt(tasks)
    prompts = [tuple(row[real].tolist()) for row, real in zip(shown, mask, strict=True)]
    stages, rows = agent.world.stage(tasks).tolist(), tokens.tolist()

    def work() -> int:
        for prompt, stage, row, length in zip(prompts, stages, rows, lengths.tolist(), strict=True):
            state = script.begin(prompt, stage)
            for token in row[:length]:
                script.write(state)
                state = script.read(state, token)
        return int(lengths.sum())

    return work
