"""What the page draws of a memory: on memories that are known."""

from __future__ import annotations

import pytest
import torch

import inwit
from coded import coded
from inwit.evidence import pictures, probes
from inwit.evidence.battery import examine
from inwit.evidence.subject import Subject
from inwit.training.config import resolve
from soaking import quiet
from support import untrained


@pytest.fixture(scope="module")
def planner() -> Subject:
    return Subject(coded("plan", max_operators=3))


def test_a_probe_of_a_plan_foretells_every_horizon_and_says_what_the_prompt_alone_foretells(planner: Subject) -> None:
    drawn = pictures.horizons(planner, [Subject(coded("lookup", max_operators=3))])
    lines = {name: dict(map(tuple, points)) for name, points in drawn["lines"].items()}
    assert set(lines) == {pictures.MEMORY, pictures.PROMPT, "memory of another seed (1)"}
    horizons = list(lines[pictures.MEMORY])
    assert horizons == [float(each) for each in range(2, 2 + len(horizons))]
    for horizon in (4.0, 8.0):  # the first calls
        assert lines[pictures.MEMORY][horizon] > lines["memory of another seed (1)"][horizon] + 0.3
    assert all(0 <= share <= 1 for points in lines.values() for share in points.values())


def test_an_odd_token_is_followed_by_time_beside_the_same_columns_undisturbed() -> None:
    """A memory that hears nothing of what is written holds the same, so that the probe says the same; what is written
    is another thing where the odd token left another choice."""
    subject = Subject(coded("plan", max_operators=2))
    lines = {name: dict(map(tuple, each)) for name, each in pictures.odd_token(subject)["lines"].items()}
    assert set(lines) == {"after the odd token", "undisturbed"}
    assert all(0 <= share <= 1 for each in lines.values() for share in each.values())
    assert lines["after the odd token"][0.0] <= lines["undisturbed"][0.0]


def test_what_cannot_be_drawn_is_left_out() -> None:
    for subject in (Subject(untrained()), Subject(untrained(recipe="lookup"))):
        assert pictures.horizons(subject) == pictures.odd_token(subject) == pictures.growth(subject) == {}


def test_emergence_follows_the_updates(planner: Subject) -> None:
    before, after = (Subject(coded(kind, max_operators=2)) for kind in ("lookup", "plan"))
    drawn = pictures.emergence([(0, before), (50, after)])
    assert drawn["lines"]["solved"] == [[0.0, 1.0], [50.0, 1.0]]
    first, last = (share for _, share in drawn["lines"]["foretold (F1)"])
    assert last > first
    assert pictures.emergence([(0, planner)]) == {}


def test_growth_ends_with_the_agent_itself_and_says_where_a_snapshot_is_damaged() -> None:
    training = {"snapshots": (0, 1), "max_updates": 3, "confirm": False, "episodes": 8}
    agent = inwit.train(resolve("calculator", training=training), tell=quiet)
    assert [x for x, _ in pictures.growth(Subject(agent))["lines"]["solved"]] == [0.0, 1.0, 3.0]
    assert [x for x, _ in pictures.growth(Subject(inwit.load(agent.path or "", at=1)))["lines"]["solved"]] == [0.0, 1.0]
    assert agent.path
    (agent.path / "snapshots" / "000001.safetensors").write_bytes(b"nothing")
    heard: list[str] = []
    evidence = examine(agent, only=["re-plans"], progress=heard.append)
    assert "are damaged" in evidence.pictures["emergence"][agent.path.name]["why"]
    assert "no picture of emergence" in heard[-1]
    assert len(evidence.claims) == 1


def test_folds_keep_classes_together_and_a_probe_never_sees_the_class_that_it_judges() -> None:
    clusters = torch.arange(40).repeat_interleave(3)
    fold = probes.folds(clusters)
    assert all(len(fold[clusters == each].unique()) == 1 for each in range(40))
    assert len(fold.unique()) == probes.FOLDS
    target = torch.randint(0, 2, (40,), generator=torch.Generator().manual_seed(0)).repeat_interleave(3)
    names_the_class = probes.linear(torch.nn.functional.one_hot(clusters).float())
    right = (probes.predicted(names_the_class, target, fold) == target).double().mean()
    assert right < 0.8  # it would be 1 if rows of the class had been seen
    says_it = probes.linear(torch.nn.functional.one_hot(target).float())
    assert torch.equal(probes.predicted(says_it, target, fold), target)


def test_macro_f1_is_the_textbooks() -> None:
    target, found = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 0, 1, 1, 0])
    assert probes.macro_f1(target, found) == pytest.approx((2 * 2 / (3 + 3) + 2 * 1 / (1 + 2) + 0) / 3)
