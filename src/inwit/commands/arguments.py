"""What the commands' parsing shares, and the flags `--section.field VALUE` for the settings of all parts.

Free of PyTorch, and of everything else that is slow to import.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import Field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from inwit.core.errors import UserError, short
from inwit.core.text import plain

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import SupportsWrite

    from inwit.core.contracts import Agent
    from inwit.worlds.reading import TaskField

SCRIPTS_HELP = "; or a script, as in pipeline, pipeline:calculator or react:RUN"


class Parser(argparse.ArgumentParser):
    """A command's, from its module's docstring: how it is called, and below a blank line what `--help` says.

    Errors are one line (raised, not printed), abbreviations are refused, texts keep their lines.
    """

    def __init__(self, doc: str | None, usage: str | None = None) -> None:
        called, _, about = (doc or "`inwit `").partition("\n\n")
        prog = "inwit " + called.split()[1].rstrip("`:")
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, usage, about.rstrip(), formatter_class=raw, allow_abbrev=False)
        # Only to be told of: `take_imports` has taken it out before.
        self.add_argument("--import", help="first import this module or .py file of yours", metavar="MODULE")

    def parse_known_args(self, args=None, namespace=None):  # pyright: ignore[reportIncompatibleMethodOverride]
        """As argparse does, but an empty value is refused: mostly a variable of the shell that is not set."""
        found, rest = super().parse_known_args(args, namespace)
        for name, value in vars(found).items():
            if any(
                isinstance(each, str) and not each.strip() for each in (value if isinstance(value, list) else [value])
            ):
                raise UserError(f"{name.replace('_', '-')} = '' is empty: give a value; see {self.prog} --help")
        return found, rest

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Without argparse's silence about a full disk."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def add_grid(parser: Parser, seeds: str, folder: str) -> None:
    """The flags of a grid of trainings: `seeds` says what there are so many of, `folder` where results are kept."""
    parser.add_argument("--seeds", help=f"{seeds} (default: 3)", metavar="N")
    jobs = "processes at a time (default: one for each processor; on a GPU one)"
    parser.add_argument("--jobs", help=jobs, metavar="N")
    out = f"where results are kept (default: {folder} among the runs)"
    parser.add_argument("--out", help=out, metavar="FOLDER")


def add_run(parser: Parser, more: str = SCRIPTS_HELP) -> None:
    """`more`: what else than a run will do."""
    said = "a run: its folder, its name, or latest; RUN@best; an exported folder; name/agent on the Hub"
    parser.add_argument("run", help=f"{said}{more}")


def add_runs(parser: Parser) -> None:
    said = (
        f"names, paths, patterns such as 'calculator-*', or latest{SCRIPTS_HELP}; alone it meets the world of each run"
    )
    parser.add_argument("runs", nargs="*", help=said, metavar="RUN")
    add_tag(parser)


def add_worlds(parser: Parser) -> None:
    """The two flags that change an agent's world; to be told of, since `take_agent` reads them."""
    parser.add_argument("--world.X", help="of a script: it is written for the world with this setting", metavar="V")
    parser.add_argument(
        "--untold.X",
        help="the agent, made for another world, meets one with this setting, and nobody tells it",
        metavar="V",
    )


def take_agent(arguments: list[str]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Split off `--world.X V` and `--untold.X V`: the other arguments, and what both say, for `agent`."""
    rest, settings = take_settings(arguments)
    for section, values in settings.items():
        if section not in ("world", "untold"):
            flag = f"--{section}.{next(iter(values))}"
            raise UserError(f"unknown argument {short(flag)}: give --world.X or --untold.X")
    return rest, {"world": settings.get("world", {}), "untold": settings.get("untold", {})}


def agent(word: str | Path, settings: dict[str, dict[str, str]]) -> Agent:
    """The agent that a word means, in the world that the flags of `take_agent` describe. Raises `UserError`."""
    from inwit.evaluation.changed import changed
    from inwit.runs.loading import load
    from inwit.runs.scripted import script_agent
    from inwit.runs.words import script_word

    script, told = script_word(word), settings["world"]
    if told and script is None:
        name, value = next(iter(told.items()))
        raise UserError(
            f"--world.{name} is for scripts, and {word} was trained in its own world: --untold.{name} {value} puts it "
            "into a changed one"
        )
    with _by_its_flag("world"):
        found = load(word) if script is None else script_agent(script, told)
    with _by_its_flag("untold"):
        return changed(found, **settings["untold"]) if settings["untold"] else found


@contextmanager
def _by_its_flag(flag: str) -> Iterator[None]:
    """An error about the setting `world.X` names the flag that was typed."""
    try:
        yield
    except UserError as error:
        text = str(error)
        raise UserError(f"--{flag}.{text.removeprefix('world.')}" if text.startswith("world.") else text) from None


def add_tag(parser: Parser) -> None:
    parser.add_argument(
        "--tag", action="append", default=[], help="only runs with this tag; may be given several times", metavar="TAG"
    )


def add_json(parser: Parser, prints: str = "print one JSON object", *, at_end: bool = False) -> None:
    said = f"{prints} at the end, nothing else on stdout" if at_end else prints  # where progress is shown before
    parser.add_argument("--json", action="store_true", help=said)


def add_task(parser: Parser) -> None:
    """One problem, of any world: a flag for each field that some world's tasks have. `task` reads it."""
    for name, worlds in _fields().items():
        many = any(field.many for field in worlds.values())
        texts: dict[str, list[str]] = {}  # each once, with the worlds that give it
        for world, field in worlds.items():
            texts.setdefault(field.help, []).append(world)
        said = "; ".join(f"{', '.join(names)}: {text}" for text, names in texts.items())
        parser.add_argument(task_flag(name), dest=name, nargs="*" if many else None, help=said, metavar="V")


def task(args: argparse.Namespace) -> dict[str, object]:
    """The task as the flags give it; the world decides whether it fits. Lists may be written with spaces or commas."""
    found: dict[str, object] = {}
    for name in _fields():
        value = getattr(args, name)
        if value is not None:
            found[name] = listed(value) if isinstance(value, list) else value
    return found


def listed(texts: list[str]) -> list[str]:
    """A list as a command line gives it, with spaces, commas or both between its values."""
    return [part for text in texts for part in text.split(",") if part]


def task_flag(field: str) -> str:
    """`--slots` for `num_slots`."""
    return f"--{field.removeprefix('num_').replace('_', '-')}"


def _fields() -> dict[str, dict[str, TaskField]]:
    """The fields of all worlds' tasks: by name, what each world says of it."""
    from inwit.worlds import TWINS

    found: dict[str, dict[str, TaskField]] = {}
    for world in TWINS.names():
        for name, field in getattr(TWINS.load(world), "task_fields", {}).items():
            found.setdefault(name, {})[world] = field
    return found


def print_json(value: object) -> None:
    """Null stands for a number that JSON has not."""
    print(json.dumps(plain(value), indent=1, allow_nan=False))


def take_imports(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split off `--import MODULE` (or `--import=MODULE`), wherever it stands before `--`: the other arguments, and the
    modules."""
    rest: list[str] = []
    modules: list[str] = []
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        if word == "--":
            return [*rest, word, *queue], modules
        flag, equals, value = word.partition("=")
        if flag != "--import":
            rest.append(word)
            continue
        value = value if equals else queue.pop(0) if queue else ""
        if not value.strip() or value.startswith("--"):
            raise UserError("--import needs a module or a .py file, as in --import my_world")
        modules.append(value.strip())
    return rest, modules


def take_settings(arguments: list[str]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Split off `--section.field VALUE` (or `--section.field=VALUE`): the other arguments, and nested dicts of text."""
    rest: list[str] = []
    settings: dict[str, dict[str, str]] = {}
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


def settings_help() -> str:
    """Every setting of every implementation, from the registries."""
    from inwit.training.config import PARTS, part_settings, tables

    lines = ["settings, each a flag --SECTION.FIELD VALUE (defaults in brackets; a recipe sets its own):"]
    for part, registry in PARTS.items():
        lines.append(f"\n  --{part}.id  one of: {', '.join(registry.names())}")
        for name in registry.names():
            lines.append(f"    with {name}: {registry.summary(name)}")
            lines += [_setting_line(part, item) for item in fields(part_settings(part, name))]
    for table, settings in tables().items():
        lines.append(f"\n  {table}")
        lines += [_setting_line(table, item) for item in fields(settings)]
    return "\n".join(lines)


def unknown_flag(word: str) -> UserError:
    """Names the nearest flag of `inwit train`, also where the section is missing: `--width` is `--policy.width`."""
    from inwit.training.config import PARTS, part_settings, tables

    flags = ["--seed", "--resume", "--track", "--name", "--tag", "--import", "--json", "--help"]
    flags += [f"--{table}.{item.name}" for table, settings in tables().items() for item in fields(settings)]
    for part, registry in PARTS.items():
        names = {item.name for name in registry.names() for item in fields(part_settings(part, name))}
        flags += [f"--{part}.{name}" for name in ["id", *sorted(names)]]
    section = [flag for flag in flags if flag.rpartition(".")[2] == word.lstrip("-").partition("=")[0]]
    near = section or get_close_matches(word, flags, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return UserError(f"unknown argument {short(word)}: {hint}see inwit train --help")


def _setting_line(section: str, item: Field) -> str:
    default = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
    return f"      --{section + '.' + item.name:26} {item.metadata['help']} [{default}]"
