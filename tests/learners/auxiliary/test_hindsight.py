"""Hindsight's store against dicts and loops, its programs against playing them, and its loss against its formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

import inwit
from calculating import WORLD, calculator_agent, holds, letters_of, parts_of, value_of
from inwit.core.errors import UserError
from inwit.core.types import Tasks
from inwit.learners.auxiliary.hindsight import HITS, READS, UNKNOWN, Hindsight, HindsightSettings
from inwit.rollout.babble import babble
from inwit.rollout.collect import collect
from inwit.worlds.calculator.expressions import LETTERS
from support import batch_of, small_policy

ANY = {"names": "any", "letters": 6}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def world() -> Any:
    return inwit.make(WORLD)


def store_for(world: Any, rows: int = 16, **settings: Any) -> Hindsight:
    return Hindsight(HindsightSettings(rows=rows, **settings), world)


def kind_of(world: Any, expression: str) -> int:
    return world.kinds.names.index(expression)


def stored(world: Any, store: Hindsight, expression: str) -> str | None:
    """The stored program of an expression, as text without the padding; None where there is none."""
    kind = kind_of(world, expression)
    row, length = store.programs[kind].tolist(), int(store.length[kind])
    assert set(row[length:]) <= {world.vocabulary.id("PAD")}, f"After {expression}'s program stands {row[length:]}."
    assert (length > 0) is (int(store.rank[kind]) < UNKNOWN)
    return " ".join(world.vocabulary.decode(row[:length])) or None


def tell(world: Any, store: Hindsight, expression: str, *programs: str) -> None:
    """One block: what these programs (of one length) achieve, carried out on an expression."""
    tasks = batch_of(world, [{"expression": expression, "operands": [1] * len(letters_of(expression))}] * len(programs))
    tokens = torch.tensor([world.vocabulary.ids(program.split()) for program in programs])
    state, achieved = world.reset(tasks), []
    for token in tokens.unbind(1):
        state, _ = world.step(state, token)
        achieved.append(world.achieved(state))
    store.take_in(world.to_places(tasks, tokens), torch.stack(achieved, 1))


Block = tuple[Tasks, torch.Tensor, torch.Tensor]


def blocks(world: Any, count: int, rows: int = 192) -> Iterator[Block]:
    """What a training feeds the store with: episodes of a policy and babble, some of it thrifty, in turn."""
    policy = small_policy("gru", world)
    for seed in range(count):
        kinds = torch.randint(0, len(world.kinds), (rows,), generator=seeded(seed))
        tasks = world.sample(kinds, seeded(seed))
        if seed % 2:
            yield (tasks, *babble(world, tasks, seeded(seed), thrifty=0.5))
        else:
            rollout = collect(world, policy, tasks, generator=seeded(seed), achieved=True)
            assert rollout.achieved is not None
            yield tasks, rollout.tokens, rollout.achieved


def fed(world: Any, count: int = 4, rows: int = 192, **settings: Any) -> Hindsight:
    store = store_for(world, **settings)
    for tasks, tokens, achieved in blocks(world, count, rows):
        store.take_in(world.to_places(tasks, tokens), achieved)
    return store


class Twin:
    """The store as dicts, by kind; what programs compute is found out anew, at the big numbers."""

    def __init__(self, world: Any, prefer: str) -> None:
        trees = world.expressions.trees
        self.world, self.prefer = world, prefer
        self.values, self.parts = [value_of(tree) for tree in trees], [parts_of(tree) for tree in trees]
        self.rank: dict[int, tuple[Any, ...]] = {}
        self.program: dict[int, str] = {}

    def observe(self, tasks: Tasks, tokens: torch.Tensor) -> None:
        for task, row in zip(self.world.describe(tasks), tokens.tolist(), strict=True):
            self.take_in(task["expression"], self.world.vocabulary.decode(row))

    def take_in(self, expression: str, program: list[str]) -> None:
        letters = letters_of(expression)
        program = program[: self.budget(len(letters))]
        if "ANS" in program:
            program = program[: program.index("ANS") + 1]
        story = holds(program, expression, self.world.settings.num_slots)
        hits = [column for column, held in enumerate(story) if held in self.values][-HITS:]
        for column in hits:
            for kind, held in enumerate(self.values):
                if held == story[column]:
                    self.candidate(kind, letters, program[: column + 1], story[: column + 1])

    def candidate(self, kind: int, letters: list[str], program: list[str], story: list[int | None]) -> None:
        named = [token for token in program if token in LETTERS]
        operands = self.world.kinds.stages[kind] + 1
        if kind in self.world.kinds.held_out or len(program) + 1 > self.budget(operands):
            return
        if not set(named) <= set(letters[:operands]):
            return
        reads = tuple(letters.index(letter) for letter in named)[:READS]
        missing = sum(part not in story for part in self.parts[kind])
        rank = (missing, len(named), len(program), reads) if self.prefer == "parts" else (len(program), reads)
        if kind not in self.rank or rank < self.rank[kind]:
            places = [LETTERS[letters.index(token)] if token in LETTERS else token for token in program]
            self.rank[kind], self.program[kind] = rank, " ".join([*places, "ANS"])

    def budget(self, operands: int) -> int:
        return self.world.settings.max_steps or 6 * operands


# What is stored.


def test_a_program_is_closed_and_padded(world: Any) -> None:
    store = store_for(world)
    assert stored(world, store, "a+b") is None
    tell(world, store, "a+b", "LOAD a ADD b MUL")
    assert stored(world, store, "a+b") == "LOAD a ADD b ANS"
    known = store.rank < UNKNOWN
    assert known.sum() == 1, "One expression was achieved."
    assert not bool((store.programs[~known] != world.vocabulary.id("PAD")).any())


def test_every_beginning_of_a_program_counts(world: Any) -> None:
    store = store_for(world)
    tell(world, store, "(a*b)-c", "LOAD a MUL b STO m0 SUB c")
    assert stored(world, store, "a*b") == "LOAD a MUL b ANS"
    assert stored(world, store, "(a*b)-c") == "LOAD a MUL b STO m0 SUB c ANS"


def test_a_program_is_one_for_every_expression_of_its_polynomial(world: Any) -> None:
    store = store_for(world)
    tell(world, store, "((a+b)+c)+d", "LOAD b ADD a ADD c")
    assert stored(world, store, "(a+b)+c") == stored(world, store, "a+(b+c)") == "LOAD b ADD a ADD c ANS"


@pytest.mark.parametrize("prefer", ["short", "parts"])
def test_a_shorter_program_replaces_a_longer_one(prefer: str, world: Any) -> None:
    store = store_for(world, prefer=prefer)
    tell(world, store, "a-b", "LOAD b LOAD a SUB b")
    assert stored(world, store, "a-b") == "LOAD b LOAD a SUB b ANS"
    tell(world, store, "a-b", "LOAD a SUB b")
    assert stored(world, store, "a-b") == "LOAD a SUB b ANS"
    tell(world, store, "a-b", "LOAD b LOAD a SUB b")
    assert stored(world, store, "a-b") == "LOAD a SUB b ANS", "A longer program came back."


def test_the_shortest_of_a_block_wins_wherever_it_stands(world: Any) -> None:
    long, short = "LOAD b LOAD a SUB b", "LOAD a SUB b LOAD a"
    for block in ([long, short, long], [short, long], [long, long, short]):
        store = store_for(world)
        tell(world, store, "a-b", *block)
        assert stored(world, store, "a-b") == "LOAD a SUB b ANS", block


def test_of_equally_long_programs_the_one_that_reads_in_the_order_of_the_text_is_kept(world: Any) -> None:
    best = "LOAD a ADD b ADD c"
    others = ["LOAD b ADD a ADD c", "LOAD a ADD c ADD b", "LOAD c ADD a ADD b"]
    for block in (others, [*others, best], [best, *others]):
        one, by_one = store_for(world), store_for(world)
        tell(world, one, "(a+b)+c", *block)
        for program in block:
            tell(world, by_one, "(a+b)+c", program)
        expected = best if best in block else "LOAD a ADD c ADD b"
        assert stored(world, one, "(a+b)+c") == stored(world, by_one, "(a+b)+c") == f"{expected} ANS"


def test_the_first_of_equals_stays() -> None:
    """Same length, same order of reading, another slot: what came first, in a block and before it."""
    programs = ["LOAD a ADD b STO m0 ADD c", "LOAD a ADD b STO m1 ADD c"]
    world = inwit.make(WORLD, num_slots=2)
    for block in (programs, programs[::-1]):
        store = store_for(world)
        tell(world, store, "(a+b)+c", *block)
        tell(world, store, "(a+b)+c", *block[::-1])
        assert stored(world, store, "(a+b)+c") == f"{block[0]} ANS"


def test_no_program_names_an_operand_that_its_expression_lacks(world: Any) -> None:
    """Loading c and dropping it again is a program for a+b only where there is a c."""
    store = store_for(world)
    tell(world, store, "((a+b)+c)+d", "LOAD c LOAD a ADD b")
    assert stored(world, store, "a+b") is None
    tell(world, store, "((a+b)+c)+d", "LOAD b LOAD a ADD b ADD c")
    assert stored(world, store, "a+b") == "LOAD b LOAD a ADD b ANS"
    assert stored(world, store, "(a+b)+c") == "LOAD b LOAD a ADD b ADD c ANS"


def test_a_program_over_its_expressions_budget_is_not_stored(world: Any) -> None:
    """a+b may spend 12 tokens: a program of 13, found on an expression of four operands, is none for it."""
    store = store_for(world)
    tell(world, store, "((a+b)+c)+d", "LOAD a LOAD a LOAD a LOAD a LOAD a ADD b")
    assert stored(world, store, "a+b") is None
    tell(world, store, "((a+b)+c)+d", "LOAD a LOAD a LOAD a LOAD a ADD b STO")
    assert stored(world, store, "a+b") == "LOAD a LOAD a LOAD a LOAD a ADD b ANS"
    tell(world, store, "(a+b)*(c+d)", " ".join(["LOAD a"] * 9 + ["ADD b ADD c ADD d"]))
    assert stored(world, store, "a+(b+(c+d))") is None, "A program of 24 tokens has none left for ANS."


def test_the_last_classes_that_a_program_reaches_are_taken(world: Any) -> None:
    store = store_for(world)
    tell(world, store, "((a+b)+c)+d", "LOAD a MUL b LOAD a SUB b LOAD a ADD b ADD c ADD d")
    assert stored(world, store, "a*b") is None, "Four were reached after it."
    assert stored(world, store, "a-b") == "LOAD a MUL b LOAD a SUB b ANS"
    assert stored(world, store, "((a+b)+c)+d") is not None


def test_what_is_only_a_part_takes_no_classs_place(world: Any) -> None:
    """b+c, b-c, b*c, c+d are parts of expressions, and no expressions."""
    store = store_for(world)
    tell(world, store, "((a+b)+c)+d", "LOAD a MUL b LOAD b ADD c LOAD b SUB c LOAD b MUL c LOAD c ADD d")
    assert stored(world, store, "a*b") == "LOAD a MUL b ANS"
    assert int((store.rank < UNKNOWN).sum()) == 1


@pytest.mark.parametrize(
    ("expression", "short", "by_parts"),
    [
        ("a-(b-c)", "LOAD a SUB b ADD c", "LOAD b SUB c STO m0 LOAD a SUB m0"),
        ("a-(b+c)", "LOAD a SUB b SUB c", "LOAD b ADD c STO m0 LOAD a SUB m0"),
        ("a+(b+c)", "LOAD a ADD b ADD c", "LOAD b ADD c ADD a"),
        ("a-((b+c)-d)", "LOAD a SUB b SUB c ADD d", "LOAD b ADD c SUB d STO m0 LOAD a SUB m0"),
        ("(a-b)+(c-d)", "LOAD a SUB b ADD c SUB d", "LOAD c SUB d STO m0 LOAD a SUB b ADD m0"),
    ],
)
def test_preferring_parts(expression: str, short: str, by_parts: str, world: Any) -> None:
    """The program that computes what stands in parentheses, however long, whichever came first."""
    for order in ([short, by_parts], [by_parts, short]):
        for prefer, expected in (("short", short), ("parts", by_parts)):
            store = store_for(world, prefer=prefer)
            for program in order:
                tell(world, store, expression, program)
            assert stored(world, store, expression) == f"{expected} ANS", f"prefer = {prefer}"


def test_each_expression_of_a_class_prefers_its_own_parts(world: Any) -> None:
    """One polynomial, two texts, two programs."""
    store = store_for(world, prefer="parts")
    for program in ("LOAD a SUB b ADD c", "LOAD b SUB c STO m0 LOAD a SUB m0"):
        tell(world, store, "a-(b-c)", program)
    assert stored(world, store, "(a-b)+c") == "LOAD a SUB b ADD c ANS"
    assert stored(world, store, "a-(b-c)") == "LOAD b SUB c STO m0 LOAD a SUB m0 ANS"


def test_more_parts_are_better_than_fewer_and_half_is_better_than_nothing(world: Any) -> None:
    store = store_for(world, prefer="parts")
    none, one = "LOAD a SUB b SUB c ADD d", "LOAD a LOAD b ADD c STO m0 LOAD a SUB m0 ADD d"
    both = "LOAD b ADD c LOAD b ADD c SUB d STO m0 LOAD a SUB m0"
    for program in (none, one, both, one, none):
        tell(world, store, "a-((b+c)-d)", program)
        seen = both if stored(world, store, "a-((b+c)-d)") == f"{both} ANS" else program
        assert stored(world, store, "a-((b+c)-d)") == f"{seen} ANS"
    assert stored(world, store, "a-((b+c)-d)") == f"{both} ANS"


@pytest.mark.parametrize(
    ("expression", "used", "dropped"),
    [
        ("a-(b-c)", "LOAD b SUB c STO m0 LOAD a SUB m0", "LOAD b SUB c LOAD a SUB b ADD c"),
        ("(a-b)+(c-d)", "LOAD c SUB d STO m0 LOAD a SUB b ADD m0", "LOAD c SUB d LOAD a SUB b ADD c SUB d"),
        (
            "a-(b-(c+d))",
            "LOAD c ADD d STO m0 LOAD b SUB m0 STO m0 LOAD a SUB m0",
            "LOAD c ADD d ADD a SUB b STO m0 LOAD a SUB m0 LOAD m0",
        ),
    ],
)
def test_a_part_that_is_dropped_again_does_not_win(expression: str, used: str, dropped: str, world: Any) -> None:
    """As long or shorter, and it has computed the parts: but it reads more operands than the one that uses them."""
    for order in ([used, dropped], [dropped, used]):
        store = store_for(world, prefer="parts")
        for program in order:
            tell(world, store, expression, program)
        assert stored(world, store, expression) == f"{used} ANS"


WORLDS: list[dict[str, Any]] = [{}, {"num_slots": 0}, {"num_slots": 2, "split": "classes"}, ANY, {"max_operators": 1}]


@pytest.mark.parametrize("prefer", ["short", "parts"])
@pytest.mark.parametrize("settings", WORLDS)
def test_against_the_twin(settings: dict[str, Any], prefer: str) -> None:
    """Rollouts and babble in turn; after each block, every expression's program is the twin's."""
    world = inwit.make(WORLD, **settings)
    store, twin = store_for(world, prefer=prefer), Twin(world, prefer)
    for tasks, tokens, achieved in blocks(world, 6):
        store.take_in(world.to_places(tasks, tokens), achieved)
        twin.observe(tasks, tokens)
        for kind, name in enumerate(world.kinds.names):
            assert stored(world, store, name) == twin.program.get(kind), name
    assert len(twin.program) >= min(20, len(world.kinds)), "The blocks reach too little to prove anything."


@pytest.mark.parametrize("prefer", ["short", "parts"])
@pytest.mark.parametrize("settings", [{"num_slots": 2}, ANY])
def test_every_stored_program_is_right(settings: dict[str, Any], prefer: str) -> None:
    """Played by the scalar twin on its own expression, in letters of its own, and no token too many."""
    world = inwit.make(WORLD, **settings)
    store, seen = fed(world, 4, rows=512, prefer=prefer), 0
    tasks = world.sample(torch.arange(len(world.kinds)), seeded(5))
    written = world.to_letters(tasks, store.programs)
    for kind, task in enumerate(world.describe(tasks)):
        if not int(store.length[kind]):
            continue
        tokens = world.vocabulary.decode(written[kind, : int(store.length[kind])].tolist())
        episode = inwit.play(WORLD, task, tokens, **settings)
        assert episode.identity_success, f"{tokens} is no program for {task}."
        assert episode.terminated
        assert not episode.unused, f"{tokens} for {task} goes on after its end."
        seen += 1
    assert seen > 60


# The test set.


@pytest.mark.parametrize("split", ["classes", "text", "longest"])
def test_held_out_expressions_are_neither_stored_nor_asked_for(split: str) -> None:
    world = inwit.make(WORLD, max_operators=3, split=split)
    held_out = set(world.kinds.held_out)
    store, watched = store_for(world, rows=256), Watched(small_policy("gru", world))
    store.loss(watched, {"imitation": seeded(0)})
    assert not set(watched.kinds(world)) & held_out, "Nothing is known yet, and the test set is drawn."
    for tasks, tokens, achieved in blocks(world, 4, rows=512):  # of every kind, held out or not
        store.take_in(world.to_places(tasks, tokens), achieved)
    known = {kind for kind, rank in enumerate(store.rank.tolist()) if rank < UNKNOWN}
    assert not known & held_out
    assert not bool(store.programs[sorted(held_out)].any())
    if split == "text":
        classes = [world.kinds.classes[kind] for kind in known]
        assert set(classes) & {world.kinds.classes[kind] for kind in held_out}, "A trained twin has its program."
    store.surprise[sorted(held_out)] = 1e6
    for seed in range(4):
        store.loss(watched, {"imitation": seeded(seed)})
    assert not set(watched.kinds(world)) & held_out
    assert set(store.trained.tolist()) == set(range(len(world.kinds))) - held_out


@pytest.mark.parametrize("split", ["classes", "text", "longest"])
def test_nobody_babbles_on_the_test_set(split: str, monkeypatch: pytest.MonkeyPatch) -> None:
    babbled: list[int] = []

    def noted(world: Any, tasks: Tasks, *arguments: Any, **options: Any) -> Any:
        babbled.extend(tasks.kind.tolist())
        return babble(world, tasks, *arguments, **options)

    monkeypatch.setattr("inwit.learners.auxiliary.hindsight.babble", noted)
    small: dict[str, Any] = {"world": {"split": split}, "policy": {"width": 8}}
    tiny = {"episodes": 16, "max_updates": 2, "confirm": False}
    *_, last = inwit.updates("calculator", hindsight={"rows": 8, "babble": 1024}, training=tiny, **small)
    kinds = last.agent.world.kinds
    assert set(babbled) == set(range(len(kinds))) - set(kinds.held_out), "All others, and of these none."


# Letters.


@pytest.mark.parametrize("settings", [{}, ANY, {"names": "any", "letters": 10, "max_operators": 5, "tools": ["SUB"]}])
def test_letters_and_places_are_inverse(settings: dict[str, Any]) -> None:
    """Tokens of every sort; operands by their place in the text, in plain Python."""
    world = inwit.make(WORLD, **settings)
    kinds = torch.randint(0, len(world.kinds), (300,), generator=seeded(0))
    tasks = world.sample(kinds, seeded(1))
    tokens = torch.randint(0, len(world.vocabulary), (300, 20), generator=seeded(2))
    places = world.to_places(tasks, tokens)
    nowhere = LETTERS[world.num_operands]
    for task, row, told in zip(world.describe(tasks), tokens.tolist(), places.tolist(), strict=True):
        place = {letter: LETTERS[index] for index, letter in enumerate(letters_of(task["expression"]))}
        names = world.vocabulary.decode(row)
        expected = [place.get(name, nowhere) if name in LETTERS else name for name in names]
        assert world.vocabulary.decode(told) == expected, task
    own = places != world.vocabulary.id(nowhere)
    assert bool((own | (tokens != places)).any())
    assert torch.equal(world.to_letters(tasks, places)[own], tokens[own])


def test_a_letter_that_the_expression_lacks_is_refused() -> None:
    """On b+d a program that reads `a` is none for anybody, although `a` is the first operand's place."""
    world = inwit.make(WORLD, **ANY)
    store = store_for(world)
    tasks = batch_of(world, [{"expression": "b+d", "operands": [1, 2]}])
    tokens = torch.tensor([world.vocabulary.ids(["LOAD", "a", "LOAD", "b", "ADD", "d"])])
    achieved = torch.full_like(tokens, -1)
    achieved[0, -1] = world.kinds.classes[kind_of(world, "a+b")]
    store.take_in(world.to_places(tasks, tokens), achieved)
    assert stored(world, store, "a+b") is None
    tokens[0, 1] = world.vocabulary.id("d")
    store.take_in(world.to_places(tasks, tokens), achieved)
    assert stored(world, store, "a+b") == "LOAD b LOAD a ADD b ANS", "By its places."


# The loss.


class Watched:
    """A policy that notes what it is asked to replay: prompts, masks, stages and tokens."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.asked: list[tuple[torch.Tensor, ...]] = []

    def replay(self, *asked: torch.Tensor) -> Any:
        self.asked.append(asked)
        return self.policy.replay(*asked)

    def texts(self, world: Any) -> list[str]:
        """The expressions asked for."""
        rows = [row for prompt, *_ in self.asked for row in prompt.tolist()]
        return ["".join(world.vocabulary.decode(row)).replace("PAD", "").removesuffix("=") for row in rows]

    def kinds(self, world: Any) -> list[int]:
        """Their kinds, for expressions in the letters a, b, c, ..."""
        return [kind_of(world, text) for text in self.texts(world)]


TOLD = ["LOAD a ADD b", "LOAD a SUB b SUB c", "LOAD b ADD a ADD c", "LOAD a MUL b MUL c", "LOAD a ADD b MUL c ADD d"]


def filled(world: Any, **settings: Any) -> Hindsight:
    """A store that knows a few expressions."""
    store = store_for(world, **settings)
    for program in TOLD:
        tell(world, store, "((a+b)+c)+d", program)
    return store


def known_kinds(store: Hindsight) -> set[int]:
    return {kind for kind, rank in enumerate(store.rank.tolist()) if rank < UNKNOWN}


def log_likelihood(policy: Any, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor, ids: list[int]) -> float:
    """Of one program under one prompt, token by token over the whole vocabulary."""
    total, (output, memory) = 0.0, policy.begin(prompt, mask, stage)
    for token in ids:
        total += float(torch.log_softmax(output.logits[0].double(), -1)[token])
        output, memory = policy.step(torch.tensor([token]), memory)
    return total


def test_only_known_kinds_are_asked_for(world: Any) -> None:
    store, watched = filled(world, rows=256), Watched(small_policy("gru", world))
    known = known_kinds(store)
    assert 6 < len(known) < 30
    for seed in range(4):
        store.loss(watched, {"imitation": seeded(seed)})
    assert set(watched.kinds(world)) == known, "In a thousand draws, all known kinds and no other."


@pytest.mark.parametrize("settings", [{}, ANY])
def test_the_loss_is_its_formula(settings: dict[str, Any]) -> None:
    """The mean negative log-likelihood of a token, over the programs of the kinds drawn, in the letters drawn."""
    world = inwit.make(WORLD, **settings)
    store, policy = filled(world, weight=0.5), small_policy("gru", world)
    watched, before = Watched(policy), store.surprise.clone()
    surprise: dict[str, list[float]] = {}
    total, tokens = 0.0, 0
    with torch.no_grad():
        loss, metrics = store.loss(watched, {"imitation": seeded(0)})
        [(prompt, mask, stage, _)] = watched.asked
        for row, text in enumerate(watched.texts(world)):
            letters = letters_of(text)
            name = "".join(LETTERS[letters.index(sign)] if sign in letters else sign for sign in text)
            program = (stored(world, store, name) or "").split()
            program = [letters[LETTERS.index(token)] if token in LETTERS else token for token in program]
            one = slice(row, row + 1)
            told = -log_likelihood(policy, prompt[one], mask[one], stage[one], world.vocabulary.ids(program))
            assert int(stage[row]) == len(letters) - 1
            surprise.setdefault(name, []).append(told)
            total, tokens = total + told, tokens + len(program)
    assert float(loss) == pytest.approx(0.5 * total / tokens, abs=1e-4)
    assert float(metrics["imitation"]) == pytest.approx(total / tokens, abs=1e-4), "The metric has no weight in it."
    for kind, name in enumerate(world.kinds.names):
        told = max(surprise.get(name, [float(before[kind])]))
        assert float(store.surprise[kind]) == pytest.approx(told, abs=1e-3), f"The surprise of {name}."


def test_any_letters_are_asked_for_in_all_their_draws() -> None:
    world = inwit.make(WORLD, **ANY)
    store, watched = store_for(world, rows=400), Watched(small_policy("gru", world))
    tell(world, store, "a-b", "LOAD a SUB b")
    store.loss(watched, {"imitation": seeded(0)})
    pairs = {f"{one}-{two}" for index, one in enumerate("abcdef") for two in "abcdef"[index + 1 :]}
    assert set(watched.texts(world)) == pairs
    [(*_, tokens)] = watched.asked
    for text, row in zip(watched.texts(world), tokens.tolist(), strict=True):
        assert " ".join(world.vocabulary.decode(row)) == f"LOAD {text[0]} SUB {text[2]} ANS"


def test_where_asking_costs_a_wait_every_column_is_replayed(world: Any) -> None:
    """The columns after the longest program add nothing: same draws, same loss."""
    policy, told, widths = small_policy("gru", world), [], []
    for narrow in (True, False):
        store, watched = filled(world), Watched(policy)
        store.narrow = narrow
        told.append((float(store.loss(watched, {"imitation": seeded(0)})[0].detach()), store.surprise.clone()))
        [(*_, tokens)] = watched.asked
        widths.append(tokens.shape[1])
    assert widths[0] < widths[1] == world.num_columns
    assert told[0][0] == pytest.approx(told[1][0], abs=1e-5)
    torch.testing.assert_close(told[0][1], told[1][1], atol=1e-4, rtol=0)
    assert store_for(world).narrow, "The tensors of this test are on the CPU."


@pytest.mark.parametrize("prefer", ["short", "parts"])
def test_a_rank_that_fits_no_integer_is_refused(prefer: str, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than wrapping around: ten operands would take more than 64 bits."""
    lessons = world.lessons()
    for operands, fits in ((6, True), (10, False)):
        argument = torch.where(lessons.argument == lessons.argument.max(), operands, lessons.argument)
        monkeypatch.setattr(world, "lessons", lambda device, more=argument: replace(lessons, argument=more))
        if fits:
            store_for(world, prefer=prefer)
        else:
            with pytest.raises(UserError, match="does not fit 64 bits"):
                store_for(world, prefer=prefer)


def test_what_is_told_beside_the_loss(world: Any) -> None:
    store = filled(world)
    _, metrics = store.loss(small_policy("gru", world), {"imitation": seeded(0)})
    lengths = [int(store.length[kind]) for kind in known_kinds(store)]
    assert float(metrics["known"]) == pytest.approx(len(lengths) / 156)
    assert float(metrics["stored_steps"]) == pytest.approx(sum(lengths) / len(lengths))


def test_surprise_is_updated_for_drawn_kinds_only(world: Any) -> None:
    store, watched = filled(world, rows=4), Watched(small_policy("gru", world))
    before = store.surprise.clone()
    store.loss(watched, {"imitation": seeded(0)})
    drawn = set(watched.kinds(world))
    assert 0 < len(drawn) < len(known_kinds(store)), "Some were drawn and some were not."
    changed = {kind for kind, (one, two) in enumerate(zip(before, store.surprise, strict=True)) if one != two}
    assert changed == drawn
    assert not store.surprise.requires_grad


def test_what_surprises_comes_first(world: Any) -> None:
    store, watched = filled(world, rows=512), Watched(small_policy("gru", world))
    kind = kind_of(world, "a-(b+c)")
    store.surprise = torch.zeros_like(store.surprise)
    store.surprise[kind] = 50.0
    store.loss(watched, {"imitation": seeded(0)})
    drawn = watched.kinds(world)
    assert drawn.count(kind) > 0.85 * len(drawn), "It has more than 9 parts in 10 of the weight."
    assert set(drawn) != {kind}, "What does not surprise at all comes now and then."


def test_a_kind_without_program_is_never_asked_for_however_surprising(world: Any) -> None:
    store, watched = filled(world, rows=512), Watched(small_policy("gru", world))
    unknown = sorted(set(range(len(world.kinds))) - known_kinds(store))
    store.surprise[unknown] = 1e4
    store.loss(watched, {"imitation": seeded(0)})
    assert not set(watched.kinds(world)) & set(unknown)


def test_an_empty_store_teaches_nothing(world: Any) -> None:
    policy, store = small_policy("gru", world), store_for(world)
    before = store.surprise.clone()
    loss, metrics = store.loss(policy, {"imitation": seeded(0)})
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert {name: float(value) for name, value in metrics.items()} == dict.fromkeys(metrics, 0.0)
    assert not any(bool(p.grad.any()) for p in policy.parameters() if p.grad is not None)
    assert torch.equal(store.surprise, before)


@pytest.mark.parametrize("policy_id", ["gru", "lstm", "transformer"])
def test_gradients_reach_the_policy(policy_id: str, world: Any) -> None:
    store, policy = filled(world), small_policy(policy_id, world)
    loss, metrics = store.loss(policy, {"imitation": seeded(0)})
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert all(bool(torch.isfinite(value)) and not value.requires_grad for value in metrics.values())
    for name, parameter in policy.named_parameters():
        assert parameter.grad is not None, f"{policy_id}: no gradient reaches {name}."
        assert bool(torch.isfinite(parameter.grad).all()), f"{policy_id}: the gradient of {name} is not finite."
        assert bool(parameter.grad.any()), f"{policy_id}: the gradient of {name} is zero."


def test_imitating_teaches_what_is_stored() -> None:
    """Nothing but imitation: in the end the greedy policy solves each kind."""
    world = inwit.make(WORLD, max_operators=1)
    store, policy = store_for(world, rows=12), small_policy("gru", world, width=32)
    for program in ("LOAD b ADD a", "LOAD a SUB b", "LOAD a MUL b"):
        tell(world, store, "a-b", program)
    optimiser, generator = torch.optim.Adam(policy.parameters(), lr=0.02), seeded(0)
    for _ in range(90):
        optimiser.zero_grad()
        store.loss(policy, {"imitation": generator})[0].backward()
        optimiser.step()
    rollout = collect(world, policy, world.greedy_tasks())
    missed = [name for name, right in zip(world.kinds.names, rollout.success.tolist(), strict=True) if not right]
    assert not missed, f"Imitated but not solved: {missed}."


def test_a_store_put_back_goes_on_as_the_one_it_was_taken_from(world: Any) -> None:
    one, two, policy = fed(world, 2), store_for(world), small_policy("gru", world)
    one.loss(policy, {"imitation": seeded(0)})
    state = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    two.load_state_dict(state)
    for store in (one, two):
        for tasks, tokens, achieved in blocks(world, 4):
            store.take_in(world.to_places(tasks, tokens), achieved)
        store.loss(policy, {"imitation": seeded(1)})
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name
        assert not torch.equal(tensor, state[name]), f"{name} never changed, which proves nothing."


def test_the_global_generator_is_left_alone(world: Any) -> None:
    """One seed, one loss, whatever the global generator does; and it is not advanced."""
    policy, told = small_policy("gru", world), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        store = fed(world, 2, rows=32)
        told.append(float(store.loss(policy, {"imitation": seeded(0)})[0].detach()))
        assert torch.equal(torch.get_rng_state(), before), "Hindsight draws from the global generator."
    assert told[0] == told[1]


@pytest.mark.parametrize("settings", [{}, ANY])
def test_a_training_reports_what_is_stored(settings: dict[str, Any]) -> None:
    """In the loop: the store is fed before its first loss, and hindsight turned off leaves no trace."""
    small: dict[str, Any] = {"world": {"max_operators": 2, **settings}, "policy": {"width": 8}}
    tiny = {"episodes": 16, "max_updates": 2}
    for rows in (8, 0):
        hindsight = {"rows": rows, "babble": 64}
        *_, last = inwit.updates("calculator", hindsight=hindsight, training=tiny, **small)
        summary = last.summary()
        assert ("imitation" in summary) is bool(rows)
        if rows:
            assert 0 < summary["known"] <= 1
            assert summary["stored_steps"] >= 5, "The shortest program of all has five tokens."
    assert calculator_agent().config.auxiliaries["hindsight"].rows > 0, "The recipe has hindsight on."
