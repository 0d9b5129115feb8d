"""`inwit suite [AGENT] ...`: what an agent can do, ability by ability: 0 is random, 1 the proven optimum.
`inwit suite --compare A B`: two suites side by side, and which of their differences are significant.

Train a learner's policy on a battery of small experiments, each one ability with one knob, and score it:
0 is the uniformly random legal policy, 1 the proven optimum. All learn from reward alone. The budget is in
tokens, so that machines compare. Ctrl-C loses no finished training: the same command goes on from there.

AGENT, if given, is not a learner's: a script (pipeline, react), or a control (random, oracle, shuffled).
A class of your own: --learner my_module:MyLearner, --policy my_module:MyPolicy, or by name with --import.

example: inwit suite
example: inwit suite --learner ppo --policy transformer --seeds 5 --only reading,slots
example: inwit suite pipeline
example: inwit suite --compare suite-a2c-gru ppo-gru
"""

from __future__ import annotations

from argparse import Namespace

from inwit.commands.arguments import Parser, add_grid, add_json, print_json, take_settings
from inwit.core.errors import UserError, short, unknown

FLAGS = (
    "--learner",
    "--policy",
    "--budget",
    "--seeds",
    "--jobs",
    "--only",
    "--out",
    "--compare",
    "--json",
    "--SECTION.FIELD",
)


def main(arguments: list[str]) -> int:
    arguments, overrides = take_settings(arguments)
    args, unparsed = _parser(arguments).parse_known_args(_joined(arguments))
    if unparsed and not unparsed[0].startswith("-"):
        raise UserError(f"{short(unparsed[0])} is one too many: the suite examines one agent at a time")
    if unparsed:
        raise unknown("argument", unparsed[0], FLAGS)
    if args.compare is not None:
        alone = {name: value for name, value in vars(args).items() if name not in ("compare", "json")}
        a, b = args.compare
        return _compare(a, b, alone, overrides, as_json=args.json)
    return _suite(args, overrides)


def _joined(arguments: list[str]) -> list[str]:
    """`--budget -5s` as one word: else `-5s` is taken for a flag."""
    joined: list[str] = []
    for each in arguments:
        if joined and joined[-1] == "--budget" and each[:1] == "-" and each[1:2].isdigit():
            joined[-1] = f"--budget={each}"
        else:
            joined.append(each)
    return joined


def _parser(arguments: list[str]) -> Parser:
    parser = Parser(
        __doc__,
        usage="inwit suite [AGENT] [--learner L] [--policy P] [--budget TOKENS|60s] [--seeds N] [--jobs N]\n"
        "                   [--only ABILITY,...] [--out FOLDER] [--json] [--SECTION.FIELD VALUE ...]\n"
        "       inwit suite --compare A B [--json]",
    )
    parser.add_argument("agent", nargs="?", metavar="AGENT", help="a script or a control (default: a learner is asked)")
    parser.add_argument("--learner", help="by name, or module:Class (default: a2c)", metavar="L")
    parser.add_argument("--policy", help="by name, or module:Class (default: gru)", metavar="P")
    parser.add_argument(
        "--budget", help="of each training: tokens, or seconds as in 60s (default: each experiment's own)", metavar="B"
    )
    parser.add_argument("--only", help="abilities, by name, as in reading,slots (default: all)", metavar="A,B")
    add_grid(parser, "trainings of each experiment", "suite-NAME")
    parser.add_argument(
        "--compare",
        nargs=2,
        help="two suites: folders, or reference data, as a2c-gru or reference:pipeline; nothing is trained",
        metavar=("A", "B"),
    )
    add_json(parser, at_end=True)
    if {"-h", "--help"} & set(arguments):
        parser.epilog = _abilities()
    return parser


def _suite(args: Namespace, overrides: dict[str, dict[str, str]]) -> int:
    from inwit.core.settings import build
    from inwit.core.terminal import console
    from inwit.core.text import seconds
    from inwit.suite.subject import subject_of
    from inwit.suite.suite import SuiteSettings, default_jobs, suite

    subject = subject_of(args.agent, args.learner, args.policy)
    given = {name: value for name in ("budget", "seeds", "jobs", "only") if (value := getattr(args, name)) is not None}
    given.setdefault("jobs", default_jobs(overrides))
    target = console(stderr=args.json)
    result = suite(subject, build(SuiteSettings, given), overrides, args.out, target)
    if args.json:
        print_json({"folder": str(result.folder), **result.record})
    else:
        target.print(result.table)
        files = "page.html, radar.png, radar.svg, suite.md, suite.json"
        target.print(f"written in {seconds(result.record['wall'])}: {result.folder}/{files}", soft_wrap=True)
    return 0


def _abilities() -> str:
    """Every ability, for the help."""
    from inwit.suite import ABILITIES

    width = max(map(len, ABILITIES.names()))
    return "\n".join(["abilities:", *(f"  {name:{width}}  {ABILITIES.summary(name)}" for name in ABILITIES.names())])


def _compare(a: str, b: str, others: dict[str, object], overrides: object, *, as_json: bool) -> int:
    from inwit.core.terminal import console
    from inwit.core.text import plain
    from inwit.suite.compare import as_data, compare, terminal
    from inwit.suite.reference import find

    given = [name for name, value in others.items() if value is not None]
    if given or overrides:
        if "agent" in given:
            raise UserError(f"--compare takes two suites: leave out {short(others['agent'])}")
        raise UserError(f"--compare trains nothing: leave out {f'--{given[0]}' if given else '--SECTION.FIELD'}")
    found = compare(find(a), find(b))
    if as_json:
        print_json(plain(as_data(found)))
    else:
        console().print(terminal(found))
    return 0
