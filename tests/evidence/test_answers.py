"""Claims about agents in a world that answers: scripted agents of known truth get the right verdicts."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from jaxtyping import Int
from torch import Tensor

import inwit
from inwit.core.claims import CLAIMS, NOT_TESTABLE, REFUTED, SHOWN
from inwit.core.contracts import Agent
from inwit.core.seeding import stream
from inwit.core.types import Output
from inwit.evaluation.expanding import expand
from inwit.evidence import exchanges as module
from inwit.evidence.advised import Advised
from inwit.evidence.answers import looks_ahead, remembers, replans, thinks
from inwit.evidence.battery import examine
from inwit.evidence.exchanges import Exchanges, exchanges
from inwit.evidence.outcomes import NOT_TOLD, follow
from inwit.evidence.reciting import Reciter
from inwit.evidence.subject import Subject
from inwit.rollout.collect import collect
from support import small_policy
from worlds_from_outside import Echo

QUERIES = ("TUx", "Tx?y:z", "Tx*Uy")
FAILING = {"fail": 0.5, "broken": 0.25, "sure_price": 0.1, "max_steps": 7}


def lookup(**settings: Any) -> Any:
    return inwit.make("lookup-v0", **{"num_values": 3, "num_tools": 1, "queries": QUERIES, **settings})


def undrawn(world: Any) -> Any:
    return world.all_tasks(list(range(len(world.kinds))))


def drawn(world: Any) -> Any:
    """The hidden worlds in which agents are examined."""
    return world.draw(undrawn(world), stream(0, "evidence answers"))


@cache
def small_world() -> Any:
    return lookup()


@cache
def advised(world: Any) -> Advised:
    """It keeps what it has looked up."""
    return Advised(world, undrawn(world))


def reciter(world: Any) -> Reciter:
    """It has learnt by heart what the best agent wrote in the very worlds of the examination."""
    return Reciter(world, undrawn(world), collect(world, advised(world), drawn(world)).tokens)


class Copyist(Reciter):
    """Recites all calls, and answers with what it heard last, where that was the answer in the episode that it knows.
    Its memory holds what the last token tells, and nothing of an earlier one."""

    def __init__(self, world: Any) -> None:
        own = collect(world, advised(world), drawn(world))
        super().__init__(world, undrawn(world), own.tokens)
        columns = torch.arange(own.tokens.shape[1])
        self.final = own.live.sum(1) - 1
        self.answers = own.live & ~own.chosen
        last = torch.where(self.answers, columns, -1).amax(1)
        rows = torch.arange(len(last))
        self.copies = (last >= 0) & (own.tokens[rows, last.clamp_min(0)] == own.tokens[rows, self.final])

    def begin(self, *prompt: torch.Tensor) -> Any:
        row = self.prompts.find(*prompt[:2])
        memory = {"row": row, "place": torch.zeros_like(row), "heard": torch.zeros_like(row)}
        return self.read(memory), memory

    def step(self, token: torch.Tensor, memory: dict[str, torch.Tensor]) -> Any:
        place = memory["place"].clamp(max=self.answers.shape[1] - 1)
        heard = torch.where(self.answers[memory["row"], place], token, memory["heard"])
        return super().step(token, memory | {"heard": heard})

    def read(self, memory: dict[str, torch.Tensor]) -> Any:
        output, row = super().read(memory), memory["row"]
        copied = torch.nn.functional.one_hot(memory["heard"], self.size) * 9.0
        copies = self.copies[row] & (memory["place"] == self.final[row])
        return Output(torch.where(copies[:, None], copied, output.logits), output.value)


def subject(world: Any, policy: Any) -> Subject:
    return Subject(Agent(world, policy))


def test_the_best_agent_re_plans_and_remembers() -> None:
    world = small_world()
    examined = subject(world, advised(world))
    for found in (replans(examined), remembers(examined)):
        assert found.verdict == SHOWN, found.why
        assert all(each.statistic == 1 for each in found.measures)
        for each in found.measures:
            reciters = each.controls["reciter"].value
            assert reciters is not None
            assert reciters < 0.5
            assert each.controls["expert"].value == pytest.approx(1.0)


def test_a_reciter_does_neither() -> None:
    world = small_world()
    assert bool(collect(world, reciter(world), drawn(world)).success.all()), "It does not even know its own episodes."
    examined = subject(world, reciter(world))
    assert [claim(examined).verdict for claim in (replans, remembers)] == [REFUTED, REFUTED]


def test_who_reacts_to_the_last_answer_alone_does_not_remember() -> None:
    world = small_world()
    assert bool(collect(world, Copyist(world), drawn(world)).success.all())
    examined = subject(world, Copyist(world))
    assert [claim(examined).verdict for claim in (replans, remembers)] == [REFUTED, REFUTED]


@pytest.mark.parametrize("policy_id", ["gru", "memoryless"])
def test_of_an_untrained_agent_nothing_is_testable(policy_id: str) -> None:
    world = small_world()
    judged = examine(Agent(world, small_policy(policy_id, world)))
    assert {claim.claim: claim.verdict for claim in judged.claims} == dict.fromkeys(CLAIMS, NOT_TESTABLE)
    assert all(claim.why for claim in judged.claims)


def test_what_answers_without_drawing_is_not_testable() -> None:
    world: Any = Echo(Echo.Settings())
    judged = examine(Agent(world, small_policy("gru", world)), only=["re-plans", "remembers"])
    assert [claim.why for claim in judged.claims] == [
        "the world tutorial-echo does not say what else it might have answered"
    ] * 2


def test_the_other_claims_say_why_they_are_not_testable() -> None:
    world = small_world()
    for claim in (looks_ahead, thinks):
        assert claim(subject(world, advised(world))).verdict == NOT_TESTABLE


@pytest.mark.parametrize("settings", [{}, FAILING, {"masks": False}])
def test_following_is_the_exact_evaluation(settings: dict[str, Any]) -> None:
    """Nothing told: the same success as the other implementation, query by query, and nothing lost."""
    world = lookup(**settings)
    tasks, policy = undrawn(world), small_policy("gru", world, seed=3)
    ends = follow(world, policy, tasks, torch.full((len(tasks), 1), NOT_TOLD))
    none = torch.zeros(len(tasks), dtype=torch.float64)
    assert torch.allclose(none.index_add(0, ends.origin, ends.weight), none + 1, atol=1e-12)
    expected = expand(world, policy, tasks)
    assert not bool(expected.unexpanded.any())
    found = none.index_add(0, ends.origin, ends.weight * ends.success)
    assert torch.allclose(found, expected.success, atol=1e-12)


def by_brute_force(world: Any, found: Exchanges, policy: Any, which: int) -> float:
    """How often a policy is right in all hidden tables in which it is told what the exchange says: of one tool."""
    row, at = int(found.row[which]), int(found.at[which])
    tables = torch.cartesian_prod(*[torch.arange(3)] * 3).to(torch.int8)
    tasks = found.tasks[torch.full((len(tables),), row)]
    table = tasks.data["table"].clone()
    table[:, :3], table[:, 3:] = tables, 0
    hidden = world.draw(type(tasks)(tasks.kind, tasks.data | {"table": table}), torch.Generator())
    rollout = collect(world, policy, hidden)
    told = found.own.tokens[row].clone()
    told[at] = found.told[which]
    answers = (found.own.live & ~found.own.chosen)[row, : at + 1].nonzero()[:, 0]
    agrees = (rollout.tokens[:, answers] == told[answers]).all(1)
    return float(rollout.success[agrees].double().mean())


def test_against_all_hidden_tables() -> None:
    world = lookup(queries=("TUx", "Tx?y:z"))
    found = exchanges(world, advised(world))
    for policy in (found.policy, found.reciter):
        right = found.right_of(found.followed(policy))
        for which in range(0, len(found), 3):
            assert float(right[which]) == pytest.approx(by_brute_force(world, found, policy, which), abs=1e-12)
    assert 0 < float(right.mean()) < 1


def of_query(found: Exchanges, text: str) -> Int[Tensor, " E"]:
    queries = [query.text for query in found.world.queries(found.tasks)]  # type: ignore[attr-defined]
    return (found.row == queries.index(text)).nonzero()[:, 0]


def test_which_exchanges_matter_and_which_ask_for_other_calls() -> None:
    world = lookup(queries=("Tx?Uy:Vz",))
    found = exchanges(world, advised(world))
    first = int(world.settings.first_value)
    seen = set()
    for which in of_query(found, "F 0 ? F 1 : F 2").tolist():
        own = int(found.own.tokens[found.row[which], found.at[which]]) - first
        other = int(found.told[which]) - first
        if (
            int(found.at[which]) == 2
        ):  # the condition's answer: another parity asks for another call, and the same for none
            seen.add(own % 2 == other % 2)
            assert bool(found.due[which]) == bool(found.moved[which]) == (own % 2 != other % 2)
            assert bool(found.held[which]) == (own % 2 == other % 2)
        else:  # the branch's answer is the value
            assert bool(found.moved[which])
            assert not bool(found.due[which])
            assert not bool(found.held[which])
    assert seen == {True, False}


def test_an_answer_is_held_where_another_is_asked_for_meanwhile() -> None:
    world = small_world()
    found = exchanges(world, advised(world))
    held, moved = found.held.nonzero()[:, 0], found.moved
    assert {world.kinds.names[kind] for kind in found.tasks.kind[found.row[held]].tolist()} == {"Tx*Uy"}
    assert bool(moved[held].all())
    assert set(found.at[held].tolist()) == {2}, "It is the first answer of two."


def test_no_figure_depends_on_how_many_are_followed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small_world()
    policy = reciter(world)
    whole = exchanges(world, policy)
    monkeypatch.setattr(module, "ROWS", 17)
    parts = exchanges(world, policy)
    assert torch.equal(whole.right, parts.right)
    assert torch.equal(whole.held, parts.held)
    assert torch.equal(whole.due, parts.due)


def test_more_exchanges_than_can_be_followed_are_thinned_out_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    world = small_world()
    every = exchanges(world, advised(world))
    monkeypatch.setattr(module, "MOST", 10)
    some = exchanges(world, advised(world))
    assert some.row.tolist() == every.row[torch.arange(10) * len(every) // 10].tolist()


def test_under_failing_tools_an_error_is_an_exchange_too() -> None:
    world = lookup(queries=("Tx",), **FAILING)
    found = exchanges(world, advised(world))
    assert world.vocabulary.id("ERR") in found.told.tolist()
    assert bool((found.right > 0.9).all())
