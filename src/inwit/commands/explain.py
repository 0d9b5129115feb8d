"""`inwit explain RUN ...`: one problem, token by token: machine, value, alternatives.

One problem, token by token: what the agent wrote, the machine after it, its value estimate, the
three likeliest tokens, how many tokens are to go to a right end, and what the token cost against the
optimum: `✓ best` keeps to a shortest way, `+2` makes it two tokens longer, after `✕ lost` there is no way
left. The way must be right on other problems of the kind, too: `✕ luck` stands for `✕ lost` in a program
that is right on this one problem alone. The search takes two seconds at most:
`?` where it gave up, `> 12` where no right end is within 12 tokens.

Where the world answers, `> 7` is a token of the world's; beside the agent's tokens stand what is known
and still needed, what the optimum would write, and the regret: how much expected reward the token
gives away.

--force 2=SUB writes SUB in step 2 (the first is step 0), whatever the agent would write, and lets the
agent go on from there: does it know what it is doing, or does it recite? The forced token stands in
brackets, as (SUB). Above the table: the agent's program without it, the derailed one and, where the world
knows it, a shortest right one. In the table: the tokens that lead to a right end soonest, too.

RUN may be a script (`pipeline`, `react:calculator`): it expects no value, and its one token is sure. --world.X and
--untold.X change its world: see `inwit evaluate --help`.

On a page one steps through it: `inwit page RUN`.

example: inwit explain latest --stage 2 --operands 5 5 7 9 8
         inwit explain latest --query 'G F 3' --seed 0
         inwit explain latest --expression '(a+b)*c' --operands 2 3 4 --force 2=SUB
"""

from __future__ import annotations

import shlex
import sys

from inwit.commands.arguments import (
    Parser,
    add_json,
    add_run,
    add_task,
    add_worlds,
    agent,
    listed,
    print_json,
    take_agent,
    task,
)
from inwit.core.errors import UserError, short


def main(arguments: list[str]) -> int:
    arguments, settings = take_agent(arguments)
    parser = Parser(__doc__)
    add_run(parser)
    add_task(parser)
    add_worlds(parser)
    parser.add_argument(
        "--force",
        action="append",
        default=[],
        help="write TOKEN in this step; several with commas, or the flag several times",
        metavar="STEP=TOKEN",
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    force = _forced(args.force)
    from inwit.core.terminal import console
    from inwit.evaluation.changed import told
    from inwit.evaluation.explanation import explain

    explained = agent(args.run, settings)
    explanation = explain(explained, task(args), force=force)
    if args.json:
        print_json(explanation.to_dict() | ({"untold": explained.untold} if explained.untold else {}))
    else:
        if explained.untold:
            console().print(told(explained))
        console().print(explanation)
        if explained.path is not None and not explained.untold:
            print(f"see it: inwit page {shlex.quote(args.run)}", file=sys.stderr)
    return 0


def _forced(texts: list[str]) -> dict[int, str]:
    """`0=LOAD,2=SUB` as steps with their tokens."""
    found: dict[int, str] = {}
    for text in texts:
        if not listed([text]):
            raise UserError(f"--force {short(text)} names no step: write it as in --force 2=SUB")
    for text in listed(texts):
        step, _, token = (part.strip() for part in text.partition("="))
        if not token or not step.isdecimal():
            raise UserError(f"--force {short(text)} is no step with a token: write it as in --force 2=SUB")
        if int(step) in found:
            raise UserError(f"--force {text}: step {step} is forced twice: leave one out")
        found[int(step)] = token
    return found
