"""The oracle against the golden lengths and against a plain brute force that merges nothing cleverly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from operator import add, mul, sub
from pathlib import Path
from random import Random
from typing import Any

import pytest

from inwit.core.errors import UserError
from inwit.worlds.calculator.expressions import LETTERS, Exact, Tree, enumerate_trees, evaluate, parse, write
from inwit.worlds.oracle import shortest as oracle
from inwit.worlds.oracle.shortest import ShortestProgram, shortest, shortest_for_task, shortest_table
from inwit.worlds.oracle.shortest_search import Machine

GOLDEN = Path(__file__).parents[2] / "golden" / "shortest_up_to_3_operands.json"
BIG_PRIME = 2**127 - 1
SYMBOLS = ("+", "-", "*")
EXACT: dict[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul}
NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: (a + b) % BIG_PRIME,
    "-": lambda a, b: (a - b) % BIG_PRIME,
    "*": lambda a, b: a * b % BIG_PRIME,
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A disk cache of the test's own, and nothing in memory."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("INWIT_CACHE", str(folder))
    oracle._solved.cache_clear()
    return folder


def big_numbers(count: int) -> list[int]:
    """One random point of a large field: two polynomials of degree 16 agree there with probability below 2^-122."""
    random = Random(0)
    return [random.randrange(BIG_PRIME) for _ in range(count)]


def polynomial(program: Iterable[str], letters: str) -> Exact:
    """What a program in tokens computes, by the rules of the world, with no code of the oracle."""
    operands = {letter: Exact.variable(i, len(letters)) for i, letter in enumerate(letters)}
    registers: dict[str, Exact] = dict(operands)
    *tokens, last = program
    assert last == "ANS"
    acc: Any = None
    for verb, argument in zip(tokens[::2], tokens[1::2], strict=True):
        if verb == "STO":
            assert acc is not None
            assert argument not in operands
            registers[argument] = acc
        elif verb == "LOAD":
            acc = registers[argument]
        elif verb == "RSB":
            acc = registers[argument] - acc
        else:
            acc = EXACT[{"ADD": "+", "SUB": "-", "MUL": "*"}[verb]](acc, registers[argument])
    return acc


def assert_right(text: str, answer: ShortestProgram, num_slots: int) -> None:
    tree, letters = parse(text, (*SYMBOLS, "~"))
    assert answer.program is not None
    assert answer.length == len(answer.program)
    apply = {**EXACT, "~": lambda a, b: b - a}
    goal = evaluate(tree, [Exact.variable(i, len(letters)) for i in range(len(letters))], apply)
    assert polynomial(answer.program, letters) == goal, text
    used = {token for token in answer.program if token.startswith("m")}
    assert used <= {f"m{i}" for i in range(num_slots)}


class BruteForce:
    """Every state (accumulator, slots in any order) of the machine with nothing left out, on values numbered as met."""

    def __init__(self, values: list[Any], num_slots: int, apply: dict[str, Callable[[Any, Any], Any]]) -> None:
        self.numbers: dict[Any, int] = {}
        self.values: list[Any] = []
        self.results: dict[tuple[str, int, int], int] = {}
        self.apply = apply
        self.operands = [self.number(value) for value in values]
        self.level: set[tuple[int, tuple[int, ...]]] = {(-1, (-1,) * num_slots)}
        self.states = set(self.level)
        self.lengths: dict[int, int] = {}

    def number(self, value: Any) -> int:
        if value not in self.numbers:
            self.numbers[value] = len(self.values)
            self.values.append(value)
        return self.numbers[value]

    def result(self, symbol: str, left: int, right: int) -> int:
        key = symbol, left, right
        if key not in self.results:
            self.results[key] = self.number(self.apply[symbol](self.values[left], self.values[right]))
        return self.results[key]

    def run(self, calls: int, *, keep_last: bool = False) -> BruteForce:
        """After it, `lengths` has the fewest calls, up to `calls`, to each accumulator."""
        for count in range(1, calls + 1):
            following = set()
            for acc, slots in self.level:
                for after in self.accumulators(acc, slots):
                    self.lengths.setdefault(after, count)
                    if keep_last or count < calls:
                        following.add((after, slots))
                if acc >= 0 and (keep_last or count < calls):
                    for i in range(len(slots)):
                        following.add((acc, tuple(sorted((*slots[:i], acc, *slots[i + 1 :])))))
            self.level = following - self.states
            self.states |= self.level
        return self

    def accumulators(self, acc: int, slots: tuple[int, ...]) -> Iterable[int]:
        readable = [*self.operands, *(slot for slot in slots if slot >= 0)]
        yield from readable
        if acc >= 0:
            for symbol in self.apply:
                for value in readable:
                    yield self.result(symbol, acc, value)


def compare(count: int, num_slots: int, calls: int, *, exact: bool) -> None:
    """All expressions of `count` operands, by brute force and by the oracle with the same bound."""
    powers = [Exact.variable(i, count) for i in range(count)]
    numbers = big_numbers(count)
    values: list[Any] = powers if exact else numbers  # quicker, and as good to within 2^-80
    apply = EXACT if exact else NUMBERS
    brute = BruteForce(values, num_slots, apply).run(calls)
    for tree in enumerate_trees(count - 1, SYMBOLS):
        answer = shortest(tree, num_slots, max_calls=calls)
        fewest = brute.lengths.get(brute.number(evaluate(tree, values, apply)))
        assert answer.length == (None if fewest is None else 2 * fewest + 1), write(tree)
        assert answer.proven == (fewest is not None)
        assert answer.searched_to == 2 * calls + 1
        if fewest is not None:
            assert_right(write(tree), answer, num_slots)


def test_golden_lengths() -> None:
    for text, lengths in json.loads(GOLDEN.read_text()).items():
        for num_slots, length in lengths.items():
            answer = shortest(text, int(num_slots))
            assert (answer.length, answer.proven) == (length, True), text
            assert_right(text, answer, int(num_slots))


@pytest.mark.parametrize("num_slots", [0, 1, 2])
@pytest.mark.parametrize("count", [2, 3])
def test_brute_force_on_exact_polynomials(count: int, num_slots: int) -> None:
    compare(count, num_slots, 5, exact=True)


@pytest.mark.slow
@pytest.mark.parametrize(("num_slots", "calls"), [(0, 7), (1, 6), (2, 6)])
def test_brute_force_four_operands(num_slots: int, calls: int) -> None:
    compare(4, num_slots, calls, exact=False)


@pytest.mark.slow
def test_brute_force_has_the_published_number_of_states() -> None:
    """374,166 states with 4 operands, one slot and up to 6 calls, as WORLDS.md says: it searches the same machine."""
    states = BruteForce(big_numbers(4), 1, NUMBERS).run(6, keep_last=True).states
    assert len(states) == 374_166


def test_up_to_three_operators_all_have_a_proven_program_with_a_slot() -> None:
    for num_slots in (0, 1, 2):
        table = shortest_table(3, num_slots)
        assert len(table) == 156
        without = {text for text, answer in table.items() if answer.program is None}
        products = {f"(a{x}b){z}(c{y}d)" for x in "+-" for y in "+-" for z in "*"}
        assert without == (products | {"(a*b)+(c*d)", "(a*b)-(c*d)"} if num_slots == 0 else set())
        for text in table.keys() - without:
            assert table[text].proven
            assert_right(text, table[text], num_slots)
        assert {text for text, answer in table.items() if answer.slots_needed != 0} == products | {
            "(a*b)+(c*d)",
            "(a*b)-(c*d)",
        }


@pytest.mark.slow
def test_four_operators_all_have_a_proven_program_with_a_slot() -> None:
    table = shortest_table(4, 1)
    assert len(table) == 1290
    for text, answer in table.items():
        assert answer.proven
        assert_right(text, answer, 1)
    assert max(answer.length or 0 for answer in table.values()) == 17


def test_the_accumulator_alone_suffices_where_a_formula_says_it_does_not() -> None:
    answer = shortest("a-(b*c)", 0)
    assert (answer.length, answer.proven, answer.slots_needed) == (11, True, 0)
    assert_right("a-(b*c)", answer, 0)


def test_other_letters() -> None:
    answer = shortest("(b*c)-e", 1)
    assert answer.length == 7
    assert_right("(b*c)-e", answer, 1)
    assert {token for token in answer.program or [] if token in LETTERS} == {"b", "c", "e"}


@pytest.mark.parametrize("calls", [1, 2, 3, 4, 5])
def test_a_lower_bound_claims_less(calls: int) -> None:
    answer = shortest("a-(b*c)", 1, max_calls=calls)
    found = calls >= 5
    assert answer.searched_to == 2 * calls + 1
    assert (answer.length, answer.proven) == ((11, True) if found else (None, False))
    assert answer.slots_needed == (0 if found else None)


def test_a_program_from_fewer_slots_is_not_called_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one slot searched less far than with none, the latter's program stands, shorter ones were not excluded."""

    def shallow(trees: list[Tree], machine: Machine, least: int, _: int | None) -> Any:
        return real(trees, machine, least, 3 if machine.num_slots else 5)

    real = oracle.search
    monkeypatch.setattr(oracle, "search", shallow)
    answer = shortest("a-(b*c)", 1)
    assert (answer.length, answer.proven, answer.searched_to, answer.slots_needed) == (11, False, 7, 0)


def test_six_operands_are_searched_for_alone() -> None:
    text = "((((a+b)*c)-d)+e)*f"
    answer = shortest(text, 1)
    assert (answer.length, answer.proven) == (13, True)
    assert_right(text, answer, 1)


def test_an_added_tool_shortens_programs() -> None:
    answer = shortest("a-(b*c)", 0, ("ADD", "SUB", "MUL", "RSB"))
    assert (answer.length, answer.proven) == (7, True)
    assert_right("a-(b*c)", answer, 0)
    assert_right("(a~b)*c", shortest("(a~b)*c", 0, ("ADD", "SUB", "MUL", "RSB")), 0)


def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one with every search from now on."""
    made: list[int] = []
    real = oracle.search

    def counted(*arguments: Any) -> Any:
        made.append(1)
        return real(*arguments)

    monkeypatch.setattr(oracle, "search", counted)
    return made


def test_disk_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = searches(monkeypatch)
    first = shortest("a-(b*c)", 0)
    files = list(cache.iterdir())
    assert (len(made), len(files)) == (1, 1)
    assert shortest("(a+b)*c", 0).length == 7  # one search serves every expression
    oracle._solved.cache_clear()
    assert shortest("a-(b*c)", 0) == first
    assert len(made) == 1

    whole = files[0].read_bytes()
    for damaged in (b"", whole[:100], whole[:-30], b"not a zip file"):
        files[0].write_bytes(damaged)
        oracle._solved.cache_clear()
        made.clear()
        assert shortest("a-(b*c)", 0) == first
        assert len(made) == 1
        assert files[0].read_bytes()[:2] == b"PK"


def test_a_cached_program_that_is_wrong_is_searched_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shortest("a-(b*c)", 0)
    [file] = cache.iterdir()
    machine = Machine(3, 0, ("ADD", "SUB", "MUL"))
    result = oracle._load(file, machine)
    assert result is not None
    result.programs.reverse()
    oracle._save(file, result, machine)
    oracle._solved.cache_clear()
    made = searches(monkeypatch)
    assert shortest("a-(b*c)", 0) == first
    assert len(made) == 1


def test_an_unwritable_cache_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INWIT_CACHE", str(tmp_path / "file" / "below"))
    assert shortest("a-(b*c)", 0).length == 11


def test_a_wrong_program_is_never_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        result = real(*arguments)
        result.programs.reverse()
        return result

    real = oracle.search
    monkeypatch.setattr(oracle, "search", wrong)
    with pytest.raises(AssertionError, match="another polynomial"):
        shortest("a-(b*c)", 0)


def test_for_a_task() -> None:
    answer = shortest_for_task("calculator-v0", {"expression": "(a*b)-(c*d)", "num_slots": 1})
    assert (answer.length, answer.proven, answer.slots_needed) == (13, True, 1)
    assert_right("(a*b)-(c*d)", answer, 1)


@pytest.mark.parametrize(
    ("world_id", "task", "message"),
    [
        ("tutorial-v1", {}, "unknown world .*tutorial-v1.*calculator-v0"),
        ("calculator-v0", {"expresion": "a+b"}, "unknown field 'expresion': did you mean 'expression'"),
        ("calculator-v0", {}, "expression = None is not text"),
        ("calculator-v0", {"expression": "a+(b"}, "column 5"),
        ("calculator-v0", {"expression": "a+b", "num_slots": 5}, "num_slots = 5 is out of range: it must be 0 to 4"),
        ("calculator-v0", {"expression": "a+b", "num_slots": -1}, "num_slots = -1"),
        ("calculator-v0", {"expression": "a+b", "num_slots": "one"}, "num_slots = 'one' is not a whole number"),
        ("calculator-v0", {"expression": "a+b", "tools": ["ADD", "MAX"]}, "nothing can be proven with MAX"),
        ("calculator-v0", {"expression": "a+b", "tools": ["ADDD"]}, "unknown tool 'ADDD': did you mean 'ADD'"),
    ],
)
def test_refusals(world_id: str, task: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        shortest_for_task(world_id, task)
    assert "\n" not in str(caught.value)
