"""The page plays as Python plays: every registered world with every registered policy, and parts from outside.

Tokens, states and flags are the same; floats differ by rounding. Each world has two settings, and half of the policies
play with each, so that every pair is tried.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import inwit
from everywhere import registries_restored
from inwit.playground.operators import OPERATORS
from inwit.policies import POLICIES
from inwit.worlds import WORLDS
from javascript import V8, needs_javascript
from parity import played_again
from support import make_world, python, small_policy

pytestmark = needs_javascript

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parents[1] / "golden" / "operators.json"
ROWS = 100  # greedy episodes of each policy, and random ones
FEW = 12

OTHER: dict[str, dict[str, Any]] = {  # settings beside the small ones
    "tutorial-v0": {"max_steps": 5},
    "tutorial-v1": {"masks": False},
    "calculator-v0": {"num_slots": 2, "milestones": 0.3, "step_cost": 0.01, "ticks": 2, "tools": ("ADD", "SUB", "RSB")},
    "lookup-v0": {"num_values": 3, "fail": 0.2, "broken": 0.2, "lie": 0.2, "sure_price": 0.1, "max_steps": 8},
}
CASES = [(world, other) for world in WORLDS.names() for other in (False, True)]


def world_of(world_id: str, other: bool) -> Any:
    return make_world(
        world_id, **({"max_operators": 2} if not other else {"max_operators": 1} | OTHER.get(world_id, {}))
    )


def policies_of(world: Any, turn: int) -> dict[str, Any]:
    """Every second policy, small; half of them do not know the stage."""
    names = POLICIES.names()[turn % 2 :: 2]
    chosen: dict[str, dict[str, Any]] = {"lstm": {"matrix_dtype": "float32"}, "transformer": {"layers": 1 + turn % 2}}
    policies = {}
    for place, name in enumerate(names):
        known = {field.name for field in fields(POLICIES.settings(name))}
        settings = chosen.get(name, {}) | {"stage_aware": bool((place + turn) % 2)}
        policies[name] = small_policy(name, world, **{key: value for key, value in settings.items() if key in known})
    return policies


def check(told: dict[str, Any], rows: int) -> None:
    """What `parity.js` found of each policy and of random tokens."""
    for name, found in told["played"].items():
        assert found["wrong"] == {}, f"{name}: {found['first']}"
        assert found["worst"]["f"] < 1e-4
        assert found["episodes"] == rows
        assert found["tokens"] > rows
        assert found["ties"] <= 1
        assert found["writes"] == (found["tokens"] if name == "random" else 0), "A register is written before each."


def check_operators(told: dict[str, Any], world_id: str) -> None:
    """A PyTorch that exports a part with another operator is noticed here."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for part, found in told["operators"].items():
        name = world_id if part == "world" else part
        new = set(found) - set(golden.get(name, []))
        assert not new, f"{name} needs {sorted(new)}: see that static/ knows them, then add them to {GOLDEN.name}"


@pytest.mark.slow
@pytest.mark.parametrize(("world_id", "other"), CASES)
def test_every_world_with_every_policy(world_id: str, other: bool, tmp_path: Path) -> None:
    world = world_of(world_id, other)
    told = played_again(world, policies_of(world, WORLDS.names().index(world_id) + other), tmp_path, ROWS)
    check(told, ROWS)
    check_operators(told, world_id)


@pytest.mark.slow
def test_an_agent_that_learnt_the_tutorial(tmp_path: Path) -> None:
    done = python("import inwit; inwit.train('tutorial', tell=lambda _: None)")  # no shapes are checked there
    assert done.returncode == 0, done.stderr
    agent = inwit.load("latest")
    told = played_again(agent.world, {"trained": agent.policy}, tmp_path, ROWS)
    check(told, ROWS)
    assert told["played"]["trained"]["succeeded"] > 0.9 * ROWS


def test_the_world_and_the_policy_that_the_docs_add(tmp_path: Path) -> None:
    """Nobody wrote a line of JavaScript for them."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "extending"}
    with registries_restored():
        for block in blocks:
            if "register_policy" in block or "register_world" in block:
                exec(compile(block, "extending.md", "exec", dont_inherit=True), names)
        world = inwit.make("tutorial-sums")
        told = played_again(world, {"bigram": small_policy("bigram", world)}, tmp_path, FEW)
    check(told, FEW)


@pytest.mark.skipif(not V8, reason="the wheel mini-racer is not installed")
def test_the_same_in_the_v8_of_a_wheel(tmp_path: Path) -> None:
    world = make_world("tutorial-v1")
    check(played_again(world, {"memoryless": small_policy("memoryless", world)}, tmp_path, FEW, v8=True), FEW)


def test_every_operator_that_was_ever_seen_is_known() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {name for part in golden.values() for name in part} <= OPERATORS
    assert set(golden) >= {*WORLDS.built_in, *POLICIES.built_in}
