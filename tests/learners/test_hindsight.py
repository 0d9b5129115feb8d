"""Hindsight's store against dicts and loops, its programs against playing them, and its loss against its formula."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import inwit
from calculating import WORLD, calculator_agent, class_at, holds, letters_of
from inwit.learners.hindsight import UNKNOWN, Hindsight, HindsightSettings
from inwit.rollout import babble, collect
from inwit.worlds.expressions import LETTERS
from support import batch_of, small_policy


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def world() -> Any:
    return inwit.make(WORLD)


def store_for(world: Any, rows: int = 16, **settings: Any) -> Hindsight:
    return Hindsight(HindsightSettings(rows=rows, **settings), world.lessons())


def class_of(world: Any, expression: str) -> int:
    return world.kinds.classes[world.kinds.names.index(expression)]


def stored(world: Any, store: Hindsight, expression: str) -> list[str]:
    """The stored programs of an expression's class, as text without the padding."""
    number = class_of(world, expression)
    programs = []
    for row in store.programs[number, : int(store.count[number])].tolist():
        program, padding = row[: int(store.length[number])], row[int(store.length[number]) :]
        assert set(padding) <= {world.vocabulary.id("PAD")}, f"After {expression}'s program stands {padding}."
        programs.append(" ".join(world.vocabulary.decode(program)))
    return programs


def tell(world: Any, store: Hindsight, expression: str, *programs: str) -> None:
    """One block: what these programs (of one length) achieve, carried out on an expression."""
    tasks = batch_of(world, [{"expression": expression, "operands": [1] * len(letters_of(expression))}] * len(programs))
    tokens = torch.tensor([world.vocabulary.ids(program.split()) for program in programs])
    state, achieved = world.reset(tasks), []
    for token in tokens.unbind(1):
        state, _ = world.step(state, token)
        achieved.append(world.achieved(state))
    store.observe(tokens, torch.stack(achieved, 1))


class Twin:
    """The store as dicts: for each class its shortest length and the programs of that length."""

    def __init__(self, world: Any, ties: int) -> None:
        self.world, self.ties = world, ties
        self.length: dict[int, int] = {}
        self.programs: dict[int, list[tuple[int, ...]]] = {}
        kinds = world.kinds
        self.operands = {number: stage + 1 for number, stage in zip(kinds.classes, kinds.stages, strict=True)}

    def observe(self, tokens: torch.Tensor, achieved: torch.Tensor) -> None:
        best: dict[int, tuple[int, ...]] = {}
        for program, story in zip(tokens.tolist(), achieved.tolist(), strict=True):
            for column, number in enumerate(story):
                candidate = (*program[: column + 1], self.world.answer)
                if number >= 0 and self.fits(candidate, number) and len(candidate) < len(best.get(number, [0] * 99)):
                    best[number] = candidate
        for number, candidate in best.items():
            if len(candidate) < self.length.get(number, 99):
                self.length[number], self.programs[number] = len(candidate), [candidate]
            elif len(candidate) == self.length[number] and candidate not in self.programs[number]:
                self.programs[number] = [*self.programs[number], candidate][: self.ties]

    def fits(self, candidate: tuple[int, ...], number: int) -> bool:
        """In the budget of its class's expressions, naming no operand that they lack."""
        named = [LETTERS.index(name) for name in self.world.vocabulary.decode(candidate) if name in LETTERS]
        return len(candidate) <= 6 * self.operands[number] and max(named) < self.operands[number]


def blocks(world: Any, count: int, rows: int = 192) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What a training feeds the store with: episodes of a policy and babble, in turn."""
    policy = small_policy("gru", world)
    for seed in range(count):
        kinds = torch.randint(0, len(world.kinds), (rows,), generator=seeded(seed))
        tasks = world.sample(kinds, seeded(seed))
        if seed % 2:
            yield babble(world, tasks, seeded(seed))
        else:
            rollout = collect(world, policy, tasks, generator=seeded(seed), achieved=True)
            assert rollout.achieved is not None
            yield rollout.tokens, rollout.achieved


# What is stored.


def test_a_program_is_closed_and_padded(world: Any) -> None:
    store = store_for(world)
    assert stored(world, store, "a+b") == []
    tell(world, store, "a+b", "LOAD a ADD b MUL")
    assert stored(world, store, "a+b") == ["LOAD a ADD b ANS"]
    known = store.length < UNKNOWN
    assert known.sum() == 1, "One class was achieved."
    assert not bool((store.programs[~known] != world.vocabulary.id("PAD")).any())


def test_every_beginning_of_a_program_counts(world: Any) -> None:
    store = store_for(world)
    tell(world, store, "(a*b)-c", "LOAD a MUL b STO m0 SUB c")
    assert stored(world, store, "a*b") == ["LOAD a MUL b ANS"]
    assert stored(world, store, "(a*b)-c") == ["LOAD a MUL b STO m0 SUB c ANS"]


def test_a_shorter_program_replaces_all(world: Any) -> None:
    store = store_for(world)
    tell(world, store, "a-b", "LOAD b LOAD a SUB b")
    tell(world, store, "a-b", "LOAD a LOAD a SUB b")
    assert stored(world, store, "a-b") == ["LOAD b LOAD a SUB b ANS", "LOAD a LOAD a SUB b ANS"]
    tell(world, store, "a-b", "LOAD a SUB b")
    assert stored(world, store, "a-b") == ["LOAD a SUB b ANS"]
    tell(world, store, "a-b", "LOAD b LOAD a SUB b")
    assert stored(world, store, "a-b") == ["LOAD a SUB b ANS"], "A longer program came back."


def test_the_shortest_of_a_block_wins_wherever_it_stands(world: Any) -> None:
    long, short = "LOAD b LOAD a SUB b", "LOAD a SUB b LOAD a"
    for block in ([long, short, long], [short, long], [long, long, short]):
        store = store_for(world)
        tell(world, store, "a-b", *block)
        assert stored(world, store, "a-b") == ["LOAD a SUB b ANS"], block


@pytest.mark.parametrize("ties", [1, 2, 3])
def test_distinct_ties_join_up_to_the_limit(world: Any, ties: int) -> None:
    store = store_for(world, ties=ties)
    programs = ["LOAD a ADD b ADD c", "LOAD b ADD a ADD c", "LOAD a ADD b ADD c", "LOAD c ADD a ADD b"]
    for program in programs:
        tell(world, store, "a+(b+c)", program)
    expected = [f"{program} ANS" for program in dict.fromkeys(programs)][:ties]
    assert stored(world, store, "(a+b)+c") == expected, "Equal polynomials share their programs."


def test_no_program_names_an_operand_that_its_class_lacks(world: Any) -> None:
    """Loading c and dropping it again is a program for a+b only where there is a c."""
    store = store_for(world)
    tell(world, store, "((a+b)+c)+d", "LOAD c LOAD a ADD b")
    assert stored(world, store, "a+b") == []
    tell(world, store, "((a+b)+c)+d", "LOAD b LOAD a ADD b ADD c")
    assert stored(world, store, "a+b") == ["LOAD b LOAD a ADD b ANS"]
    assert stored(world, store, "(a+b)+c") == ["LOAD b LOAD a ADD b ADD c ANS"]


def test_a_program_that_leaves_no_room_for_its_answer_is_not_stored(world: Any) -> None:
    store = store_for(world)
    tell(
        world, store, "(a+b)*(c+d)", "LOAD a LOAD a LOAD a LOAD a LOAD a LOAD a LOAD a LOAD a ADD b STO m0 LOAD c ADD d"
    )
    for name in ("(a+b)*(c+d)", "a+(b+(c+d))"):
        assert stored(world, store, name) == []
    tell(world, store, "(a+b)*(c+d)", " ".join(["LOAD a"] * 9 + ["ADD b ADD c ADD d"]))
    assert int(store.length.masked_fill(store.length == UNKNOWN, 0).max()) <= world.num_columns
    assert stored(world, store, "a+(b+(c+d))") == [], "A program of 24 tokens has none left for ANS."


def test_a_program_over_its_expressions_budget_is_not_stored(world: Any) -> None:
    """a+b may spend 12 tokens: a program of 17, found on an expression of four operands, is none for it."""
    store = store_for(world)
    tell(world, store, "((a+b)+c)+d", "LOAD a LOAD a LOAD a LOAD a LOAD a LOAD a LOAD a ADD b")
    assert stored(world, store, "a+b") == []


@pytest.mark.parametrize("ties", [1, 4])
def test_against_the_twin(ties: int, world: Any) -> None:
    """Rollouts and babble in turn; after each block, lengths and programs are the twin's."""
    store, twin = store_for(world, ties=ties), Twin(world, ties)
    for tokens, achieved in blocks(world, 8):
        store.observe(tokens, achieved)
        twin.observe(tokens, achieved)
        for name, number in zip(world.kinds.names, world.kinds.classes, strict=True):
            if number not in twin.length:  # or one over the budget: see the test above
                assert int(store.length[number]) > 6 * twin.operands[number], name
                continue
            assert int(store.length[number]) == twin.length[number], name
            expected = [" ".join(world.vocabulary.decode(program)) for program in twin.programs[number]]
            assert stored(world, store, name) == expected, name
    assert len(twin.length) > 8, "The blocks reach too little to prove anything."


def test_every_stored_program_is_right() -> None:
    """Played by the scalar twin on every expression of its class, and on big numbers without the package's code."""
    world = inwit.make(WORLD, num_slots=2)
    store = store_for(world, ties=3)
    for tokens, achieved in blocks(world, 6, rows=512):
        store.observe(tokens, achieved)
    classes, seen = class_at(world), 0
    for name, number in zip(world.kinds.names, world.kinds.classes, strict=True):
        task = {"expression": name, "operands": [3, 5, 2, 7][: len(letters_of(name))]}
        for program in stored(world, store, name):
            tokens = program.split()
            assert classes[holds(tokens, name, 2)[-2] or 0] == number, f"{program} is no program for {name}."
            if len(tokens) > 6 * len(letters_of(name)):
                continue  # over the budget: see the test above
            seen += 1
            episode = inwit.play(WORLD, task, tokens, num_slots=2)
            assert episode.identity_success, f"{program} is no program for {name}."
            assert not episode.unused, f"{program} for {name} goes on after its end."
    assert seen > 30


# The loss.


class Watched:
    """A policy that notes the prompts that it is given."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.prompts: list[torch.Tensor] = []

    def begin(self, prompt: torch.Tensor, *rest: Any) -> Any:
        self.prompts.append(prompt)
        return self.policy.begin(prompt, *rest)

    def step(self, token: torch.Tensor, memory: Any) -> Any:
        return self.policy.step(token, memory)

    def replay(self, prompt: torch.Tensor, *rest: Any) -> Any:
        self.prompts.append(prompt)
        return self.policy.replay(prompt, *rest)

    def kinds(self, world: Any) -> list[int]:
        """The kinds asked for, by their prompts."""
        prompts, _ = world.prompt(world.greedy_tasks())
        kind = {tuple(row): number for number, row in enumerate(prompts.tolist())}
        return [kind[tuple(row)] for block in self.prompts for row in block.tolist()]


TOLD = ["LOAD a ADD b", "LOAD a SUB b SUB c", "LOAD b ADD a ADD c", "LOAD a MUL b MUL c", "LOAD a ADD b MUL c ADD d"]


def filled(world: Any, **settings: Any) -> Hindsight:
    """A store that knows a few classes, one of them with two programs."""
    store = store_for(world, **settings)
    for program in [*TOLD, "LOAD c ADD a ADD b"]:
        tell(world, store, "((a+b)+c)+d", program)
    return store


def known_kinds(world: Any, store: Hindsight) -> set[int]:
    return {kind for kind, number in enumerate(world.kinds.classes) if int(store.length[number]) < UNKNOWN}


def log_likelihood(world: Any, policy: Any, kind: int, program: str) -> float:
    """Of one program under one prompt, token by token over the whole vocabulary."""
    rows = world.greedy_tasks()[torch.tensor([kind])]
    total, (output, memory) = 0.0, policy.begin(*world.prompt(rows), world.stage(rows))
    for token in world.vocabulary.ids(program.split()):
        total += float(torch.log_softmax(output.logits[0].double(), -1)[token])
        output, memory = policy.step(torch.tensor([token]), memory)
    return total


def test_only_known_kinds_are_asked_for(world: Any) -> None:
    store, watched = filled(world, rows=256), Watched(small_policy("gru", world))
    known = known_kinds(world, store)
    assert 6 < len(known) < 30
    for seed in range(4):
        store.loss(watched, seeded(seed))
    assert set(watched.kinds(world)) == known, "In a thousand draws, all known kinds and no other."


def test_the_loss_is_its_formula(world: Any) -> None:
    """One tie: the mean negative log-likelihood of a token, over the programs of the kinds that were drawn."""
    store, policy = filled(world, ties=1, weight=0.5), small_policy("gru", world)
    watched = Watched(policy)
    before = store.surprise.clone()
    with torch.no_grad():
        loss, metrics = store.loss(watched, seeded(0))
        drawn = watched.kinds(world)
        programs = [stored(world, store, world.kinds.names[kind])[0] for kind in drawn]
        surprise = [-log_likelihood(world, policy, *pair) for pair in zip(drawn, programs, strict=True)]
    expected = sum(surprise) / sum(len(program.split()) for program in programs)
    assert float(loss) == pytest.approx(0.5 * expected, abs=1e-4)
    assert float(metrics["imitation"]) == pytest.approx(expected, abs=1e-4), "The metric has no weight in it."
    now = dict(zip(drawn, surprise, strict=True))
    for kind in range(len(world.kinds)):
        told = now.get(kind, float(before[kind]))
        assert float(store.surprise[kind]) == pytest.approx(told, abs=1e-3), (
            f"The surprise of {world.kinds.names[kind]}."
        )


def test_ties_share_their_likelihood(world: Any) -> None:
    """Several ties: the likelihood of writing any of them."""
    store, policy = filled(world, rows=64, ties=2), small_policy("gru", world)
    watched = Watched(policy)
    with torch.no_grad():
        loss, _ = store.loss(watched, seeded(0))
        total, tokens = 0.0, 0
        for kind in watched.kinds(world):
            programs = stored(world, store, world.kinds.names[kind])
            each = torch.tensor([log_likelihood(world, policy, kind, program) for program in programs])
            total -= float(torch.logsumexp(each, 0))
            tokens += len(programs[0].split())
    assert {len(stored(world, store, name)) for name in ("a-(b+c)", "a+(b+c)")} == {1, 2}
    assert float(loss) == pytest.approx(total / tokens, abs=1e-4)


def test_surprise_is_updated_for_drawn_kinds_only(world: Any) -> None:
    store, watched = filled(world, rows=4, ties=2), Watched(small_policy("gru", world))
    before = store.surprise.clone()
    store.loss(watched, seeded(0))
    drawn = set(watched.kinds(world))
    assert 0 < len(drawn) < len(known_kinds(world, store)), "Some were drawn and some were not."
    changed = {kind for kind, (one, two) in enumerate(zip(before, store.surprise, strict=True)) if one != two}
    assert changed == drawn
    assert not store.surprise.requires_grad


def test_what_surprises_comes_first(world: Any) -> None:
    store, watched = filled(world, rows=512), Watched(small_policy("gru", world))
    kind = world.kinds.names.index("a-(b+c)")
    store.surprise = torch.zeros_like(store.surprise)
    store.surprise[kind] = 50.0
    store.loss(watched, seeded(0))
    drawn = watched.kinds(world)
    assert drawn.count(kind) > 0.85 * len(drawn), "It has more than 9 parts in 10 of the weight."
    assert set(drawn) != {kind}, "What does not surprise at all comes now and then."


def test_a_kind_without_program_is_never_asked_for_however_surprising(world: Any) -> None:
    store, watched = filled(world, rows=512), Watched(small_policy("gru", world))
    unknown = sorted(set(range(len(world.kinds))) - known_kinds(world, store))
    store.surprise[unknown] = 1e4
    store.loss(watched, seeded(0))
    assert not set(watched.kinds(world)) & set(unknown)


def test_an_empty_store_teaches_nothing(world: Any) -> None:
    policy = small_policy("gru", world)
    loss, metrics = store_for(world).loss(policy, seeded(0))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert {name: float(value) for name, value in metrics.items()} == dict.fromkeys(metrics, 0.0)
    assert not any(bool(p.grad.any()) for p in policy.parameters() if p.grad is not None)


def test_an_empty_store_leaves_surprise_alone(world: Any) -> None:
    store = store_for(world)
    before = store.surprise.clone()
    store.loss(small_policy("gru", world), seeded(0))
    assert torch.equal(store.surprise, before)


@pytest.mark.parametrize("policy_id", ["gru", "lstm", "transformer"])
def test_gradients_reach_the_policy(policy_id: str, world: Any) -> None:
    store, policy = filled(world, ties=2), small_policy(policy_id, world)
    loss, metrics = store.loss(policy, seeded(0))
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
    store, policy = store_for(world, rows=12, ties=2), small_policy("gru", world, width=32)
    for program in ("LOAD a ADD b", "LOAD b ADD a", "LOAD a SUB b", "LOAD a MUL b"):
        tell(world, store, "a-b", program)
    optimiser, generator = torch.optim.Adam(policy.parameters(), lr=0.02), seeded(0)
    for _ in range(90):
        optimiser.zero_grad()
        store.loss(policy, generator)[0].backward()
        optimiser.step()
    rollout = collect(world, policy, world.greedy_tasks())
    missed = [name for name, right in zip(world.kinds.names, rollout.success.tolist(), strict=True) if not right]
    assert not missed, f"Imitated but not solved: {missed}."


def test_the_global_generator_is_left_alone(world: Any) -> None:
    """One seed, one loss, whatever the global generator does; and it is not advanced."""
    policy, told = small_policy("gru", world), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        store = filled(world, ties=2)
        for tokens, achieved in blocks(world, 2, rows=32):
            store.observe(tokens, achieved)
        told.append(float(store.loss(policy, seeded(0))[0].detach()))
        assert torch.equal(torch.get_rng_state(), before), "Hindsight draws from the global generator."
    assert told[0] == told[1]


def test_a_training_reports_what_is_stored() -> None:
    """In the loop: the store is fed before its first loss, and hindsight turned off leaves no trace."""
    small: dict[str, Any] = {"world": {"max_operators": 2}, "policy": {"width": 8}}
    tiny = {"episodes": 16, "max_updates": 2}
    for rows in (8, 0):
        hindsight = {"rows": rows, "babble": 64}
        *_, last = inwit.updates("calculator", hindsight=hindsight, training=tiny, **small)
        summary = last.summary()
        assert ("imitation" in summary) is bool(rows)
        if rows:
            assert 0 < summary["known"] <= 1
            assert summary["stored_steps"] >= 5, "The shortest program of all has five tokens."
    assert calculator_agent().config.hindsight.rows > 0, "The recipe has hindsight on."
