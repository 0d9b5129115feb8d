"""An expression as a tree of sums, products and greatest values, each of any number of parts.

Written so, what an engineer knows is seen at once: parts may change places, a minus before a bracket goes to each part
of the sum in it, and a product's sign may go to any of its factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

from inwit.scripts.calculator.values import NOTHING, Value, atom, greatest, product, scaled, total
from inwit.worlds.calculator.expressions import Tree

LETTER, SUM, PRODUCT, GREATEST = "letter", "sum", "product", "greatest"
_KINDS = {"+": SUM, "-": SUM, "~": SUM, "*": PRODUCT, "^": GREATEST}


@dataclass(frozen=True)
class Node:
    kind: str
    value: Value
    parts: tuple[Part, ...] = ()
    letter: str = ""

    def __hash__(self) -> int:
        return hash((self.kind, self.value))


Part = tuple[int, Node]  # with the sign that it has in a sum, else 1


def node_of(tree: Tree, letters: str, *, flat: bool) -> Node:
    """The node of a tree; `flat`: a sum in a sum becomes one sum, and a product in a product one product."""
    if isinstance(tree, int):
        return Node(LETTER, atom(letters[tree]), letter=letters[tree])
    symbol, *sides = tree
    left, right = (node_of(side, letters, flat=flat) for side in sides)
    parts = [(-1 if symbol == "~" else 1, left), (-1 if symbol == "-" else 1, right)]
    return joined(_KINDS[symbol], _flat(_KINDS[symbol], parts) if flat else parts)


def _flat(kind: str, parts: list[Part]) -> list[Part]:
    return [
        (sign * inner_sign, inner)
        for sign, part in parts
        for inner_sign, inner in (part.parts if part.kind == kind else [(1, part)])
    ]


def joined(kind: str, parts: Iterable[Part]) -> Node:
    """The node of several parts; of one alone with the sign 1 that part."""
    parts = tuple(parts)
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    if kind == SUM:
        value = reduce(lambda sum_, part: total(sum_, part[1].value, part[0]), parts, NOTHING)
    else:
        value = reduce(product if kind == PRODUCT else greatest, [part.value for _, part in parts])
    return Node(kind, value, parts)


def distributed(node: Node) -> Node | None:
    """A product as a sum of products, by its first factor that is a sum; None where there is none."""
    for place, (_, factor) in enumerate(node.parts):
        if factor.kind == SUM:
            rest = [part for at, part in enumerate(node.parts) if at != place]
            products = [(sign, joined(PRODUCT, _flat(PRODUCT, [(1, term), *rest]))) for sign, term in factor.parts]
            return joined(SUM, _flat(SUM, products))
    return None


def regrouped(node: Node, known: Sequence[Value]) -> Node:
    """The same node, its parts put together where several of them are, but for the sign, a value that is known."""
    if node.kind == LETTER or not known:
        return node
    parts = [(sign, regrouped(part, known)) for sign, part in node.parts]
    wanted = {scaled(value, sign) for value in known for sign in (1, -1)}
    for size in range(len(parts) - 1, 1, -1):
        for chosen in combinations(range(len(parts)), size):
            group = joined(node.kind, [parts[place] for place in chosen])
            if group.value in wanted:
                rest = [part for place, part in enumerate(parts) if place not in chosen]
                return joined(node.kind, [(1, group), *rest])
    return joined(node.kind, parts)
