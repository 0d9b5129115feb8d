"""calculator-v0, free of PyTorch: settings, vocabulary, kinds, the points of the identity test, the reading of a task.

Beside its value on the digits every register carries its value at three points of Z_p, p = 2**31 - 1. A wrong program
of degree d agrees with the expression at all three with probability at most (d/p)**3: below 1e-13 for every program of
up to 60 tokens (with the default tools d < 4*10**4), below 2e-23 within 24 tokens (d <= 54). The points are *fixed*,
drawn by hashing for each lane and each operand's *position*, so that `achieved` is a table lookup and every run judges
alike. A policy sees no number, and as long as no verdict has been false its programs do not depend on the points. So
the bound holds for each program over the draw of the points, and summed over all programs that a training tries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import given_number
from inwit.core.results import Task
from inwit.core.seeding import stream_seed
from inwit.core.settings import Settings, setting
from inwit.core.vocabulary import Vocabulary
from inwit.worlds.calculator.expressions import LETTERS, Exact, Tree, enumerate_trees, parse, polynomial_of, write
from inwit.worlds.calculator.tools import DEFAULT_TOOLS, HALF, TOOLS, P, Tool, called, symmetric
from inwit.worlds.reading import TaskField, check_fields, digits

ID = "calculator-v0"
TASK_FIELDS = {
    "expression": TaskField("the expression, as in '(a*b)-c'"),
    "operands": TaskField("a digit for each of its operands", many=True),
    "num_slots": TaskField("the machine's memory slots", optional=True),
}

MAX_SLOTS = 4
MAX_TICKS = 8
MAX_NOISE = 16
THINK = "THINK"
NUM_POINTS = 3  # of the identity test
STEPS_PER_OPERAND = 6

# LOAD, STO and ANS are the machine's own verbs; between them stand the tools.
_NAMES = (
    *("PAD", "(", ")", *(TOOLS[name].symbol for name in DEFAULT_TOOLS), "=", *LETTERS),
    *(f"m{slot}" for slot in range(MAX_SLOTS)),
    *("LOAD", *DEFAULT_TOOLS, "STO", "ANS"),
)
PAD, FIRST_OPERAND, FIRST_SLOT = (_NAMES.index(name) for name in ("PAD", "a", "m0"))

IDENTITY_POINTS = tuple(
    tuple(stream_seed(0, f"calculator identity points/{lane}/{place}") % P - HALF for place in range(len(LETTERS)))
    for lane in range(NUM_POINTS)
)  # [lane][operand position], balanced residues


@dataclass(frozen=True)
class CalculatorSettings(Settings):
    num_slots: int = setting(1, "memory slots m0, m1, ... of the machine", at_least=0, at_most=MAX_SLOTS)
    min_operators: int = setting(1, "operators in the smallest expressions", at_least=1, at_most=5)
    max_operators: int = setting(3, "operators in the largest expressions", at_least=1, at_most=5)
    tools: tuple[str, ...] = setting(DEFAULT_TOOLS, "the tools, by name: " + ", ".join(TOOLS))
    crossed: tuple[str, ...] = setting(
        (), "tools that compute value - accumulator and so on when called; what expressions mean stays as it is"
    )
    names: str = setting(
        "exact", "letters: a, b, c, ... in every expression, or any increasing draw", choices=("exact", "any")
    )
    letters: int = setting(
        0, "how many letters names=any draws from; 0: as many as the largest expression needs", at_least=0, at_most=10
    )
    reward: str = setting(
        "identity", "which success pays 1 (value where identity is undefined)", choices=("identity", "value")
    )
    milestones: float = setting(0.0, "paid in equal shares for reaching each sub-expression the first time", at_least=0)
    step_cost: float = setting(0.0, "subtracted for every token", at_least=0)
    split: str = setting(
        "none",
        "hold out a fifth of the expressions of three or more operators as a test set: by polynomial class, or by text "
        "(which leaks: equal polynomials end up on both sides); or the longest expressions, those of max_operators",
        choices=("none", "classes", "text", "longest"),
    )
    # 60 is where the identity test's bound ends.
    max_steps: int = setting(0, "tokens an episode may spend; 0: six for each operand", at_least=0, at_most=60)
    masks: bool = setting(True, "let the policy write legal tokens only")
    ticks: int = setting(
        0,
        "how often an episode may write THINK, which does nothing and spends none of its tokens; 0: no such token",
        at_least=0,
        at_most=MAX_TICKS,
    )
    tick_price: float = setting(0.0, "subtracted for every THINK, in place of step_cost", at_least=0)
    noise: int = setting(
        0,
        "irrelevant tokens in every prompt: slots and verbs, others for each draw of the digits",
        at_least=0,
        at_most=MAX_NOISE,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_operators > self.max_operators:
            raise UserError(
                f"min_operators = {self.min_operators} is too large: "
                f"it must be at most max_operators = {self.max_operators}"
            )
        for name in self.tools:
            if name not in TOOLS:
                raise UserError(f"tools: {unknown('tool', name, TOOLS)}")
            if self.tools.count(name) > 1:
                raise UserError(f"tools: {name} is named twice")
        if self.tick_price and not self.ticks:
            raise UserError(f"tick_price = {self.tick_price} is the price of nothing: set ticks, at most {MAX_TICKS}")
        if not self.tools:
            raise UserError(f"tools is empty: name at least one of {', '.join(TOOLS)}")
        self._check_crossed()
        self._check_split()
        if self.milestones and not self.identity_defined:
            raise UserError(
                f"milestones = {self.milestones} cannot be paid: a sub-expression is recognised as an identity, which "
                f"is undefined for {', '.join(n for n in self.tools if not TOOLS[n].polynomial)}; leave that tool out, "
                "or set milestones = 0"
            )
        if self.names == "any" and 0 < self.letters <= self.max_operators:
            raise UserError(
                f"letters = {self.letters} is too small: an expression of {self.max_operators} operators has "
                f"{self.max_operators + 1} operands"
            )

    def _check_crossed(self) -> None:
        """Raise `UserError` for a tool that the machine lacks, or that crossing leaves as it is."""
        for name in self.crossed:
            if name not in self.tools:
                raise UserError(f"crossed: {unknown('tool', name, self.tools)}")
            if self.crossed.count(name) > 1:
                raise UserError(f"crossed: {name} is named twice")
            if symmetric(name):
                raise UserError(f"crossed: {name} computes the same either way; leave it out")

    def _check_split(self) -> None:
        """Raise `UserError` if the split leaves nothing to train on, or no test set."""
        if self.split == "none":
            return
        sizes = (self.tools, self.min_operators, self.max_operators)
        held_out, total = len(held_out_of(*sizes, self.split)), len(expressions_of(*sizes).trees)
        if held_out == total:
            raise UserError(
                f"split = {self.split} holds out every expression, all {total}, and leaves none to train on: "
                f"let min_operators be less than max_operators = {self.max_operators}, or set split = none"
            )
        if not held_out:
            raise UserError(
                f"split = {self.split} holds out none of the {total} expressions: it takes about a fifth of those of "
                f"{SMALLEST_HELD_OUT} or more operators; raise max_operators = {self.max_operators}, name more tools, "
                "or set split = none"
            )

    @property
    def identity_defined(self) -> bool:
        """Whether every tool is polynomial. Then success is decided by identity, else by value."""
        return all(TOOLS[name].polynomial for name in self.tools)

    @property
    def called(self) -> tuple[Tool, ...]:
        """The tools as the machine calls them."""
        return tuple(called(name, name in self.crossed) for name in self.tools)

    @property
    def extra_outcomes(self) -> tuple[str, ...]:
        """The further readings of success."""
        return ("value_success", "identity_success") if self.identity_defined else ("value_success",)

    @property
    def vocabulary(self) -> Vocabulary:
        return vocabulary_of(self.tools, self.ticks > 0)

    @property
    def verbs(self) -> list[str]:
        """What takes an argument; the first verb has the number 1."""
        return ["LOAD", *self.tools, "STO"]

    @property
    def num_letters(self) -> int:
        """How many letters the world's expressions use."""
        return max(self.letters if self.names == "any" else 0, self.max_operators + 1)

    def budget(self, num_operands: int) -> int:
        """How many tokens the episode of an expression with that many operands may spend."""
        return self.max_steps or STEPS_PER_OPERAND * num_operands


@cache
def vocabulary_of(tools: tuple[str, ...], thinks: bool = False) -> Vocabulary:
    """The tokens, the same for every number of slots and operands; for each added tool its sign and its name follow.
    THINK is the last, and is there only where it may be written."""
    added = [TOOLS[name] for name in tools if name not in DEFAULT_TOOLS]
    names = [*_NAMES, *(token for tool in added for token in (tool.symbol, tool.name))]
    return Vocabulary([*names, THINK] if thinks else names)


@dataclass(frozen=True)
class Expressions:
    """The kinds of a world: every expression, by number of operators and then as enumerated. Classes count from 0."""

    trees: tuple[Tree, ...]
    names: tuple[str, ...]
    stages: tuple[int, ...]  # numbers of operators
    classes: tuple[int, ...]  # equal for equal polynomials; an expression that is no polynomial is its own class
    index: dict[Tree, int]


@cache
def expressions_of(tools: tuple[str, ...], min_operators: int, max_operators: int) -> Expressions:
    table = tuple(TOOLS[name] for name in tools)
    symbols = tuple(tool.symbol for tool in table)
    counts = range(min_operators, max_operators + 1)
    trees = tuple(tree for count in counts for tree in enumerate_trees(count, symbols))
    keys = [polynomial_of(tree, table, max_operators + 1) or tree for tree in trees]
    numbers: dict[Tree | Exact, int] = {}
    return Expressions(
        trees=trees,
        names=tuple(write(tree) for tree in trees),
        stages=tuple(count for count in counts for _ in enumerate_trees(count, symbols)),
        classes=tuple(numbers.setdefault(key, len(numbers)) for key in keys),
        index={tree: kind for kind, tree in enumerate(trees)},
    )


FIFTHS = 5  # one in so many is held out
SMALLEST_HELD_OUT = 3  # operators


@cache
def held_out_of(tools: tuple[str, ...], min_operators: int, max_operators: int, split: str) -> tuple[int, ...]:
    """The kinds that a split holds out. A fifth is chosen by a hash, so that it is the same in every run and world."""
    if split == "none":
        return ()
    expressions = expressions_of(tools, min_operators, max_operators)
    if split == "longest":
        return tuple(kind for kind, operators in enumerate(expressions.stages) if operators == max_operators)
    table = tuple(TOOLS[name] for name in tools)
    held_out = []
    for kind, (tree, name, operators) in enumerate(
        zip(expressions.trees, expressions.names, expressions.stages, strict=True)
    ):
        exact = None if split == "text" else polynomial_of(tree, table, operators + 1)
        key = str(sorted(exact.terms)) if exact else name  # the same text for equal polynomials
        if operators >= SMALLEST_HELD_OUT and stream_seed(0, f"calculator split/{key}") % FIFTHS == 0:
            held_out.append(kind)
    return tuple(held_out)


@dataclass(frozen=True)
class Problem:
    """A task that has been read: the tree over operands 0, 1, 2, ..., their letters and digits, the number of slots."""

    tree: Tree
    letters: str
    operands: list[int]
    num_slots: int


def parse_task(settings: CalculatorSettings, task: Task) -> Problem:
    """Read a task such as `{"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7]}`, perhaps with `num_slots`.

    Any expression of 2 to 10 operands over the world's tools will do, whether or not it is one of the world's kinds.
    Raises `UserError` for anything else; where the expression is wrong the message names the column.
    """
    check_fields(task, ID, TASK_FIELDS, "an expression and operands, as in expression a*b, operands 3 4")
    if not isinstance(task["expression"], str):
        raise UserError(f"expression {short(task['expression'])} is not text, as in 'a*b'")
    tree, letters = parse(task["expression"], [TOOLS[name].symbol for name in settings.tools])
    operands = digits(task["operands"], len(letters), f"the expression {task['expression']}")
    num_slots = settings.num_slots
    if "num_slots" in task:
        given = given_number("num_slots", task["num_slots"], text=True)
        num_slots = replace(settings, num_slots=given).num_slots  # checks its limits
    return Problem(tree, letters, operands, num_slots)
