"""`inwit evaluate RUN`: success over all problems, beside oracle, shortcut and random policy.

Success of a run's agent that writes its likeliest tokens: over every problem of its world, or
over a sample with 95 % intervals where these cannot be listed. On request, beside it: how often one of K
programs sampled from the agent is right; or the same agent with something taken away. The result is kept
with the run, unless a control was asked for.

example: inwit evaluate latest --pass-at 8 --samples 64
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser, add_json, add_run, print_json
from inwit.core.errors import UserError
from inwit.core.storage import to_stderr

if TYPE_CHECKING:
    from inwit.core.contracts import Agent
    from inwit.core.results import Evaluation


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    add_run(parser)
    parser.add_argument("--pass-at", help="also estimate pass@K, with a 95 %% interval", metavar="K")
    parser.add_argument("--samples", help="programs sampled for each problem (default: K, at least 16)", metavar="N")
    parser.add_argument(
        "--control",
        help="shuffled-prompt: show the agent, for each problem, the prompt of another one of the same stage",
        metavar="NAME",
    )
    add_json(parser)
    args = parser.parse_args(arguments)
    if args.samples is not None and args.pass_at is None:
        raise UserError(f"--samples {args.samples} needs --pass-at K: the greedy result samples no programs")
    from inwit.core.numbers import given_number

    k = None if args.pass_at is None else given_number("--pass-at", args.pass_at, text=True)
    samples = None if args.samples is None else given_number("--samples", args.samples, text=True)
    from inwit.core.terminal import console
    from inwit.evaluation.exact import evaluate
    from inwit.evaluation.pass_at_k import pass_at_k
    from inwit.runs.loading import load

    agent = load(args.run)
    sampled = None if k is None else pass_at_k(agent, k, samples, args.control)
    evaluation = evaluate(agent, args.control)
    if args.control is None and agent.path is not None:
        keep_evaluation(agent, evaluation)
    if args.json:
        more = {"control": args.control, "pass_at_k": sampled and sampled.to_dict()}
        print_json(evaluation.to_dict() | {name: value for name, value in more.items() if value is not None})
    else:
        if args.control is not None:
            console().print(f"control: {args.control}")
        console().print(evaluation)
        if sampled is not None:
            console().print(sampled)
    return 0


def keep_evaluation(agent: Agent, evaluation: Evaluation) -> None:
    """Store it with the run. A disk that refuses it is only reported: the result is true all the same."""
    from inwit.runs.writing import save_evaluation

    try:
        save_evaluation(agent, evaluation.to_dict())
    except UserError as error:
        to_stderr(str(error))
