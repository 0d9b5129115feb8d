"""`inwit evaluate RUN`: success over all problems, beside oracle, shortcut and random policy.

Success of a run's agent that writes its likeliest tokens: over every problem of its world, or
over a sample with 95 % intervals where these cannot be listed. On request, beside it: how often one of K
programs sampled from the agent is right; or the same agent with something taken away. The result is kept
with the run, unless a control was asked for, or a changed world.

RUN may be a script, an agent that a person wrote: `pipeline` and `react`. After its name and a colon stands
where it acts: a recipe, a world's id, or a run, whose world it takes. --world.num_slots 2 writes it for the world
with that setting. --untold.num_slots 2 puts the agent, a script or a run's, into the world with that setting,
for which it was not made: nobody tells it.

example: inwit evaluate latest --pass-at 8 --samples 64
         inwit evaluate pipeline:calculator --untold.num_slots 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser, add_json, add_run, add_worlds, agent, print_json, take_agent
from inwit.core.errors import UserError
from inwit.core.storage import to_stderr

if TYPE_CHECKING:
    from inwit.core.contracts import Agent
    from inwit.core.results import Evaluation


def main(arguments: list[str]) -> int:
    arguments, settings = take_agent(arguments)
    parser = Parser(__doc__)
    add_run(parser)
    add_worlds(parser)
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
    from inwit.evaluation.changed import told
    from inwit.evaluation.exact import evaluate
    from inwit.evaluation.pass_at_k import pass_at_k

    examined = agent(args.run, settings)
    sampled = None if k is None else pass_at_k(examined, k, samples, args.control)
    evaluation = evaluate(examined, args.control)
    if args.control is None and examined.path is not None and not examined.untold:
        keep_evaluation(examined, evaluation)
    if args.json:
        more = {"control": args.control, "untold": examined.untold or None, "pass_at_k": sampled and sampled.to_dict()}
        print_json(evaluation.to_dict() | {name: value for name, value in more.items() if value is not None})
    else:
        if args.control is not None:
            console().print(f"control: {args.control}")
        if told_of := settings["world"]:
            console().print(f"world: {', '.join(f'{name} {value}' for name, value in told_of.items())}")
        if examined.untold:
            console().print(told(examined))
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
