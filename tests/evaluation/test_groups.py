"""Exact evaluation of expressions against playing every program by hand."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import torch

import inwit
from calculating import LETTERS, NUMBERS, PRIME, WORLD, calculator_agent, class_at, holds, letters_of, writing
from inwit.commands.show import evaluation_table, groups_table
from inwit.core.contracts import Agent
from inwit.evaluation.exact import solves_all
from inwit.evaluation.groups import GroupEvaluation, evaluate_expressions
from inwit.worlds.oracle.shortest import ShortestProgram, shortest_table
from scripts import greedy_program

FIXED = ["LOAD", "a", "ADD", "b", "MUL", "c", "ANS"]


def best_programs(max_operators: int = 3, num_slots: int = 1) -> dict[str, list[str]]:
    table = shortest_table(max_operators, num_slots)
    return {name: best.program or [] for name, best in table.items()}


@pytest.fixture(scope="module")
def oracle() -> Agent:
    """It writes the shortest program for every expression."""
    return writing(best_programs())


@pytest.fixture(scope="module")
def evaluated(oracle: Agent) -> GroupEvaluation:
    return evaluate_expressions(oracle)


@pytest.fixture(scope="module")
def stubborn() -> Agent:
    """It writes (a+b)*c, whatever is asked for."""
    return writing(dict.fromkeys(best_programs(), FIXED))


@pytest.fixture(scope="module")
def of_the_stubborn(stubborn: Agent) -> GroupEvaluation:
    return evaluate_expressions(stubborn)


def test_the_oracle_solves_everything_at_its_own_length(oracle: Agent, evaluated: GroupEvaluation) -> None:
    assert solves_all(oracle)
    assert (evaluated.solved, evaluated.problems) == (156, 156)
    assert evaluated.tokens_over_shortest == pytest.approx(1.0, abs=1e-6)
    assert evaluated.unsolved == []
    assert evaluated.world == WORLD
    for group in evaluated.groups:
        assert group.identity_solved == group.expressions == group.proven
        assert group.value_success == 1.0, f"Right for all inputs, but not on the digits drawn: {group}."
        assert group.mean_tokens == pytest.approx(group.shortest_tokens, abs=1e-6)


def test_the_oracle_is_as_short_as_itself_exactly(evaluated: GroupEvaluation) -> None:
    assert evaluated.tokens_over_shortest == 1.0


def test_groups_are_by_operators_and_slots_needed(evaluated: GroupEvaluation) -> None:
    """150 expressions need the accumulator alone, six need a slot."""
    keys = [(group.operators, group.slots_needed, group.expressions) for group in evaluated.groups]
    assert keys == [(1, 0, 3), (2, 0, 18), (3, 0, 129), (3, 1, 6)]


def test_lengths_are_means_over_what_is_solved(oracle: Agent) -> None:
    """One program made longer by a needless load, and one made wrong."""
    programs = best_programs(2)
    programs["a*b"] = [*["LOAD", "b"], *programs["a*b"]]
    programs["a-b"] = programs["a+b"]
    evaluation = evaluate_expressions(writing(programs, max_operators=2))
    first, second = evaluation.groups
    assert (first.identity_solved, first.mean_tokens, first.shortest_tokens) == (2, 6.0, 5.0)
    assert second.identity_solved == 18
    assert second.mean_tokens == pytest.approx(second.shortest_tokens, abs=1e-6)
    assert evaluation.unsolved == ["a-b"]
    lengths = [len(program) for name, program in programs.items() if name != "a-b"]
    assert evaluation.tokens_over_shortest == pytest.approx(sum(lengths) / (sum(lengths) - 2))


def computes(program: list[str], expression: str) -> bool:
    """As polynomials: the value after the last call, at the big numbers."""
    goal = eval(expression, {}, dict(zip(LETTERS, NUMBERS, strict=True))) % PRIME
    return program[-1] == "ANS" and holds(program, expression, 1)[-2] == goal


@pytest.mark.parametrize(
    ("which", "max_operators"),
    [("stubborn", 3), ("untrained", 2), pytest.param("untrained", 3, marks=pytest.mark.slow)],
)
def test_against_playing_one_by_one(which: str, max_operators: int, stubborn: Agent) -> None:
    """Who solves what, and in how many tokens, as scalar episodes and exact arithmetic tell."""
    agent = stubborn if which == "stubborn" else calculator_agent(world={"max_operators": max_operators})
    evaluation = evaluate_expressions(agent)
    table = shortest_table(max_operators, 1)
    told: dict[tuple[int, int | None], list[tuple[bool, int, ShortestProgram]]] = {}
    unsolved = []
    for name, stage in zip(agent.world.kinds.names, agent.world.kinds.stages, strict=True):
        task = {"expression": name, "operands": [3, 5, 2, 7][: stage + 1]}
        with torch.no_grad():
            episode = inwit.play(WORLD, task, greedy_program(agent, task))
        assert episode.identity_success is computes(episode.actions, name), (name, episode.actions)
        best = table[name]
        told.setdefault((stage, best.slots_needed), []).append((episode.identity_success, episode.steps, best))
        unsolved += [] if episode.identity_success else [name]
    assert evaluation.unsolved == unsolved
    for group in evaluation.groups:
        rows = told[group.operators, group.slots_needed]
        solved = [row for row in rows if row[0]]
        assert (group.expressions, group.identity_solved) == (len(rows), len(solved))
        assert group.proven == sum(best.proven for *_, best in rows)
        if solved:
            assert group.mean_tokens == pytest.approx(sum(steps for _, steps, _ in solved) / len(solved))
            assert group.shortest_tokens == pytest.approx(sum(best.length or 0 for *_, best in solved) / len(solved))
        else:
            assert (group.mean_tokens, group.shortest_tokens) == (None, None)
    assert len(told) == len(evaluation.groups)


def test_one_program_solves_one_class(of_the_stubborn: GroupEvaluation, stubborn: Agent) -> None:
    right = [name for name in stubborn.world.kinds.names if name not in of_the_stubborn.unsolved]
    assert right == ["(a+b)*c"]
    assert of_the_stubborn.solved == 1
    assert of_the_stubborn.tokens_over_shortest == 1.0


def test_value_success_is_the_share_of_digits(of_the_stubborn: GroupEvaluation, stubborn: Agent) -> None:
    """Luck: the share of all digits on which (a+b)*c is right, counted one by one; sampled with 100 rows each."""
    names: list[str] = [name for name in stubborn.world.kinds.names if len(letters_of(name)) == 3]
    digits = [(a, b, c) for a in range(10) for b in range(10) for c in range(10)]
    shares = []
    for name in names:
        code = compile(name, name, "eval")
        shares.append(
            sum(eval(code, {}, dict(zip("abc", d, strict=True))) == (d[0] + d[1]) * d[2] for d in digits) / 1000
        )
    group = of_the_stubborn.groups[1]
    assert group.expressions == len(names) == 18
    exact = sum(shares) / len(shares)
    spread = (sum(share * (1 - share) for share in shares) / 100) ** 0.5 / len(shares)
    assert exact > 1 / 18, "There is luck in it."
    assert abs(group.value_success - exact) < 5 * spread, f"Sampled {group.value_success}, exact {exact}."


def test_yardsticks(of_the_stubborn: GroupEvaluation, evaluated: GroupEvaluation, stubborn: Agent) -> None:
    """What random programs and the best constant program do has nothing to do with the agent."""
    table, kinds = shortest_table(3, 1), stubborn.world.kinds
    number = {name: number for number, name in enumerate(sorted(set(class_at(stubborn.world).values())))}
    assert len(number) == len(set(kinds.classes))
    for one, two in zip(of_the_stubborn.groups, evaluated.groups, strict=True):
        assert (one.random_success, one.shortcut_success, one.proven) == (
            two.random_success,
            two.shortcut_success,
            two.proven,
        )
        key = (one.operators, one.slots_needed)
        members = [
            kinds.classes[kind]
            for kind, name in enumerate(kinds.names)
            if (kinds.stages[kind], table[name].slots_needed) == key
        ]
        assert one.shortcut_success == max(Counter(members).values()) / len(members)
        assert one.random_success <= one.shortcut_success
    first = evaluated.groups[0]
    assert 0.005 < first.random_success < 0.05, "LOAD, operand, verb, operand, ANS: about one in sixty."


@pytest.mark.parametrize("seed", [0, 1])
def test_counts_add_up(seed: int) -> None:
    evaluation = evaluate_expressions(calculator_agent(seed=seed, world={"max_operators": 2, "num_slots": 0}))
    assert evaluation.problems == sum(group.expressions for group in evaluation.groups) == 21
    assert evaluation.solved == sum(group.identity_solved for group in evaluation.groups)
    assert evaluation.problems - evaluation.solved == len(evaluation.unsolved)
    for group in evaluation.groups:
        assert 0 <= group.identity_solved <= group.expressions
        assert 0 <= group.proven <= group.expressions
        assert group.identity_solved / group.expressions <= group.value_success <= 1


def test_nothing_solved_has_no_lengths() -> None:
    evaluation = evaluate_expressions(
        writing({name: ["LOAD", "a", "ANS"] for name in best_programs(2)}, max_operators=2)
    )
    assert evaluation.solved == 0
    assert evaluation.tokens_over_shortest is None
    assert all(group.mean_tokens is None and group.shortest_tokens is None for group in evaluation.groups)
    assert all(group.value_success > 0 for group in evaluation.groups), "a is a*b where b is 1, and so on."
    plain(evaluation)


def test_programs_that_never_answer_are_right_about_nothing() -> None:
    programs = dict.fromkeys(best_programs(2), ["LOAD", "a"] * 9)
    evaluation = evaluate_expressions(writing(programs, max_operators=2))
    assert evaluation.solved == 0
    assert [group.value_success for group in evaluation.groups] == [0.0, 0.0]


def test_larger_expressions_only() -> None:
    programs = {name: program for name, program in best_programs(2).items() if len(letters_of(name)) == 3}
    evaluation = evaluate_expressions(writing(programs, min_operators=2, max_operators=2))
    assert (evaluation.solved, evaluation.problems, len(evaluation.groups)) == (18, 18, 1)


def test_value_success_with_any_letters() -> None:
    """Solved for all inputs is right on whatever digits are drawn."""
    evaluation = evaluate_expressions(writing(best_programs(2), max_operators=2, names="any", letters=5))
    assert evaluation.solved == 21
    assert [group.value_success for group in evaluation.groups] == [1.0, 1.0]


def test_six_expressions_that_no_program_solves_have_no_shortcut() -> None:
    """Without a slot they have no program at all, a constant one no more than another."""
    programs = dict.fromkeys(best_programs(), FIXED)
    told = {
        (each.operators, each.slots_needed): each
        for each in evaluate_expressions(writing(programs, num_slots=0)).groups
    }
    assert told[3, 1].expressions == 6
    assert told[3, 1].shortcut_success == 0.0
    assert told[3, 0].shortcut_success > 0


def test_what_was_not_searched_does_not_count_against_the_shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expressions larger than the search goes, here those of two operators, have no length to be held against."""
    monkeypatch.setattr("inwit.evaluation.groups.SEARCHED", 1)
    programs = best_programs(2)
    programs["a*b"] = [*["LOAD", "b"], *programs["a*b"]]
    evaluation = evaluate_expressions(writing(programs, max_operators=2))
    assert evaluation.solved == 21
    assert [group.slots_needed for group in evaluation.groups] == [0, None]
    assert evaluation.tokens_over_shortest == (5 + 5 + 7) / 15


@pytest.mark.parametrize("split", ["classes", "text", "longest"])
def test_a_split_is_told_apart_and_so_is_its_leak(split: str, capsys: Any) -> None:
    """Held-out expressions, and how many of them equal a trained one as polynomials, counted at the big numbers."""
    from inwit.commands.show import console

    agent = writing(best_programs(), split=split)
    evaluation = evaluate_expressions(agent)
    told = evaluation.split
    names, held_out = agent.world.kinds.names, agent.world.kinds.held_out
    point = dict(zip(LETTERS, NUMBERS, strict=True))
    value = [eval(name, {}, point) % PRIME for name in names]
    trained = {value[kind] for kind in range(len(names)) if kind not in held_out}
    twins = sum(value[kind] in trained for kind in held_out)
    assert told["name"] == split
    assert told["held_out"] == {"3": [len(held_out)] * 2}
    rest = 135 - len(held_out)
    assert told["trained"] == {"1": [3, 3], "2": [18, 18]} | ({"3": [rest] * 2} if rest else {})
    assert bool(rest) is (split != "longest")
    assert told["held_out_twins"] == twins
    assert (twins > 0) is (split == "text")
    console().print(groups_table(evaluation))
    text = capsys.readouterr().out
    assert f"{len(held_out)} of {len(held_out)} held out" in text
    assert f"{twins} of {len(held_out)}" in text
    assert ("this split leaks" in text) is (split == "text")


def plain(evaluation: GroupEvaluation) -> dict[str, Any]:
    return json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))


def test_plain_data(evaluated: GroupEvaluation, of_the_stubborn: GroupEvaluation) -> None:
    for evaluation in (evaluated, of_the_stubborn):
        values = plain(evaluation)
        assert values["world"] == WORLD
        assert values["tokens_over_shortest"] == evaluation.tokens_over_shortest
        assert values["unsolved"] == evaluation.unsolved
        assert values["known_limit"] == evaluation.known_limit
        assert [group["identity_solved"] for group in values["groups"]] == [
            group.identity_solved for group in evaluation.groups
        ]
        assert {"operators", "slots_needed", "expressions", "value_success", "shortcut_success"} <= set(
            values["groups"][0]
        )


def test_evaluating_draws_nothing_from_the_global_generator() -> None:
    stubborn = writing(dict.fromkeys(best_programs(2), FIXED), max_operators=2)
    torch.manual_seed(3)
    before, one = torch.get_rng_state(), evaluate_expressions(stubborn)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert evaluate_expressions(stubborn) == one, "Evaluating twice gives two results."


def test_evaluate_and_its_table_know_groups(oracle: Agent, evaluated: GroupEvaluation, capsys: Any) -> None:
    from inwit.commands.show import console

    assert inwit.evaluate(oracle) == evaluated
    for table in (evaluation_table(evaluated), groups_table(evaluated)):
        console().print(table)
        text = capsys.readouterr().out
        assert "solved 156 of 156 expressions" in text
        assert "mean tokens over proven shortest: 1.0000" in text
        assert "not solved" not in text
        assert evaluated.known_limit in text
        for group in evaluated.groups:
            row = f"{group.operators} {group.slots_needed} {group.expressions} {group.identity_solved} 100.0 %"
            assert row in " ".join(text.split()), f"{row!r} is no line of the table."


def test_the_table_names_what_is_not_solved(of_the_stubborn: GroupEvaluation, capsys: Any) -> None:
    from inwit.commands.show import console

    console().print(groups_table(of_the_stubborn))
    text = capsys.readouterr().out
    assert "solved 1 of 156 expressions" in text
    assert "not solved: a+b  a-b  a*b  a+(b+c)" in text
    assert "..." in text
    assert "none" in text, "A group without solved expressions has no lengths."
