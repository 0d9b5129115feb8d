"""`inwit play WORLD ... [-- ...]`: run a program by hand, or token by token, and see every state.

Run a program by hand and see the machine after every token. Illegal tokens are carried out,
too: they have no effect and cost a step. Without `--` you are asked for one token after the other.

Where tools answer, the world's tokens are put in and marked: `> 7`. The hidden part of a task is given
(--table and the like), or drawn by --seed. With neither nothing is drawn, and the world's tokens are written
by you: when you are asked for them, or all of them, in order, with --answers.

example: inwit play tutorial-v1 --stage 0 --operands 3 4 5 -- MUL ADD ANS
example: inwit play lookup-v0 --query 'G F 3' --seed 1
example: inwit play lookup-v0 --query 'G F 3' --answers 2 4 -- F 3 G 2 ANS 4
"""

from __future__ import annotations

import sys

from inwit.commands.arguments import Parser, add_json, add_task, listed, print_json, take_settings, task
from inwit.core.errors import UserError, unknown


def main(arguments: list[str]) -> int:
    asks = "--" not in arguments
    cut = len(arguments) if asks else arguments.index("--")
    arguments, tokens = arguments[:cut], arguments[cut + 1 :]
    arguments, overrides = take_settings(arguments)
    parser = Parser(
        __doc__,
        usage="inwit play WORLD [--TASK-FIELD VALUE ...] [--world.SETTING VALUE ...] [--json] [-- TOKENS...]",
    )
    parser.add_argument("world", help="one of `inwit worlds`")
    add_task(parser)
    parser.add_argument("--answers", nargs="*", default=[], help="what the world writes, in order", metavar="V")
    add_json(parser)
    args = parser.parse_args(arguments)
    for name in overrides:
        if name != "world":
            raise unknown("setting", name, ["world.max_steps", "world.masks"])
    settings, answers = overrides.get("world", {}), listed(args.answers)
    if not asks and not tokens:
        raise UserError("there is no program to play: write its tokens after --, as in -- MUL ADD ANS; or leave -- out")
    if asks and answers:
        raise UserError(f"--answers {' '.join(answers)} needs a program after --: without one you are asked for them")
    if answers and getattr(args, "seed", None) is not None:
        raise UserError(
            f"--seed {args.seed} draws what the world writes, and --answers {' '.join(answers)} gives it: leave one out"
        )
    if asks:
        from inwit.commands.dialogue import converse

        episode = converse(args.world, task(args), settings, sys.stderr if args.json else sys.stdout)
    else:
        from inwit.worlds.play import play

        episode = play(args.world, task(args), tokens, answers=answers, **settings)
    if args.json:
        print_json(episode.to_dict())
    else:
        from inwit.core.terminal import console

        console().print(episode)
    return 0
