"""The command line. The only module that knows every other; it parses, calls and shows, and decides nothing.

Whatever needs PyTorch is imported by the command that needs it, so that `--help` and the listings answer at once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from inwit.arguments import Parser as _Parser
from inwit.arguments import print_json as _print_json
from inwit.errors import UserError, unknown
from inwit.version import __version__

ABOUT = """\
inwit: a laboratory for model-native agents: small neural policies that learn, by reinforcement alone and inside
one network, to plan, to remember and to use tools, in worlds whose best possible behaviour is known exactly.

commands:
  inwit train [RECIPE]          train an agent, prove it on every problem, show how it does it
  inwit train --resume RUN      go on with an interrupted or killed run, from its last checkpoint
  inwit evaluate RUN            exact success over all problems, beside oracle, shortcut and random policy
  inwit explain RUN ...         one problem, token by token: machine, value, alternatives
  inwit play WORLD ... -- ...   run a program by hand and see every state
  inwit oracle EXPRESSION       the proven shortest program for an expression of the calculator
  inwit bench [RECIPE] ...      learners x policies x seeds: how soon each gets to 95 % and to 100 %
  inwit runs                    the runs, newest first
  inwit query "SQL"             a question to all runs' metrics and evaluations
  inwit compare RUNS...         what differs, how soon each got there, the exact results side by side
  inwit report RUN [RUN...]     one HTML page about a run, or a comparison
  inwit export RUN --onnx FILE  the agent as ONNX, or (--folder) as a folder that travels: see docs/ecosystem.md
  inwit worlds                  the worlds
  inwit recipes [NAME]          the recipes; with a name, its text, to copy and change

Start with:  inwit train
RUN is the path of a run folder, its name, or `latest`. `inwit COMMAND --help` tells more.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # closed by the caller, as with >&-
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except UserError as error:
        message = " ".join(str(error).split())
        print(f"inwit: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"inwit: interrupted{f': {interrupt}' if str(interrupt) else ''}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # somebody downstream, such as head, has seen enough
        _drop_output()
        return 141
    except OSError as error:
        _drop_output()
        print(f"inwit: cannot write the output: {error.strerror}", file=sys.stderr)
        return 2


def _drop_output() -> None:
    """Send what is still to be flushed nowhere, so that the interpreter does not complain at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(ABOUT, end="")
        return 0
    if arguments[0] in ("-V", "--version", "version"):
        print(f"inwit {__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    return COMMANDS[arguments[0]](arguments[1:])


def _train(arguments: list[str]) -> int:
    arguments, overrides = _take_settings(arguments)
    parser = _Parser(
        prog="inwit train",
        usage="inwit train [RECIPE | --resume RUN] [--seed N] [--track NAME] [--json] [--SECTION.FIELD VALUE ...]",
        description="Train an agent. Shows progress, then the exact result over every problem and two explained\n"
        "problems per stage. The run is kept under ./runs, or under $INWIT_RUNS. Ctrl-C (or SIGTERM) ends early with\n"
        "a checkpoint, from which --resume goes on as if the training had never stopped.",
    )
    parser.add_argument("recipe", nargs="?", help="a recipe's name or the path of a TOML file (default: tutorial)")
    parser.add_argument("--resume", help="go on with a run: its folder, its name, or latest", metavar="RUN")
    parser.add_argument("--track", help="also send metrics to tensorboard, wandb or mlflow", metavar="NAME")
    parser.add_argument("--seed", help="the root seed (default: the recipe's)")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else on stdout")
    if {"-h", "--help"} & set(arguments):
        parser.epilog = _settings_help()
    args, unparsed = parser.parse_known_args(arguments)
    if unparsed:
        raise _unknown_argument(unparsed[0])
    if args.seed is not None:
        overrides["seed"] = args.seed
    if args.resume is not None and args.recipe is not None:
        raise UserError(f"--resume takes the run's own recipe: leave out {args.recipe!r}")
    from functools import partial

    from inwit.config import resolve
    from inwit.recording import resume, train
    from inwit.runs import find, read_record

    if args.resume is None:
        config = resolve(args.recipe or "tutorial", **overrides)
        return _run_training(config, partial(train, config, track=args.track), as_json=args.json)
    run = find(args.resume, any_status=True)
    config = resolve(read_record(run)["config"], **overrides)
    return _run_training(config, partial(resume, run, track=args.track, **overrides), as_json=args.json)


def _unknown_argument(word: str) -> UserError:
    """The nearest flag, also to one that lacks its section: `--width` means `--policy.width`."""
    flags = ["--seed", "--resume", "--track", "--json", "--help", *_setting_flags()]
    section = [flag for flag in flags if flag.rpartition(".")[2] == word.lstrip("-").partition("=")[0]]
    if section:
        return UserError(f"unknown argument {word!r}: did you mean {section[0]}? see inwit train --help")
    near = get_close_matches(word, flags, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return UserError(f"unknown argument {word!r}: {hint}see inwit train --help")


def _run_training(config: Any, training: Callable[..., Any], *, as_json: bool) -> int:
    from inwit.show import Progress, console, evaluation_table, explanation_table

    target = console(stderr=as_json)
    with Progress(target, config) as progress:
        agent = training(report=progress)
    if agent.status == "interrupted":
        return _interrupted(agent, target, as_json=as_json)
    try:
        evaluation, tasks, explanations = _prove(agent, config)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the run is kept as {agent.path}") from None
    _keep_evaluation(agent, evaluation)  # before it is shown: whoever reads that may leave early, as head does
    if as_json:
        record = {"run": str(agent.path), "status": agent.status, "seed": config.seed, **agent.summary}
        _print_json(record | {"evaluation": evaluation.to_dict()})
    else:
        target.print(evaluation_table(evaluation))
        for explanation in explanations:
            target.print(explanation_table(explanation))
        target.print(_closing(agent, tasks[-1]), soft_wrap=True)
    return 0


def _interrupted(agent: Any, target: Any, *, as_json: bool) -> int:
    """Whoever interrupts wants an end now, not an evaluation; the exit status is the shell's for the signal."""
    import signal

    done = f"interrupted after {agent.summary['update']} updates: what was trained is kept as {agent.path}"
    target.print(f"{done}\ngo on with: inwit train --resume {shlex.quote(str(agent.path))}", soft_wrap=True)
    if as_json:
        _print_json({"run": str(agent.path), "status": agent.status, "seed": agent.config.seed, **agent.summary})
    return 128 + signal.Signals[agent.summary["signal"]].value


def _keep_evaluation(agent: Any, evaluation: Any) -> None:
    """Store it with the run. It is true if the disk refuses, too: then that is only said."""
    from inwit.runs import save_evaluation

    try:
        save_evaluation(agent, evaluation.to_dict())
    except UserError as error:
        print(f"inwit: {error}", file=sys.stderr)


def _prove(agent: Any, config: Any) -> tuple[Any, list[Any], list[Any]]:
    """The exact result, and two explained problems for each stage."""
    import torch

    from inwit.evaluation import evaluate
    from inwit.explanation import explain
    from inwit.seeding import stream
    from inwit.training import threads

    with threads(config.training.threads):
        evaluation = evaluate(agent)
        kinds = torch.tensor(_examples(agent.world.kinds.stages))
        tasks = agent.world.describe(agent.world.sample(kinds, stream(config.seed, "examples")))
        return evaluation, tasks, [explain(agent, task) for task in tasks]


def _examples(stages: tuple[int, ...]) -> list[int]:
    """Two kinds of each stage: its only one twice, or one in its middle and its last."""
    chosen = []
    for stage in sorted(set(stages)):
        kinds = [kind for kind, other in enumerate(stages) if other == stage]
        chosen += [kinds[(len(kinds) - 1) // 2], kinds[-1]]
    return chosen


def _closing(agent: Any, task: dict[str, Any]) -> str:
    summary = agent.summary
    trained = f"{summary['update']} updates, {summary['tokens']:,} tokens, {summary['seconds']:.1f} s of training"
    if summary["solved"] is None and not agent.config.training.confirm:
        trained += " (a fixed number of updates; nothing was confirmed)"
    elif not summary["solved"]:
        trained += ": not every problem is solved"
    program = sys.argv[0] if sys.argv[0].endswith("inwit") else "inwit"
    flags = " ".join(f"--{name} {_flag_value(value)}" for name, value in task.items() if name != "num_slots")
    return f"{trained}\nrun: {agent.path}\nnext: {program} explain latest {flags}"


def _flag_value(value: Any) -> str:
    return " ".join(str(item) for item in value) if isinstance(value, list) else shlex.quote(str(value))


def _evaluate(arguments: list[str]) -> int:
    parser = _Parser(
        prog="inwit evaluate",
        description="Exact success of a run's agent over every problem of its world: its likeliest programs.\n"
        "On request, beside it: how often one of K programs sampled from it is right; or the same agent with\n"
        "something taken away. The exact result is kept with the run, unless a control was asked for.\n\n"
        "example: inwit evaluate latest --pass-at 8 --samples 64",
    )
    parser.add_argument("run", help="a run folder, its name, or latest")
    parser.add_argument("--pass-at", help="also estimate pass@K, with a 95 %% interval", metavar="K")
    parser.add_argument("--samples", help="programs sampled for each problem (default: K, at least 16)", metavar="N")
    parser.add_argument(
        "--control",
        help="shuffled-prompt: show the agent, for each problem, the prompt of another one of the same stage",
        metavar="NAME",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    from inwit.worlds.reading import whole

    if args.samples is not None and args.pass_at is None:
        raise UserError(f"--samples {args.samples} needs --pass-at K: the exact result samples nothing")
    k = None if args.pass_at is None else whole("pass-at", args.pass_at)
    samples = None if args.samples is None else whole("samples", args.samples)
    return _run_evaluation(args.run, k, samples, args.control, as_json=args.json)


def _run_evaluation(run: str, k: int | None, samples: int | None, control: str | None, *, as_json: bool) -> int:
    from inwit.controls import under_control
    from inwit.evaluation import evaluate
    from inwit.runs import load
    from inwit.sampling import pass_at_k
    from inwit.show import console, evaluation_table, pass_table
    from inwit.training import threads

    agent = load(run)
    examined = agent if control is None else under_control(agent, control)
    with threads(agent.config.training.threads):
        sampled = None if k is None else pass_at_k(examined, k, samples)
        evaluation = evaluate(examined)
    if control is None:
        _keep_evaluation(agent, evaluation)
    if as_json:
        more = {"control": control, "pass_at_k": sampled and sampled.to_dict()}
        _print_json(evaluation.to_dict() | {name: value for name, value in more.items() if value is not None})
    else:
        if control is not None:
            console().print(f"control: {control}")
        console().print(evaluation_table(evaluation))
        if sampled is not None:
            console().print(pass_table(sampled))
    return 0


def _explain(arguments: list[str]) -> int:
    parser = _Parser(
        prog="inwit explain",
        description="One problem, token by token: what the agent wrote, the machine after it, its value estimate, the\n"
        "three likeliest tokens, and whether the program keeps to the oracle's.\n\n"
        "example: inwit explain latest --stage 2 --operands 5 5 7 9 8",
    )
    parser.add_argument("run", help="a run folder, its name, or latest")
    _add_task(parser)
    args = parser.parse_args(arguments)
    from inwit.explanation import explain
    from inwit.runs import load
    from inwit.show import console, explanation_table

    explanation = explain(load(args.run), _task(args))
    if args.json:
        _print_json(explanation.to_dict())
    else:
        console().print(explanation_table(explanation))
    return 0


def _play(arguments: list[str]) -> int:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    arguments, tokens = arguments[:cut], arguments[cut + 1 :]
    arguments, overrides = _take_settings(arguments)
    parser = _Parser(
        prog="inwit play",
        usage="inwit play WORLD --stage S --operands D D D ... [--world.max_steps N] [--json] -- TOKENS...",
        description="Run a program by hand and see the machine after every token. Illegal tokens are carried out,\n"
        "too: they have no effect and cost a step.\n\n"
        "example: inwit play tutorial-v1 --stage 0 --operands 3 4 5 -- MUL ADD ANS",
    )
    parser.add_argument("world", help="one of `inwit worlds`")
    _add_task(parser)
    args = parser.parse_args(arguments)
    for name in overrides:
        if name != "world":
            raise unknown("setting", name, ["world.max_steps", "world.masks"])
    if not tokens:
        raise UserError("there is no program to play: write its tokens after --, as in -- MUL ADD ANS")
    from inwit.worlds.play import play

    episode = play(args.world, _task(args), tokens, **overrides.get("world", {}))
    if args.json:
        _print_json(episode.to_dict())
    else:
        from inwit.show import console, episode_table

        console().print(episode_table(episode))
    return 0


def _oracle(arguments: list[str]) -> int:
    parser = _Parser(
        prog="inwit oracle",
        description="The shortest program for an expression of the calculator, found by exhaustive search and\n"
        "replayed as an exact polynomial.\n\nexample: inwit oracle '(a*b)-(c*d)' --slots 1",
    )
    parser.add_argument("expression", help="over a, b, c, ... once each, in order, fully parenthesised")
    parser.add_argument("--slots", default="1", help="memory slots of the machine, 0 to 4 (default: 1)", metavar="K")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    from dataclasses import asdict

    from inwit.worlds.reading import whole
    from inwit.worlds.shortest import shortest

    slots = whole("slots", args.slots)
    best = shortest(args.expression, slots)
    if args.json:
        _print_json({"expression": args.expression, "num_slots": slots, **asdict(best)})
    else:
        from inwit.show import console, shortest_text

        console().print(shortest_text(args.expression, slots, best), soft_wrap=True)
    return 0


def _bench_parser() -> _Parser:
    parser = _Parser(
        prog="inwit bench",
        usage="inwit bench [RECIPE] [--learners A,B] [--policies A,B] [--seeds N] [--jobs N] [--seconds S]\n"
        "                   [--out FOLDER] [--json] [--SECTION.FIELD VALUE ...]",
        description="Train every learner with every policy and seed, each in a process of its own, and tell how soon\n"
        "they solve 95 % and all of their world's problems: a table (Markdown, JSON) and a plot in FOLDER.\n"
        "Ctrl-C loses no finished run: the same command goes on from there.\n\n"
        "example: inwit bench tutorial --learners a2c,rloo --policies gru,lstm --seeds 5 --seconds 30",
    )
    parser.add_argument("recipe", nargs="?", default="tutorial", help="a recipe's name or the path of a TOML file")
    parser.add_argument("--learners", help="by name, as in a2c,ppo (default: the recipe's own)", metavar="A,B")
    parser.add_argument("--policies", help="by name, as in gru,lstm (default: the recipe's own)", metavar="A,B")
    parser.add_argument("--seeds", help="runs of each pair, with root seeds 0, 1, ... (default: 3)", metavar="N")
    parser.add_argument("--jobs", help="processes at a time (default: as many as there are processors)", metavar="N")
    parser.add_argument("--seconds", help="of training in each run, at most (default: 60)", metavar="S")
    parser.add_argument("--out", help="where results are kept (default: bench-RECIPE among the runs)", metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else on stdout")
    return parser


def _bench(arguments: list[str]) -> int:
    arguments, overrides = _take_settings(arguments)
    args, unparsed = _bench_parser().parse_known_args(arguments)
    if unparsed:
        flags = ("--learners", "--policies", "--seeds", "--jobs", "--seconds", "--out", "--json", "--SECTION.FIELD")
        raise unknown("argument", unparsed[0], flags)
    from inwit.bench.cells import BenchSettings
    from inwit.bench.command import bench
    from inwit.settings import build
    from inwit.show import console

    names = ("learners", "policies", "seeds", "jobs", "seconds")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    target = console(stderr=args.json)
    result = bench(args.recipe, build(BenchSettings, given), overrides, args.out, target)
    if args.json:
        _print_json({"folder": str(result.folder), **result.record})
    else:
        target.print(result.table)
        target.print(f"written: {result.folder}/table.md, table.json and curves.png", soft_wrap=True)
    return 0


def _export(arguments: list[str]) -> int:
    parser = _Parser(
        prog="inwit export",
        description="Take an agent out of its run: as ONNX (needs the extra `export`; checked in onnxruntime on 1,000\n"
        "states before it is kept), or as a folder with weights, configuration and a model card, for the Hub.\n\n"
        "example: inwit export latest --onnx agent.onnx",
    )
    parser.add_argument("run", help="a run folder, its name, or latest")
    parser.add_argument(
        "--onnx", help="write the step function here, and the prompt's reader beside it", metavar="FILE"
    )
    parser.add_argument("--folder", help="write weights, configuration and card here", metavar="FOLDER")
    args = parser.parse_args(arguments)
    if not (args.onnx or args.folder):
        raise UserError("there is nothing to export: give --onnx FILE or --folder FOLDER")
    from inwit.runs import load

    agent = load(args.run)
    if args.onnx:
        from inwit.integrations.onnx import export_onnx

        print("written: {} and {}".format(*export_onnx(agent, args.onnx)))
    if args.folder:
        from inwit.integrations.hub import save_pretrained

        print(f"written: {save_pretrained(agent, args.folder)}")
    return 0


def _worlds(arguments: list[str]) -> int:
    parser = _Parser(prog="inwit worlds", description="List the worlds.")
    parser.parse_args(arguments)
    from inwit.worlds import WORLDS

    for name in WORLDS.names():
        print(f"{name:14} {WORLDS.summary(name)}")
    return 0


def _recipes(arguments: list[str]) -> int:
    parser = _Parser(
        prog="inwit recipes", description="List the recipes, or print one: a TOML file to copy and change."
    )
    parser.add_argument("name", nargs="?", help="print this recipe")
    args = parser.parse_args(arguments)
    from inwit.recipes import names, text

    if args.name is not None:
        print(text(args.name), end="")
        return 0
    for name in names():
        print(f"{name:14} {text(name).splitlines()[0].lstrip('# ')}")
    return 0


def _lazily(target: str) -> Callable[[list[str]], int]:
    """A command that parses its own arguments, in a module that is imported when it is called."""
    module, _, name = target.partition(":")
    return lambda arguments: getattr(import_module(module), name)(arguments)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "train": _train,
    "evaluate": _evaluate,
    "explain": _explain,
    "play": _play,
    "oracle": _oracle,
    "bench": _bench,
    "runs": _lazily("inwit.records.command:runs"),
    "query": _lazily("inwit.records.command:query"),
    "compare": _lazily("inwit.report.command:compare"),
    "report": _lazily("inwit.report.command:report"),
    "export": _export,
    "worlds": _worlds,
    "recipes": _recipes,
}


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", help="tutorial: the problem's stage", metavar="S")
    parser.add_argument("--expression", help="calculator: the expression, as in '(a*b)-c'", metavar="E")
    parser.add_argument(
        "--operands", nargs="*", help="the digits: one for each operand (tutorial-v0: five)", metavar="D"
    )
    parser.add_argument("--slots", help="calculator: the machine's memory slots", metavar="K")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _task(args: argparse.Namespace) -> dict[str, Any]:
    """The task as the flags give it; the world decides whether it fits."""
    operands = None if args.operands is None else [part for text in args.operands for part in text.split(",") if part]
    given = {"stage": args.stage, "expression": args.expression, "operands": operands, "num_slots": args.slots}
    return {name: value for name, value in given.items() if value is not None}


def _take_settings(arguments: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Split off `--section.field VALUE` (or `--section.field=VALUE`): the other arguments, and nested dicts of text."""
    rest: list[str] = []
    settings: dict[str, Any] = {}
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        flag, equals, value = word.partition("=")
        if not (flag.startswith("--") and "." in flag):
            rest.append(word)
            continue
        if not equals:
            if not queue or queue[0].startswith("--"):
                raise UserError(f"{flag} needs a value, as in {flag} VALUE")
            value = queue.pop(0)
        section, _, name = flag[2:].partition(".")
        settings.setdefault(section, {})[name] = value
    return rest, settings


def _settings_help() -> str:
    """Every setting of every implementation, from the registries."""
    from dataclasses import fields

    from inwit.config import PARTS, TABLES, part_settings

    lines = ["settings, each a flag --SECTION.FIELD VALUE (defaults in brackets; a recipe sets its own):"]
    for part, registry in PARTS.items():
        lines.append(f"\n  --{part}.id  one of: {', '.join(registry.names())}")
        for name in registry.names():
            lines.append(f"    with {name}: {registry.summary(name)}")
            lines += [_setting_line(part, item) for item in fields(part_settings(part, name))]
    for table, settings in TABLES.items():
        lines.append(f"\n  {table}")
        lines += [_setting_line(table, item) for item in fields(settings)]
    return "\n".join(lines)


def _setting_flags() -> list[str]:
    """Every `--section.field` that some implementation has."""
    from dataclasses import fields

    from inwit.config import PARTS, TABLES, part_settings

    flags = [f"--{table}.{item.name}" for table, settings in TABLES.items() for item in fields(settings)]
    for part, registry in PARTS.items():
        names = {item.name for name in registry.names() for item in fields(part_settings(part, name))}
        flags += [f"--{part}.{name}" for name in ["id", *sorted(names)]]
    return flags


def _setting_line(section: str, item: Any) -> str:
    return f"      --{section + '.' + item.name:26} {item.metadata['help']} [{item.default}]"
