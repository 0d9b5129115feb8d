"""An agent in a world that was changed behind its back."""

from __future__ import annotations

import pytest

import inwit
from inwit.core.errors import UserError
from inwit.evaluation.changed import changed, told
from support import untrained


def test_a_script_goes_on_as_it_was_written() -> None:
    """Its program of the last stage takes seven tokens; nobody tells it that there are but six."""
    agent = inwit.load("pipeline")
    other = changed(agent, max_steps=6)
    assert other.policy is agent.policy
    assert (agent.untold, other.untold) == ({}, {"max_steps": 6})
    assert told(agent) == ""
    assert told(other).startswith("in a changed world: max_steps 6 (")
    task = {"stage": 2, "operands": [5, 5, 7, 9, 8]}
    assert [inwit.explain(each, task).success for each in (agent, other)] == [True, False]
    assert changed(other, max_steps=7).untold == {}


def test_a_policy_keeps_its_weights() -> None:
    agent = untrained()
    other = changed(agent, masks=False)
    assert other.policy is agent.policy
    assert other.untold == {"masks": False}
    assert "masks false" in told(other)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_operators": 2, "tools": ("ADD", "SUB", "MUL", "MAX")}, "it writes the .* tokens"),
        (
            {"max_operators": 2},
            "it knows 2 stages, and calculator-v0 with these settings has 3; policy.stage_aware = false trains one",
        ),
        ({"nosuch": 2}, "nosuch"),
    ],
)
def test_worlds_that_it_does_not_fit(settings: dict[str, object], said: str) -> None:
    agent = untrained(world={"id": "calculator-v0", "max_operators": 1, "num_slots": 0}, curriculum={"id": "uniform"})
    with pytest.raises(UserError, match=said):
        changed(agent, **settings)


def test_a_script_knows_all_stages() -> None:
    agent = inwit.scripted("pipeline", inwit.make("calculator-v0", max_operators=1))
    assert inwit.evaluate(changed(agent, max_operators=2)).success == 1
