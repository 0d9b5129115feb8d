"""`inwit oracle EXPRESSION`: the proven shortest program for an expression of the calculator.

The shortest program for an expression of the calculator, found by exhaustive search and
replayed as an exact polynomial.

example: inwit oracle '(a*b)-(c*d)' --slots 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inwit.commands.arguments import Parser, add_json, print_json
from inwit.core.text import plural

if TYPE_CHECKING:
    from inwit.worlds.oracle.shortest import ShortestProgram


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.add_argument("expression", help="over a, b, c, ... once each, in order, fully parenthesised")
    parser.add_argument("--slots", default="1", help="memory slots of the machine, 0 to 4 (default: 1)", metavar="K")
    add_json(parser)
    args = parser.parse_args(arguments)
    from dataclasses import asdict

    from inwit.core.numbers import given_number
    from inwit.worlds.oracle.shortest import shortest

    slots = given_number("slots", args.slots, text=True)
    best = shortest(args.expression, slots)
    if args.json:
        print_json({"expression": args.expression, "num_slots": slots, **asdict(best)})
    else:
        print(f"{args.expression} with {plural(slots, 'slot')}: {_found(slots, best)}")
    return 0


def _found(slots: int, best: ShortestProgram) -> str:
    """A shortest program and how sure it is."""
    if best.program is None:
        return f"none with {plural(slots, 'slot')}: all programs of up to {best.searched_to} tokens were searched"
    sure = "proven shortest" if best.proven else f"shortest found; searched to {best.searched_to} tokens"
    return f"{' '.join(best.program)}\n{best.length} tokens, {sure}; slots needed: {best.slots_needed}"
