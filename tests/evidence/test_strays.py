"""Beside re-planning: going on as if nothing had happened, starting over, two forced tokens. By scripts and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from examined import agent, script
from inwit.evidence.reciting import Reciter, Replanner, Restarter
from inwit.evidence.replans import judge
from inwit.evidence.strays import after_longer, after_tie, goes_on, starts_over, twice_longer, twice_tied
from inwit.evidence.subject import Subject


def subject_of(name: str, operators: int = 2) -> Subject:
    """A script as the agent; the restarting reciter knows the programs that the reciter knows."""
    made = script("reciter" if name == "restarter" else name, agent(max_operators=operators))
    if name == "restarter":
        world: Any = made.world
        made = replace(made, policy=Restarter(world, world.greedy_tasks(), Subject(made).own.tokens))
    return Subject(made)


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    return {name: subject_of(name) for name in ("reciter", "re-planner", "restarter")}


def test_a_reciter_alone_goes_on_as_if_nothing_had_happened(subjects: dict[str, Subject]) -> None:
    for name, subject in subjects.items():
        found = subject.deviations
        assert goes_on(found[found.tie]).tolist() == [name == "reciter"] * int(found.tie.sum())


def test_to_start_over_is_right_where_it_takes_more_tokens_and_never_on_ties(subjects: dict[str, Subject]) -> None:
    """Not after all of them: where its first token is not legal it writes another one, which may cost too much."""
    for found in (subjects[name].deviations for name in ("reciter", "restarter")):
        tie, longer = after_tie(found), after_longer(found)
        assert tie["restarting reciter"].value == 0.0
        assert 0.9 < (longer["restarting reciter"].value or 0) <= 1.0
        again = longer["starts over, of its right ends"].value
        assert again == (1.0 if found is subjects["restarter"].deviations else None)  # a reciter has no right end


def test_a_way_of_ones_own_is_no_starting_over(subjects: dict[str, Subject]) -> None:
    """On ties the re-planner is right without it."""
    found = subjects["re-planner"].deviations
    assert bool(found.own_right.all())
    assert not bool(starts_over(found[found.tie]).any())
    assert not bool(goes_on(found).any())


def test_one_who_searches_is_right_after_two_forced_tokens_too(subjects: dict[str, Subject]) -> None:
    """So a right program is left where one is said to be, and of the length that is said."""
    found = subjects["re-planner"].deviations
    for again in (twice_tied(found), twice_longer(found)):
        assert 10 < len(again) <= 1000
        assert bool(again.own_right.all())


@pytest.mark.slow
@pytest.mark.parametrize("gap", [1, 2, 3])
def test_one_who_searches_is_right_after_two_forced_tokens_with_three_operators(gap: int) -> None:
    found = subject_of("re-planner", operators=3).deviations
    for again in (twice_tied(found, gap), twice_longer(found, gap)):
        assert 10 < len(again) <= 1000
        assert bool(again.own_right.all())


def test_one_who_searches_finds_the_way_where_another_one_has_led(subjects: dict[str, Subject]) -> None:
    subject = subjects["restarter"]
    world: Any = subject.world
    able = Replanner(world, subject.tasks, subject.own.tokens, subject.lengths)
    again = twice_longer(subject.deviations)
    assert bool(again.right(able).all())
    assert not bool(again.right(Reciter(world, subject.tasks, subject.own.tokens)).any())


def test_the_second_token_is_not_what_the_agent_would_write_after_the_first(subjects: dict[str, Subject]) -> None:
    subject = subjects["re-planner"]
    found, again = subject.deviations, twice_longer(subject.deviations, gap=2)
    firsts = dict[tuple[int, ...], torch.Tensor]()
    for episodes in found.episodes(subject.agent.policy):
        for row, at, token, tokens in zip(found.row, found.at, found.token, episodes.tokens, strict=True):
            firsts[int(row), int(at), int(token)] = tokens
    for row, at, token, force in zip(again.row, again.at, again.token, again.force, strict=True):
        wrote = firsts[int(row), int(at) - 2, int(force[at - 2])]
        assert force[:at].tolist() == wrote[:at].tolist()
        assert force[at] == token != wrote[at]
        assert bool((force[at + 1 :] == -1).all())


def test_the_figures_stand_beside_the_measures_and_cannot_fail(subjects: dict[str, Subject]) -> None:
    alone = Subject(replace(subjects["re-planner"].agent, config=None))  # without a twin
    tie, longer = judge(alone).measures
    assert tie.controls["two tokens forced"].value == longer.controls["two tokens forced"].value == 1.0
    for name in ("two tokens forced", "restarting reciter", "goes on as if nothing had happened"):
        assert tie.controls[name].bar is None
    assert longer.controls["starts over, of its right ends"].bar is None
