"""The store of all right programs against a dict of their beginnings."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import inwit
from calculating import WORLD
from inwit.core.seeding import stream
from inwit.learners.auxiliary.ways import Ways
from inwit.rollout.babble import babble
from inwit.worlds.calculator.expressions import LETTERS

Known = dict[
    tuple[int, ...], tuple[int, tuple[int, ...], list[int]]
]  # by class and first tokens: length, reads, program


@pytest.fixture(scope="module")
def world() -> Any:
    return inwit.make(WORLD)


@pytest.fixture(scope="module")
def programs(world: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random programs, half of them thrifty; the column after which each held a class last, and that class, or -1."""
    tasks = world.sample(torch.randint(len(world.kinds), (1500,), generator=stream(0, "kinds")), stream(0, "tasks"))
    tokens, achieved = babble(world, tasks, stream(0, "babble"), thrifty=0.5)
    hit = (achieved >= 0) & (achieved < max(world.kinds.classes) + 1)
    hit &= torch.arange(tokens.shape[1]) < tokens.shape[1] - 1  # there must be room for the answer
    at = torch.where(hit, torch.arange(tokens.shape[1]), -1).max(1).values
    return tokens, at, achieved.gather(1, at.clamp_min(0)[:, None])[:, 0].masked_fill(at < 0, -1)


def ways_of(world: Any, bits: int) -> Ways:
    return Ways(
        bits,
        classes=max(world.kinds.classes) + 1,
        columns=world.num_columns,
        tokens=len(world.vocabulary),
        operands=world.num_operands,
        answer=world.answer,
    )


def told(world: Any, programs: tuple[torch.Tensor, ...], bits: int) -> tuple[Ways, Known]:
    """Both stores, fed with the same programs in three blocks."""
    ways, known = ways_of(world, bits), Known()
    argument = world.lessons().argument
    for rows in torch.arange(len(programs[0])).tensor_split(3):
        tokens, at, classes = (part[rows] for part in programs)
        right = (at >= 0)[:, None]
        ways.take_in(tokens, argument[tokens], at.clamp_min(0)[:, None], classes.clamp_min(0)[:, None], right)
        for row, end, number in zip(tokens.tolist(), at.tolist(), classes.tolist(), strict=True):
            if number >= 0:
                note(known, world, number, [*row[: end + 1], world.answer])
    return ways, known


def note(known: Known, world: Any, number: int, program: list[int]) -> None:
    reads = tuple(word for word in world.vocabulary.decode(program) if word in LETTERS)[:8]
    for size in range(len(program)):
        beginning = (number, *program[:size])
        best = (len(program), tuple(LETTERS.index(word) for word in reads), program)
        rank = (*best[:2], program[size])
        if beginning not in known or rank < (*known[beginning][:2], known[beginning][2][size]):
            known[beginning] = best


def hash_of(ways: Ways, beginning: tuple[int, ...]) -> torch.Tensor:
    number, *tokens = beginning
    return ways.of_class[number] + sum(ways.of_token[column, token] for column, token in enumerate(tokens))


def test_every_beginning_is_found_as_the_dict_has_it(world: Any, programs: Any) -> None:
    ways, known = told(world, programs, 20)
    hashes = torch.stack([hash_of(ways, beginning) for beginning in known])
    found, token, length = ways.find(hashes)
    clear = 0
    for place, (beginning, (total, _, program)) in enumerate(known.items()):
        if bool(found[place]):
            assert (int(length[place]), int(token[place])) == (total, program[len(beginning) - 1])
            clear += 1
    assert clear > 0.98 * len(known) > 2000, "Few beginnings share a cell."
    strange = torch.randint(-(2**62), 2**62, (20_000,), generator=stream(1, "strange hashes"))
    assert not bool(ways.find(strange)[0].any()), "What was never told is not known."


def test_where_cells_are_few_what_is_found_is_right_and_the_better_one(world: Any, programs: Any) -> None:
    ways, known = told(world, programs, 8)
    found, token, length = ways.find(torch.stack([hash_of(ways, beginning) for beginning in known]))
    assert 100 < int(found.sum()) <= 256
    for place in found.nonzero()[:, 0].tolist():
        beginning = list(known)[place]
        assert (int(length[place]), int(token[place])) == (known[beginning][0], known[beginning][2][len(beginning) - 1])
    worse = torch.tensor([each[0] for each in known.values()])
    assert float(worse[found].double().mean()) < float(worse.double().mean()), "Short programs stay."


def test_it_follows_the_best_program_with_that_beginning(world: Any, programs: Any) -> None:
    ways, known = told(world, programs, 22)
    beginnings = [each for each in known if len(each) > 1][::7]
    opening = torch.zeros(len(beginnings) + 1, world.num_columns, dtype=torch.int64)
    for row, (_, *tokens) in enumerate(beginnings):
        opening[row, : len(tokens)] = torch.tensor(tokens)
    classes = torch.tensor([each[0] for each in beginnings] + [0])
    at = torch.tensor([len(each) - 2 for each in beginnings] + [world.num_columns])
    tokens, end = ways.follow(classes, opening, at)
    right = 0
    for row, beginning in enumerate(beginnings):
        total, _, program = known[beginning]
        assert int(end[row]) in (0, total)
        right += program[len(beginning) - 1 :] == tokens[row, len(beginning) - 1 : total].tolist()
    assert right >= 0.97 * len(beginnings) > 200
    assert int(end[-1]) == 0, "A row without a stumble has no way on."
    opening[:, 0] = world.vocabulary.id("PAD")
    assert not bool(ways.follow(classes, opening, at)[1].any()), "No program begins with padding."


def test_ties_are_all_the_tokens_after_which_a_known_program_is_no_longer(world: Any, programs: Any) -> None:
    ways, known = told(world, programs, 22)
    own = {beginning[0]: each[2] for beginning, each in known.items() if len(beginning) == 1}
    classes = torch.tensor(list(own)).repeat_interleave(40)
    rows = [own[number] + [0] * (world.num_columns - len(own[number])) for number in classes.tolist()]
    length = torch.tensor([len(own[number]) for number in classes.tolist()])
    at, token = ways.ties(classes, torch.tensor(rows), length, stream(0, "ties"))
    drawn: dict[int, set[tuple[int, int]]] = {number: set() for number in own}
    for number, column, each in zip(classes.tolist(), at.tolist(), token.tolist(), strict=True):
        if column < world.num_columns:
            drawn[number].add((column, each))
    for number, program in own.items():
        ties = {
            (len(beginning) - 2, beginning[-1])
            for beginning, (total, _, _) in known.items()
            if beginning[0] == number
            and 1 < len(beginning) <= len(program)
            and beginning[1:-1] == tuple(program[: len(beginning) - 2])
            and beginning[-1] != program[len(beginning) - 2]
            and total <= len(program)
        }
        assert drawn[number] <= ties
        assert bool(drawn[number]) is bool(ties)
        if len(ties) < 5:
            assert drawn[number] == ties, "In forty draws all of them."
    assert sum(map(len, drawn.values())) > 30
