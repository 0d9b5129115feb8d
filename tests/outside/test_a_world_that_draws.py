"""A world from outside that answers from a hidden part: a coin that lies under a cup.

The prompt says whether to call heads what is heads, or the other way round. LOOK has the world write the side of the
coin; a side that the agent writes ends the episode. Nothing but looking tells the coin.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from advised_pages import held_against_python
from everywhere import everywhere, registries_restored
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.results import Advice
from inwit.core.seeding import stream
from inwit.core.settings import Settings, setting
from inwit.core.types import Kinds, State, Step, Tasks
from inwit.core.vocabulary import Vocabulary
from inwit.evaluation.explanation import explain
from inwit.playground.page import described
from inwit.rollout.collect import collect
from javascript import needs_javascript
from parity import played_again
from support import small_policy, whole_lines

VOCABULARY = Vocabulary(["HEADS", "TAILS", "LOOK", "SAME", "OTHER", "PAD"])
LOOK, SAME, PAD = VOCABULARY.ids(["LOOK", "SAME", "PAD"])
COIN = ("HEADS", "TAILS")


@dataclass(frozen=True)
class CupSettings(Settings):
    masks: bool = setting(True, "let the policy write LOOK and sides only")


class Cup:
    """Data: `other` Int[B], 1 where the other side is asked for; `coin` Int[B], -1 where it is not drawn."""

    id = "cup"
    Settings = CupSettings
    vocabulary = VOCABULARY
    kinds = Kinds(names=("same", "other"), stages=(0, 1), classes=(0, 1))
    prompt_width, max_steps = 1, 3
    num_columns = 5  # three tokens of the agent's, two of the world's
    extra_outcomes: tuple[str, ...] = ()
    known_limit = "there is one thing to ask"
    capabilities = frozenset({"all_tasks", "chance"})

    def __init__(self, settings: CupSettings) -> None:
        self.settings, self.masks = settings, settings.masks

    def sample(self, kinds: torch.Tensor, generator: torch.Generator) -> Tasks:
        return self.draw(Tasks(kinds, {"coin": torch.full_like(kinds, -1)}), generator)

    def draw(self, tasks: Tasks, generator: torch.Generator) -> Tasks:
        coin = torch.randint(0, 2, tasks.kind.shape, generator=generator, device=generator.device)
        return Tasks(tasks.kind, {"coin": torch.where(tasks.data["coin"] < 0, coin, tasks.data["coin"])})

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks:
        kind = torch.tensor(kinds, device=device)
        return Tasks(kind, {"coin": torch.full_like(kind, -1)})

    def task(self, task: dict[str, Any]) -> Tasks:
        coin = COIN.index(task["coin"]) if "coin" in task else -1
        return Tasks(torch.tensor([self.kinds.names.index(task["call"])]), {"coin": torch.tensor([coin])})

    def describe(self, tasks: Tasks) -> list[dict[str, Any]]:
        rows = zip(tasks.kind.tolist(), tasks.data["coin"].tolist(), strict=True)
        return [{"call": self.kinds.names[kind]} | ({"coin": COIN[coin]} if coin >= 0 else {}) for kind, coin in rows]

    def stage(self, tasks: Tasks) -> torch.Tensor:
        return tasks.kind

    def prompt(self, tasks: Tasks) -> tuple[torch.Tensor, torch.Tensor]:
        shown = (SAME + tasks.kind)[:, None]
        return shown, torch.ones_like(shown, dtype=torch.bool)

    def reset(self, tasks: Tasks) -> State:
        zero = torch.zeros_like(tasks.kind)
        said = zero - 1  # what the agent said, while the verdict waits for the coin
        flags = {"looks": zero.bool(), "ended": zero.bool()}
        return {"coin": tasks.data["coin"], "other": tasks.kind, "said": said, "steps": zero, **flags}

    def legal(self, state: State) -> torch.Tensor:
        mine = torch.arange(len(VOCABULARY), device=state["coin"].device) <= LOOK
        return torch.where(self._writes(state)[:, None], self.chance(state) > 0, mine)

    def forced(self, state: State) -> torch.Tensor:
        answer = torch.where(state["coin"] < 0, -2, state["coin"])
        return torch.where(state["ended"], PAD, torch.where(self._writes(state), answer, -1))

    def chance(self, state: State) -> torch.Tensor:
        sides = torch.arange(2, device=state["coin"].device)
        share = torch.where(state["coin"][:, None] < 0, 0.5, (sides == state["coin"][:, None]).double())
        chance = torch.nn.functional.pad(share, (0, len(VOCABULARY) - 2)) * self._writes(state)[:, None]
        ended = torch.nn.functional.one_hot(torch.full_like(state["coin"], PAD), len(VOCABULARY)).double()
        return torch.where(state["ended"][:, None], ended, chance)

    def _writes(self, state: State) -> torch.Tensor:
        return (state["looks"] | (state["said"] >= 0)) & ~state["ended"]

    def step(self, state: State, token: torch.Tensor) -> tuple[State, Step]:
        live, writes = ~state["ended"], self._writes(state)
        chooses = live & ~writes
        coin = torch.where(writes, token, state["coin"])  # the world's token draws the coin
        says = chooses & (token < LOOK)
        said = torch.where(says, token, state["said"])
        judged = live & (said >= 0) & (coin >= 0)
        success = judged & (said == coin ^ state["other"])
        steps = state["steps"] + chooses
        late = chooses & ~says & (steps >= self.max_steps)
        looks = chooses & (token == LOOK) & ~late
        after = state | {"coin": coin, "said": said, "steps": steps, "looks": looks}
        after["ended"] = state["ended"] | judged | late
        looked = (chooses & (token == LOOK)).long()
        return after, Step(success.double(), judged, late, success, counts={"looks": looked})


class ScalarCup:
    """The rules for one episode."""

    Settings = CupSettings
    vocabulary = VOCABULARY

    def __init__(self, call: str, coin: str | None) -> None:
        self.call, self.first = call, coin
        self.coin = None if coin is None else COIN.index(coin)
        self.said, self.looks = None, False
        self.steps, self.reward, self.terminated, self.truncated, self.success = 0, 0.0, False, False, False
        self.extra: dict[str, Any] = {}
        self.counts = {"looks": 0}

    @classmethod
    def from_task(cls, settings: CupSettings, task: dict[str, Any]) -> ScalarCup:
        return cls(task["call"], task.get("coin"))

    @property
    def ended(self) -> bool:
        return self.terminated or self.truncated

    def chance(self) -> dict[int, Fraction]:
        if not self.looks and self.said is None:
            return {}
        return dict.fromkeys((0, 1), Fraction(1, 2)) if self.coin is None else {self.coin: Fraction(1)}

    def forced(self) -> int:
        if self.ended:
            return PAD
        chances = list(self.chance())
        return -1 if not chances else chances[0] if len(chances) == 1 else -2

    def legal(self) -> list[int]:
        return list(self.chance()) or [0, 1, LOOK]

    def step(self, token: int) -> None:
        if self.chance():
            self.coin, self.looks = token, False
        else:
            self.steps += 1
            self.said = token if token < LOOK else None
            self.looks = token == LOOK and self.steps < 3
            self.counts["looks"] += token == LOOK
            self.truncated = self.steps >= 3 and self.said is None
        if self.said is not None and self.coin is not None:
            self.terminated = True
            self.success = self.said == self.coin ^ (self.call == "other")
            self.reward = float(self.success)

    def state(self) -> dict[str, Any]:
        return {"seen": None if self.coin is None else COIN[self.coin]}

    def task_dict(self) -> dict[str, Any]:
        return {"call": self.call} | ({} if self.first is None else {"coin": self.first})


def test_a_world_that_draws(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with registries_restored():
        inwit.register_world("cup", Cup, "a coin under a cup", twin=ScalarCup)
        seen = everywhere(capsys, tmp_path, world={"id": "cup"})
        task = {"call": "other", "coin": "TAILS"}
        assert explain(seen.agent, task).counts.keys() == {"looks"}
        with pytest.raises(UserError, match="not drawn"):
            explain(seen.agent, {"call": "other"})
    assert [(row.name, row.problems) for row in seen.evaluation.rows] == [("same", 1), ("other", 1)]
    assert seen.agent.path is not None
    lines = whole_lines(seen.agent.path / "metrics.jsonl")
    assert lines
    assert all(set(line["counts"]["looks"]) <= {"0", "1"} for line in lines)


@needs_javascript
def test_what_changes_in_its_state_is_on_the_page_and_the_coin_is_not(tmp_path: Path) -> None:
    """It declares no registers, so nobody may change what is shown."""
    world = Cup(CupSettings())
    held = described([Agent(world, small_policy("memoryless", world))], lambda _: None)
    assert [register["name"] for register in held["registers"]] == ["steps", "looks"]
    assert not held["writable"]
    found = played_again(world, {}, tmp_path, 20, page=held)["played"]["random"]
    assert found["wrong"] == {}, found["first"]
    assert found["registers"] == found["tokens"] > 20
    assert found["writes"] == 0


class AdvisedCup(Cup):
    """It knows what is best."""

    id = "advised-cup"
    capabilities = frozenset({"all_tasks", "chance", "advice"})

    def advice(self, twin: ScalarCup) -> Advice:
        facts = {"coin": "unseen" if twin.coin is None else COIN[twin.coin]}
        if twin.forced() != -1:
            return Advice(facts)
        right = None if twin.coin is None else twin.coin ^ (twin.call == "other")
        values = {side: Fraction(1, 2) if right is None else Fraction(side == right) for side in (0, 1)}
        values[LOOK] = Fraction(twin.steps < 2)
        return Advice(facts, values, [token for token, value in values.items() if value == 1] or [0, 1])


@needs_javascript
def test_a_page_has_the_optimum_of_a_world_that_advises(tmp_path: Path) -> None:
    with registries_restored():
        inwit.register_world("advised-cup", AdvisedCup, "a coin under a cup", twin=ScalarCup)
        assert held_against_python(inwit.make("advised-cup"), 200, 20, tmp_path) == 1


def test_rollouts_are_drawn_and_no_guess_is_better_than_half() -> None:
    world = Cup(CupSettings())
    tasks = world.sample(torch.arange(2).repeat(2000), stream(0, "tasks"))
    rollout = collect(world, small_policy("gru", world), tasks, generator=stream(0, "actions"))
    looked = (rollout.live & ~rollout.chosen).any(1)
    assert bool(looked.any())
    assert float(rollout.success[~looked].double().mean()) == pytest.approx(0.5, abs=0.05)
    with pytest.raises(UserError, match="not drawn"):
        collect(world, small_policy("gru", world), world.all_tasks([0, 1]))


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["a2c", "ppo", "grpo", "rloo"])
def test_every_learner_learns_to_look(learner: str) -> None:
    """And to say what was seen. (The other side is the exclusive or of prompt and coin, which some learn far later.)"""
    with registries_restored():
        inwit.register_world("cup", Cup, "a coin under a cup", twin=ScalarCup)
        settings: dict[str, Any] = {"world": {"id": "cup"}, "policy": {"width": 16}, "learner": {"id": learner}}
        settings["curriculum"] = {"id": "uniform"}
        *_, last = inwit.updates("tutorial", training={"max_updates": 150, "confirm": False}, **settings)
        tasks = last.agent.world.sample(torch.zeros(100, dtype=torch.int64), stream(1, "tasks"))
        greedy = collect(last.agent.world, last.agent.policy, tasks)
    assert bool(greedy.success.all())
    assert bool((greedy.counts["looks"] >= 1).all())


def test_what_was_not_followed_is_an_interval_and_not_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    with registries_restored():
        inwit.register_world("cup", Cup, "a coin under a cup", twin=ScalarCup)
        world = inwit.make("cup")
        agent = Agent(world=world, policy=small_policy("gru", world))
        whole = inwit.evaluate(agent)
        monkeypatch.setattr("inwit.evaluation.expanding.FIRST_FLOOR", 2.0)
        monkeypatch.setattr("inwit.evaluation.expanding.LEAVES", -1)
        part = inwit.evaluate(agent)
    assert whole.proven
    assert [row.interval for row in whole.rows] == [None, None]
    assert not part.proven
    assert "too much to follow" in part.method
    assert [row.interval for row in part.rows] == [(0.0, 1.0), (0.0, 1.0)]
