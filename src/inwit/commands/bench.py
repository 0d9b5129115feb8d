"""`inwit bench [RECIPE] ...`: learners x policies x seeds: how soon each gets to 95 % and to 100 %.

Train every learner with every policy and seed, each in a process of its own, and tell how soon
they solve 95 % and all of their world's problems: a table (Markdown, JSON) and a plot in FOLDER.
Ctrl-C loses no finished run: the same command goes on from there.

example: inwit bench tutorial --learners a2c,rloo --policies gru,lstm --seeds 5 --seconds 30
"""

from __future__ import annotations

from inwit.commands.arguments import Parser, add_grid, add_json, print_json, take_settings
from inwit.core.errors import unknown


def main(arguments: list[str]) -> int:
    arguments, overrides = take_settings(arguments)
    parser = Parser(
        __doc__,
        usage="inwit bench [RECIPE] [--learners A,B] [--policies A,B] [--seeds N] [--jobs N] [--seconds S]\n"
        "                   [--out FOLDER] [--json] [--SECTION.FIELD VALUE ...]",
    )
    parser.add_argument(
        "recipe", nargs="?", default="tutorial", help="a recipe's name, a TOML file, or - for standard input"
    )
    parser.add_argument("--learners", help="by name, as in a2c,ppo (default: the recipe's own)", metavar="A,B")
    parser.add_argument("--policies", help="by name, as in gru,lstm (default: the recipe's own)", metavar="A,B")
    parser.add_argument("--seconds", help="of training in each run, at most (default: 60)", metavar="S")
    add_grid(parser, "runs of each pair, with root seeds 0, 1, ...", "bench-RECIPE")
    add_json(parser, at_end=True)
    args, unparsed = parser.parse_known_args(arguments)
    if unparsed:
        flags = ("--learners", "--policies", "--seeds", "--jobs", "--seconds", "--out", "--json", "--SECTION.FIELD")
        raise unknown("argument", unparsed[0], flags)
    from inwit.bench.bench import bench
    from inwit.bench.cells import BenchSettings, default_jobs
    from inwit.core.settings import build
    from inwit.core.terminal import console
    from inwit.training.config import resolve

    names = ("learners", "policies", "seeds", "jobs", "seconds")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    recipe = resolve(args.recipe)  # once: it may come from a pipe
    given.setdefault("jobs", default_jobs(recipe, overrides))
    target = console(stderr=args.json)
    result = bench(recipe, build(BenchSettings, given), overrides, args.out, target)
    if args.json:
        print_json({"folder": str(result.folder), **result.record})
    else:
        target.print(result.table)
        target.print(f"written: {result.folder}/table.md, table.json and curves.png", soft_wrap=True)
    return 0
