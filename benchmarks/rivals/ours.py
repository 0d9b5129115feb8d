"""inwit's own loop, through its public interface; it is asked for its exact success as the others are."""

from __future__ import annotations

from typing import Any

from torch import Tensor

import inwit
from inwit.core.distributions import choose
from inwit.worlds.calculator.rules import PAD
from inwit.worlds.tutorial.rules import EOS


class Ours:
    observe = "tokens"

    def __init__(self, settings: dict[str, Any], world: dict[str, Any], width: int, seed: int) -> None:
        """`settings` are overrides of the world's recipe."""
        calculator = world["world"].startswith("calculator")
        recipe, self._pad = ("calculator", PAD) if calculator else ("tutorial", EOS)
        more = {name: value for name, value in world.items() if name != "world"}
        training = {"confirm": False, "max_updates": 10**9, **settings.get("training", {})}
        overrides = settings | {"training": training, "policy": {"width": width, **settings.get("policy", {})}}
        self._updates = inwit.updates(recipe, seed=seed, world=more, **overrides)
        self._policy: Any = None

    def advance(self) -> int:
        update = next(self._updates)
        self._policy = update.agent.policy
        return int((update.rollout.live & update.rollout.chosen).sum())

    def player(self) -> Any:
        policy, memory = self._policy, {}

        def play(seen: dict[str, Tensor], first: bool) -> Tensor:
            if first:
                output, memory["now"] = policy.begin(seen["prompt"], seen["prompt"] != self._pad, seen["stage"])
            else:
                output, memory["now"] = policy.step(seen["last"], memory["now"])
            return choose(output.logits, seen["action_mask"], None)

        return play
