"""The calculator's exam against playing every program by hand."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import torch

import inwit
from calculating import LETTERS, NUMBERS, PRIME, WORLD, calculator_agent, class_at, holds, letters_of, writing
from inwit.core.contracts import Agent
from inwit.core.results import AT_LEAST, EXACT, NONE, ConstantSet, Evaluation
from inwit.evaluation.exact import evaluate, solves_all
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
def evaluated(oracle: Agent) -> Evaluation:
    return evaluate(oracle)


@pytest.fixture(scope="module")
def stubborn() -> Agent:
    """It writes (a+b)*c, whatever is asked for."""
    return writing(dict.fromkeys(best_programs(), FIXED))


@pytest.fixture(scope="module")
def of_the_stubborn(stubborn: Agent) -> Evaluation:
    return evaluate(stubborn)


def test_the_oracle_solves_everything_at_its_own_length(oracle: Agent, evaluated: Evaluation) -> None:
    assert solves_all(oracle)
    assert (evaluated.solved, evaluated.problems) == (156, 156)
    assert evaluated.cost_over_best == pytest.approx(1.0, abs=1e-6)
    assert evaluated.unsolved == []
    assert evaluated.world == WORLD
    for group in evaluated.rows:
        assert group.solved == group.problems == group.extra["optimum_proven"]
        assert group.extra["value_success"] == 1.0, f"Right for all inputs, but not on the digits drawn: {group}."
        assert group.cost == pytest.approx(group.best_cost, abs=1e-6)


def test_the_oracle_is_as_short_as_itself_exactly(evaluated: Evaluation) -> None:
    assert evaluated.cost_over_best == 1.0


def test_groups_are_by_operators_and_slots_needed(evaluated: Evaluation) -> None:
    """150 expressions need the accumulator alone, six need a slot."""
    keys = [(group.stage, group.labels["slots"], group.problems) for group in evaluated.rows]
    assert keys == [(1, 0, 3), (2, 0, 18), (3, 0, 129), (3, 1, 6)]


def test_lengths_are_means_over_what_is_solved(oracle: Agent) -> None:
    """One program made longer by a needless load, and one made wrong."""
    programs = best_programs(2)
    programs["a*b"] = [*["LOAD", "b"], *programs["a*b"]]
    programs["a-b"] = programs["a+b"]
    evaluation = evaluate(writing(programs, max_operators=2))
    first, second = evaluation.rows
    assert (first.solved, first.cost, first.best_cost) == (2, 6.0, 5.0)
    assert second.solved == 18
    assert second.cost == pytest.approx(second.best_cost, abs=1e-6)
    assert evaluation.unsolved == ["a-b"]
    lengths = [len(program) for name, program in programs.items() if name != "a-b"]
    assert evaluation.cost_over_best == pytest.approx(sum(lengths) / (sum(lengths) - 2))


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
    evaluation = evaluate(agent)
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
    for group in evaluation.rows:
        rows = told[group.stage, group.labels["slots"]]
        solved = [row for row in rows if row[0]]
        assert (group.problems, group.solved) == (len(rows), len(solved))
        assert group.extra["optimum_proven"] == sum(best.proven for *_, best in rows)
        if solved:
            assert group.cost == pytest.approx(sum(steps for _, steps, _ in solved) / len(solved))
            assert group.best_cost == pytest.approx(sum(best.length or 0 for *_, best in solved) / len(solved))
        else:
            assert group.cost is None
            assert group.best_cost == pytest.approx(sum(best.length or 0 for *_, best in rows) / len(rows))
    assert len(told) == len(evaluation.rows)


def test_one_program_solves_one_class(of_the_stubborn: Evaluation, stubborn: Agent) -> None:
    right = [name for name in stubborn.world.kinds.names if name not in of_the_stubborn.unsolved]
    assert right == ["(a+b)*c"]
    assert of_the_stubborn.solved == 1
    assert of_the_stubborn.cost_over_best == 1.0


def test_value_success_is_the_share_of_digits(of_the_stubborn: Evaluation, stubborn: Agent) -> None:
    """Luck: the share of all digits on which (a+b)*c is right, counted one by one; sampled with 100 rows each."""
    names: list[str] = [name for name in stubborn.world.kinds.names if len(letters_of(name)) == 3]
    digits = [(a, b, c) for a in range(10) for b in range(10) for c in range(10)]
    shares = []
    for name in names:
        code = compile(name, name, "eval")
        shares.append(
            sum(eval(code, {}, dict(zip("abc", d, strict=True))) == (d[0] + d[1]) * d[2] for d in digits) / 1000
        )
    group = of_the_stubborn.rows[1]
    assert group.problems == len(names) == 18
    exact = sum(shares) / len(shares)
    spread = (sum(share * (1 - share) for share in shares) / 100) ** 0.5 / len(shares)
    assert exact > 1 / 18, "There is luck in it."
    assert abs(group.extra["value_success"] - exact) < 5 * spread, (
        f"Sampled {group.extra['value_success']}, exact {exact}."
    )


def test_yardsticks(of_the_stubborn: Evaluation, evaluated: Evaluation, stubborn: Agent) -> None:
    """What random programs and the best constant program do has nothing to do with the agent."""
    table, kinds = shortest_table(3, 1), stubborn.world.kinds
    number = {name: number for number, name in enumerate(sorted(set(class_at(stubborn.world).values())))}
    assert len(number) == len(set(kinds.classes))
    for one, two in zip(of_the_stubborn.rows, evaluated.rows, strict=True):
        assert one.yardsticks == two.yardsticks
        key = (one.stage, one.labels["slots"])
        shortcut, random = (one.yardsticks[name] for name in ("shortcut", "random"))
        assert (shortcut.known, random.known) == ("exact", "sampled")
        members = [
            kinds.classes[kind]
            for kind, name in enumerate(kinds.names)
            if (kinds.stages[kind], table[name].slots_needed) == key
        ]
        assert shortcut.success == max(Counter(members).values()) / len(members)
        assert random.success <= shortcut.success
        assert random.interval[0] <= random.success <= random.interval[1]
    first = evaluated.rows[0]
    assert 0.005 < (first.yardsticks["random"].success or 0) < 0.05, (
        "LOAD, operand, verb, operand, ANS: about one in sixty."
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_counts_add_up(seed: int) -> None:
    evaluation = evaluate(calculator_agent(seed=seed, world={"max_operators": 2, "num_slots": 0}))
    assert evaluation.problems == sum(group.problems for group in evaluation.rows) == 21
    assert evaluation.solved == sum(group.solved for group in evaluation.rows)
    assert evaluation.problems - evaluation.solved == len(evaluation.unsolved)
    for group in evaluation.rows:
        assert 0 <= group.solved <= group.problems
        assert 0 <= group.extra["optimum_proven"] <= group.problems
        assert group.solved / group.problems <= group.extra["value_success"] <= 1


def test_nothing_solved_has_no_lengths() -> None:
    evaluation = evaluate(writing({name: ["LOAD", "a", "ANS"] for name in best_programs(2)}, max_operators=2))
    assert evaluation.solved == 0
    assert evaluation.cost_over_best is None
    assert all(group.cost is None and group.best_cost is not None for group in evaluation.rows)
    assert all(group.extra["value_success"] > 0 for group in evaluation.rows), "a is a*b where b is 1, and so on."
    plain(evaluation)


def test_programs_that_never_answer_are_right_about_nothing() -> None:
    programs = dict.fromkeys(best_programs(2), ["LOAD", "a"] * 9)
    evaluation = evaluate(writing(programs, max_operators=2))
    assert evaluation.solved == 0
    assert [group.extra["value_success"] for group in evaluation.rows] == [0.0, 0.0]


def test_larger_expressions_only() -> None:
    programs = {name: program for name, program in best_programs(2).items() if len(letters_of(name)) == 3}
    evaluation = evaluate(writing(programs, min_operators=2, max_operators=2))
    assert (evaluation.solved, evaluation.problems, len(evaluation.rows)) == (18, 18, 1)


def test_value_success_with_any_letters() -> None:
    """Solved for all inputs is right on whatever digits are drawn."""
    evaluation = evaluate(writing(best_programs(2), max_operators=2, names="any", letters=5))
    assert evaluation.solved == 21
    assert [group.extra["value_success"] for group in evaluation.rows] == [1.0, 1.0]


def test_six_expressions_that_no_program_solves_have_no_shortcut() -> None:
    """Without a slot they have no program at all, a constant one no more than another."""
    programs = dict.fromkeys(best_programs(), FIXED)
    told = {(each.stage, each.labels["slots"]): each for each in evaluate(writing(programs, num_slots=0)).rows}
    assert told[3, 1].problems == 6
    assert told[3, 1].yardsticks["shortcut"].success == 0.0
    assert told[3, 0].yardsticks["shortcut"].success > 0


def test_what_was_not_searched_does_not_count_against_the_shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expressions larger than the search goes, here those of two operators, have no length to be held against."""
    monkeypatch.setattr("inwit.worlds.calculator.exam.SEARCHED", 1)
    programs = best_programs(2)
    programs["a*b"] = [*["LOAD", "b"], *programs["a*b"]]
    evaluation = evaluate(writing(programs, max_operators=2))
    assert evaluation.solved == 21
    assert [group.labels["slots"] for group in evaluation.rows] == [0, None]
    assert evaluation.cost_over_best == (5 + 5 + 7) / 15


@pytest.mark.parametrize("split", ["classes", "text", "longest"])
def test_a_split_is_told_apart_and_so_is_its_leak(split: str) -> None:
    """Held-out expressions, and how many of them equal a trained one as polynomials, counted at the big numbers."""
    agent = writing(best_programs(), split=split)
    told = evaluate(agent).split
    names, held_out = agent.world.kinds.names, agent.world.kinds.held_out
    point = dict(zip(LETTERS, NUMBERS, strict=True))
    value = [eval(name, {}, point) % PRIME for name in names]
    trained = {value[kind] for kind in range(len(names)) if kind not in held_out}
    twins = sum(value[kind] in trained for kind in held_out)
    assert told is not None
    assert told.name == split
    assert told.held_out == {"3": (len(held_out),) * 2}
    rest = 135 - len(held_out)
    assert told.trained == {"1": (3, 3), "2": (18, 18)} | ({"3": (rest,) * 2} if rest else {})
    assert bool(rest) is (split != "longest")
    assert told.twins == twins
    assert (twins > 0) is (split == "text")


def test_one_constant_program_for_each_polynomial(evaluated: Evaluation) -> None:
    """As many as the expressions have different values at the big numbers, under each set of letters."""
    point = dict(zip(LETTERS, NUMBERS, strict=True))
    values = {eval(name, {}, point) % PRIME for name in best_programs()}
    assert evaluated.constant_programs == ConstantSet(EXACT, len(values), why="one for each polynomial")
    assert 80 < len(values) < 156
    small = evaluate(writing(best_programs(2), max_operators=2, names="any", letters=4)).constant_programs
    letters = [combinations(LETTERS[:4], count) for count in (2, 3)]
    of_size = [
        {eval(n, {}, point) % PRIME for n in best_programs(2) if len(letters_of(n)) == count} for count in (2, 3)
    ]
    assert small is not None
    assert small.count == sum(len(list(sets)) * len(each) for sets, each in zip(letters, of_size, strict=True))


def test_constant_programs_where_less_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without masks one program may compute one polynomial of each size; in a small budget some have none; of what was
    not searched nobody knows."""
    of_three = len({eval(n, {}, dict(zip(LETTERS, NUMBERS, strict=True))) for n in best_programs(2) if len(n) > 3})
    unmasked = evaluate(writing(best_programs(2), max_operators=2, masks=False)).constant_programs
    assert (unmasked and (unmasked.known, unmasked.count)) == (AT_LEAST, of_three)
    short = evaluate(writing(best_programs(2), max_operators=2, max_steps=6)).constant_programs
    assert short == ConstantSet(NONE, why=f"{of_three} polynomials have no program within the budget")
    monkeypatch.setattr("inwit.worlds.calculator.exam.SEARCHED", 1)
    unknown = evaluate(writing(best_programs(2), max_operators=2)).constant_programs
    assert (unknown and (unknown.known, unknown.count)) == (AT_LEAST, 3 + of_three)


def plain(evaluation: Evaluation) -> dict[str, Any]:
    return json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))


def test_plain_data(evaluated: Evaluation, of_the_stubborn: Evaluation) -> None:
    for evaluation in (evaluated, of_the_stubborn):
        values = plain(evaluation)
        assert (values["world"], values["proven"]) == (WORLD, True)
        assert values["cost_over_best"] == evaluation.cost_over_best
        assert values["unsolved"] == evaluation.unsolved
        assert values["known_limit"] == evaluation.known_limit
        assert [(row["problems"], row["solved"]) for row in values["rows"]] == [
            (row.problems, row.solved) for row in evaluation.rows
        ]
        first = values["rows"][0]
        assert (first["name"], first["labels"]) == ("1 operator, 0 slots", {"operators": 1, "slots": 0})
        assert {"oracle", "shortcut", "random"} == set(first["yardsticks"])


def test_evaluating_draws_nothing_from_the_global_generator() -> None:
    stubborn = writing(dict.fromkeys(best_programs(2), FIXED), max_operators=2)
    torch.manual_seed(3)
    before, one = torch.get_rng_state(), evaluate(stubborn)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert evaluate(stubborn) == one, "Evaluating twice gives two results."


def test_a_solved_expression_is_solved_under_every_set_of_letters() -> None:
    """An agent that is right under a, b, c and wrong under other letters has not solved the expression."""
    programs = best_programs(2)
    agent = writing(programs, max_operators=2, names="any", letters=4)
    assert solves_all(agent)
    assert evaluate(agent).solved == 21
    agent.policy = _WrongUnder(agent.policy, agent.world.vocabulary.id("d"))
    told = evaluate(agent)
    assert not solves_all(agent)
    assert told.proven
    assert told.solved == 0, "Every expression has a set of letters with d in it."
    readings = [(row.extra["value_success"], row.extra["luck"]) for row in told.rows]
    assert readings == [(1.0, 0.0)] * 2, "Right for all inputs under a, b, c: that is no luck."


def test_no_one_program_is_right_under_every_set_of_letters() -> None:
    one_set, several = ({"names": "any", "letters": letters} for letters in (2, 3))
    for settings, share in ((one_set, 1 / 3), (several, 0.0)):
        programs = dict.fromkeys(best_programs(1), best_programs(1)["a+b"])
        [row] = evaluate(writing(programs, max_operators=1, **settings)).rows
        assert row.yardsticks["shortcut"].success == pytest.approx(share)


class _WrongUnder(torch.nn.Module):
    """Writes ANS alone, which is wrong, where a token is in the prompt."""

    def __init__(self, policy: Any, token: int) -> None:
        super().__init__()
        self.policy, self.token = policy, token

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> Any:
        output, memory = self.policy.begin(prompt, mask, stage)
        return output, memory | {"spoilt": (prompt == self.token).any(1)}

    def step(self, token: torch.Tensor, memory: dict[str, torch.Tensor]) -> Any:
        output, after = self.policy.step(token, {name: value for name, value in memory.items() if name != "spoilt"})
        logits = torch.where(memory["spoilt"][:, None], output.logits.roll(1, 1), output.logits)
        return type(output)(logits, output.value), after | {"spoilt": memory["spoilt"]}


def test_too_many_letterings_are_sampled_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inwit.worlds.calculator.exam.LETTERINGS", 42)
    agent = writing(best_programs(2), max_operators=2, names="any", letters=5)
    told = evaluate(agent)
    assert not told.proven
    assert "up to 2 sets of letters" in told.method
    assert [row.interval for row in told.rows] == [(0.0, 1.0)] * len(told.rows), "No row may claim 100 %."
    assert not solves_all(agent), "What was sampled proves nothing."


def test_random_programs_and_digits_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many expressions there are, so many rows at most."""
    monkeypatch.setattr("inwit.worlds.calculator.exam.ROWS", 21 * 10)
    agent = writing(best_programs(2), max_operators=2, num_slots=2)
    rows: list[int] = []
    reset = type(agent.world).reset

    def counted(self: Any, tasks: Any) -> Any:
        rows.append(len(tasks))
        return reset(self, tasks)

    monkeypatch.setattr(type(agent.world), "reset", counted)
    evaluate(agent)
    assert max(rows) == 210
