"""`inwit play WORLD ... -- ...`: run a program by hand and see every state.

Run a program by hand and see the machine after every token. Illegal tokens are carried out,
too: they have no effect and cost a step.

example: inwit play tutorial-v1 --stage 0 --operands 3 4 5 -- MUL ADD ANS
"""

from __future__ import annotations

from inwit.commands.arguments import Parser, add_json, add_task, print_json, take_settings, task
from inwit.core.errors import UserError, unknown


def main(arguments: list[str]) -> int:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    arguments, tokens = arguments[:cut], arguments[cut + 1 :]
    arguments, overrides = take_settings(arguments)
    parser = Parser(
        __doc__,
        usage="inwit play WORLD [--TASK-FIELD VALUE ...] [--world.SETTING VALUE ...] [--json] -- TOKENS...",
    )
    parser.add_argument("world", help="one of `inwit worlds`")
    add_task(parser)
    add_json(parser)
    args = parser.parse_args(arguments)
    for name in overrides:
        if name != "world":
            raise unknown("setting", name, ["world.max_steps", "world.masks"])
    if not tokens:
        raise UserError("there is no program to play: write its tokens after --, as in -- MUL ADD ANS")
    from inwit.worlds.play import play

    episode = play(args.world, task(args), tokens, **overrides.get("world", {}))
    if args.json:
        print_json(episode.to_dict())
    else:
        from inwit.core.terminal import console

        console().print(episode)
    return 0
