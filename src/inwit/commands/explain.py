"""`inwit explain RUN ...`: one problem, token by token: machine, value, alternatives.

One problem, token by token: what the agent wrote, the machine after it, its value estimate, the
three likeliest tokens, and whether the program keeps to the oracle's. Where the world answers, `> 7`
is a token of the world's; beside the agent's tokens stand what is known and still needed, what the
optimum would write, and the regret: how much expected reward the token gives away.

example: inwit explain latest --stage 2 --operands 5 5 7 9 8
         inwit explain latest --query 'G F 3' --seed 0
"""

from __future__ import annotations

from inwit.commands.arguments import Parser, add_json, add_run, add_task, print_json, task


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    add_run(parser)
    add_task(parser)
    add_json(parser)
    args = parser.parse_args(arguments)
    from inwit.core.terminal import console
    from inwit.evaluation.explanation import explain
    from inwit.runs.loading import load

    explanation = explain(load(args.run), task(args))
    if args.json:
        print_json(explanation.to_dict())
    else:
        console().print(explanation)
    return 0
