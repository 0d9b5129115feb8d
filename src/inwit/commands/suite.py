"""`inwit suite [AGENT] ...`: which of twelve abilities an agent has, from 0 (random) to 1 (the proven optimum).

Train a learner's policy on a battery of small experiments, each one ability with one knob, and score it:
0 is the uniformly random legal policy, 1 the proven optimum. All learn from reward alone. The budget is in
tokens, so that machines compare. Ctrl-C loses no finished training: the same command goes on from there.

AGENT, if given, is not a learner's: a script (pipeline, react), or a control (random, shuffled).
A class of your own: --learner my_module:MyLearner, --policy my_module:MyPolicy, or by name with --import.

example: inwit suite
example: inwit suite --learner ppo --policy transformer --seeds 5 --only reading,slots
example: inwit suite pipeline
"""

from __future__ import annotations

from inwit.commands.arguments import Parser, add_json, print_json, take_settings
from inwit.core.errors import unknown

FLAGS = ("--learner", "--policy", "--budget", "--seeds", "--jobs", "--only", "--out", "--json", "--SECTION.FIELD")


def main(arguments: list[str]) -> int:
    arguments, overrides = take_settings(arguments)
    parser = Parser(
        __doc__,
        usage="inwit suite [AGENT] [--learner L] [--policy P] [--budget TOKENS|60s] [--seeds N] [--jobs N]\n"
        "                   [--only ABILITY,...] [--out FOLDER] [--json] [--SECTION.FIELD VALUE ...]",
    )
    parser.add_argument("agent", nargs="?", metavar="AGENT", help="a script or a control (default: a learner is asked)")
    parser.add_argument("--learner", help="by name, or module:Class (default: a2c)", metavar="L")
    parser.add_argument("--policy", help="by name, or module:Class (default: gru)", metavar="P")
    parser.add_argument(
        "--budget", help="of each training: tokens, or seconds as in 60s (default: each experiment's own)", metavar="B"
    )
    parser.add_argument("--seeds", help="trainings of each experiment (default: 3)", metavar="N")
    parser.add_argument("--jobs", help="processes at a time (default: one for each processor)", metavar="N")
    parser.add_argument("--only", help="abilities, by name, as in reading,slots (default: all)", metavar="A,B")
    parser.add_argument("--out", help="where results are kept (default: suite-NAME among the runs)", metavar="FOLDER")
    add_json(parser, at_end=True)
    args, unparsed = parser.parse_known_args(arguments)
    if unparsed:
        raise unknown("argument", unparsed[0], FLAGS)
    from inwit.core.settings import build
    from inwit.core.terminal import console
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
        target.print(f"written: {result.folder}/suite.json and suite.md", soft_wrap=True)
    return 0
