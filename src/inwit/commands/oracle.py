"""`inwit oracle EXPRESSION` or `inwit oracle WORLD TASK -- TOKENS`: the best there is.

The shortest program for an expression of the calculator, found by exhaustive search and
replayed as an exact polynomial. Or, in a world that answers, the best next tokens for a task
after some tokens of an episode, the world's answers included.

example: inwit oracle '(a*b)-(c*d)' --slots 1
example: inwit oracle lookup-v0 'G F 3' --world.fail 0.5 --world.sure_price 0.1 -- F 3 ERR
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inwit.commands.arguments import Parser, add_json, print_json, take_settings
from inwit.core.errors import UserError, unknown
from inwit.core.text import plural

if TYPE_CHECKING:
    from inwit.core.results import Json
    from inwit.worlds.oracle.shortest import ShortestProgram


def main(arguments: list[str]) -> int:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    arguments, tokens = arguments[:cut], arguments[cut + 1 :]
    arguments, overrides = take_settings(arguments)
    parser = Parser(
        __doc__,
        usage="inwit oracle EXPRESSION [--slots K] [--json]\n"
        "       inwit oracle WORLD TASK [--world.SETTING VALUE ...] [--json] [-- TOKENS...]",
    )
    parser.add_argument("expression", help="over a, b, c, ... once each, in order, fully parenthesised; or a world")
    parser.add_argument("task", nargs="?", help="the world's task, as in 'G F 3'")
    parser.add_argument("--slots", help="memory slots of the machine, 0 to 4 (default: 1)", metavar="K")
    add_json(parser)
    args = parser.parse_args(arguments)
    from inwit.worlds import TWINS

    if args.expression in TWINS.names():
        if args.slots is not None:
            raise UserError(
                f"--slots {args.slots} beside the world {args.expression}: leave it out, or name an expression"
            )
        return _next_tokens(args.expression, args.task, tokens, overrides, args.json)
    if args.task is not None or tokens or overrides:
        given = args.task or " ".join(tokens) or "--" + next(iter(overrides))
        raise UserError(f"{given!r} after an expression: give a world first, one of {', '.join(TWINS.names())}")
    return _shortest_program(args.expression, args.slots or "1", args.json)


def _shortest_program(expression: str, given: str, json: bool) -> int:
    from dataclasses import asdict

    from inwit.core.numbers import given_number
    from inwit.worlds.oracle.shortest import shortest

    slots = given_number("slots", given, text=True)
    best = shortest(expression, slots)
    if json:
        print_json({"expression": expression, "num_slots": slots, **asdict(best)})
    else:
        print(f"{expression} with {plural(slots, 'slot')}: {_found(slots, best)}")
    return 0


def _next_tokens(world: str, text: str | None, tokens: list[str], overrides: dict[str, Any], json: bool) -> int:
    for name in overrides:
        if name != "world":
            raise unknown("setting", name, ["world.max_steps", "world.masks"])
    from inwit.worlds import TWINS
    from inwit.worlds.standing import adviser_of, standing

    adviser_of(world, **overrides.get("world", {}))
    fields = getattr(TWINS.load(world), "task_fields", {})
    first = next((name for name, field in fields.items() if not field.optional), None)
    if first is None:
        raise UserError(
            f"{world} names no field that a task needs (task_fields): ask for advice in Python, see the docs"
        )
    if text is None:
        raise UserError(f"the oracle of {world} needs a task: give its {first} after the world")
    found = standing(world, {first: text}, tokens, **overrides.get("world", {}))
    if json:
        print_json(found)
    else:
        print("\n".join(_told(text, found)))
    return 0


def _told(text: str, found: Json) -> list[str]:
    """The answer for people: what is best next, what each token is worth, and what to expect of the task."""
    after = f" after {' '.join(found['stream'])}" if found["stream"] else ""
    ranked = sorted(found["values"].items(), key=lambda each: -each[1])
    prospects = [f"{name.replace('_', ' ')} {_figure(value)}" for name, value in found["prospects"].items()]
    best = " or ".join(found["best"]) if found["best"][0] in found["values"] else "any token without effect"
    return [
        f"{text}{after}: {best}, value {found['value']:.6g}",
        "next tokens: " + ", ".join(f"{name} {value:.6g}" for name, value in ranked),
        "from the start: " + ", ".join(prospects),
    ]


def _figure(value: bool | float) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value:.6g}"


def _found(slots: int, best: ShortestProgram) -> str:
    """A shortest program and how sure it is."""
    if best.program is None:
        return f"none with {plural(slots, 'slot')}: all programs of up to {best.searched_to} tokens were searched"
    sure = "proven shortest" if best.proven else f"shortest found; searched to {best.searched_to} tokens"
    return f"{' '.join(best.program)}\n{best.length} tokens, {sure}; slots needed: {best.slots_needed}"
