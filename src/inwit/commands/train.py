"""`inwit train [RECIPE]`: train an agent, evaluate it on every problem, show how it does it.
`inwit train --resume RUN`: go on with an interrupted or killed run, from its last checkpoint.

Train an agent. Shows progress, then the result over every problem (or over a sample, where they
cannot be listed) and two explained problems per stage. The run is kept under ./runs, or under $INWIT_RUNS.
Ctrl-C (or SIGTERM, or SIGHUP) ends early with a checkpoint, from which --resume goes on as if the training
had never stopped.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser, add_json, print_json, settings_help, take_settings, task_flag, unknown_flag
from inwit.commands.evaluate import keep_evaluation
from inwit.core.errors import UserError
from inwit.core.text import shown
from inwit.runs.index import latest

if TYPE_CHECKING:
    from rich.console import Console

    from inwit.core.contracts import Agent
    from inwit.core.results import Evaluation
    from inwit.evaluation.explained import Explanation
    from inwit.training.config import Config


def main(arguments: list[str]) -> int:
    arguments, overrides = take_settings(arguments)
    parser = Parser(
        __doc__,
        usage="inwit train [RECIPE | --resume RUN] [--seed N] [--name NAME] [--tag TAG] [--track NAME] [--json] "
        "[--SECTION.FIELD VALUE ...]",
    )
    parser.add_argument(
        "recipe", nargs="?", help="a recipe's name, a TOML file, or - for standard input (default: tutorial)"
    )
    parser.add_argument("--resume", help="go on with a run: its folder, its name, or latest", metavar="RUN")
    parser.add_argument("--name", help="a name for the run; its folder is called NAME-SEED-TIME", metavar="NAME")
    tag = "a tag, to find the run by; may be given several times"
    parser.add_argument("--tag", action="append", default=[], help=tag, metavar="TAG")
    track = "also send metrics to tensorboard, wandb or mlflow; several: with commas, or given several times"
    parser.add_argument("--track", action="append", default=[], help=track, metavar="NAME")
    parser.add_argument("--seed", help="the root seed (default: the recipe's)")
    add_json(parser, at_end=True)
    if {"-h", "--help"} & set(arguments):
        parser.epilog = settings_help()
    args, unparsed = parser.parse_known_args(arguments)
    if unparsed:
        raise unknown_flag(unparsed[0])
    more = overrides if args.seed is None else {**overrides, "seed": args.seed}
    if args.resume is not None and args.recipe is not None:
        raise UserError(f"--resume takes the run's own recipe: leave out {args.recipe!r}")
    if args.resume is not None and (args.name is not None or args.tag):
        raise UserError("--resume keeps the run's own name and tags: leave out --name and --tag")
    from inwit.runs.folder import read_whole_record
    from inwit.runs.loading import find_to_resume, resolved
    from inwit.runs.resuming import resume
    from inwit.runs.starting import train
    from inwit.training.config import resolve

    if args.resume is None:
        config = resolve("tutorial" if args.recipe is None else args.recipe, **more)
        training = partial(train, config, track=args.track, name=args.name, tags=args.tag)
        return _run_training(config, training, as_json=args.json)
    run = find_to_resume(args.resume)
    config = resolved(read_whole_record(run), **more)
    return _run_training(config, partial(resume, run, track=args.track, **more), as_json=args.json)


def _run_training(config: Config, training: Callable[..., Agent], *, as_json: bool) -> int:
    from inwit.core.terminal import console
    from inwit.training.progress import Progress

    target = console(stderr=as_json)
    with Progress(target, config) as progress:
        agent = training(callback=progress)
    if agent.status == "interrupted":
        return _interrupted(agent, target, as_json=as_json)
    try:
        evaluation, tasks, explanations = _prove(agent, config)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the run is kept as {_shown(agent)}") from None
    keep_evaluation(agent, evaluation)  # before it is shown: a reader such as head may end early
    if as_json:
        record = {"run": _shown(agent), "status": agent.status, "seed": config.seed, **agent.summary}
        print_json(record | {"evaluation": evaluation.to_dict()})
    else:
        target.print(evaluation)
        for explanation in explanations:
            target.print(explanation)
        target.print(_closing(agent, tasks[-1]), soft_wrap=True)
    return 0


def _interrupted(agent: Agent, target: Console, *, as_json: bool) -> int:
    """Say how to go on, without an evaluation, which takes time. The exit status is the shell's for the signal."""
    import signal

    done = f"interrupted after {agent.summary['update']} updates: what was trained is kept as {_shown(agent)}"
    with suppress(OSError):  # the terminal may be what has gone
        target.print(f"{done}\ngo on with: inwit train --resume {shlex.quote(_shown(agent))}", soft_wrap=True)
        if as_json:
            print_json({"run": _shown(agent), "status": agent.status, "seed": agent.config.seed, **agent.summary})
    return 128 + signal.Signals[agent.summary["signal"]].value


def _prove(agent: Agent, config: Config) -> tuple[Evaluation, list[dict[str, object]], list[Explanation]]:
    """The result, and two explained problems for each stage."""
    import torch

    from inwit.core.seeding import stream
    from inwit.evaluation.exact import evaluate
    from inwit.evaluation.explanation import explain
    from inwit.worlds.oracle.from_state import SECONDS

    evaluation = evaluate(agent)
    kinds = torch.tensor(_examples(agent.world.kinds.stages))
    tasks = agent.world.describe(agent.world.sample(kinds, stream(config.seed, "examples")))
    return evaluation, tasks, [explain(agent, task, seconds=SECONDS / len(tasks)) for task in tasks]


def _examples(stages: tuple[int, ...]) -> list[int]:
    """Two kinds of each stage: its only one twice, or one in its middle and its last."""
    chosen = []
    for stage in sorted(set(stages)):
        kinds = [kind for kind, other in enumerate(stages) if other == stage]
        chosen += [kinds[(len(kinds) - 1) // 2], kinds[-1]]
    return chosen


def _closing(agent: Agent, task: dict[str, object]) -> str:
    summary = agent.summary
    trained = f"{summary['update']} updates, {summary['tokens']:,} tokens, {summary['seconds']:.1f} s of training"
    if summary["solved"] is None and not agent.config.training.confirm:
        trained += " (a fixed number of updates; nothing was confirmed)"
    elif not summary["solved"]:
        trained += ": not every problem is solved"
    task = _seeded(agent, task)
    program = sys.argv[0] if sys.argv[0].endswith("inwit") else "inwit"
    flags = " ".join(f"{task_flag(name)} {_flag_value(value)}" for name, value in task.items())
    name = _name(agent)
    return f"{trained}\nrun: {_shown(agent)}\nnext: {program} explain {name} {flags}\nsee it: {program} page {name}"


def _seeded(agent: Agent, task: dict[str, object]) -> dict[str, object]:
    """The task with a seed for its hidden part, which is shorter; as it is where the world takes no seed."""
    from inwit.worlds import TWINS

    fields = getattr(TWINS.load(agent.world.id), "task_fields", {})
    if "seed" not in fields:
        return task
    return {name: value for name, value in task.items() if not fields[name].optional} | {"seed": agent.config.seed}


def _name(agent: Agent) -> str:
    """`latest`, or the path where that is another run: this one is kept elsewhere, or the clock was set back."""
    with suppress(UserError):
        if latest(keep=False) == agent.path:
            return "latest"
    return shlex.quote(_shown(agent))


def _shown(agent: Agent) -> str:
    assert agent.path is not None
    return shown(agent.path)


def _flag_value(value: object) -> str:
    return " ".join(str(item) for item in value) if isinstance(value, list) else shlex.quote(str(value))
