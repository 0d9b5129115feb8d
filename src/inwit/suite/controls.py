"""Controls: agents whose scores are known beforehand. A suite in which one of them scores otherwise measures wrongly.

`random` writes legal tokens by chance: 0. `oracle` writes what the search for the optimum found: 1. `shuffled` is a
learner whose rewards are another episode's: nothing can be learnt, near 0. None of them is a learner or a policy that
ships.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, Learner, Metrics, Trainable, World
from inwit.core.hashing import mixed
from inwit.core.seeding import stream
from inwit.core.settings import Settings
from inwit.core.types import Memory, Output, Rollout
from inwit.learners import LEARNERS
from inwit.policies.replay import Prompt, PromptMask, Stage

RANDOM, ORACLE, SHUFFLED = "random", "oracle", "shuffled"
CONTROLS = (RANDOM, ORACLE, SHUFFLED)


class RandomPolicy:
    """Draws its logits: the greatest legal one is each legal token with the same probability."""

    def __init__(self, size: int, generator: torch.Generator) -> None:
        self.size, self.generator = size, generator

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        return self._drawn(stage), {}

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        return self._drawn(token), {}

    def _drawn(self, rows: Tensor) -> Output:
        logits = torch.rand((len(rows), self.size), generator=self.generator)
        return Output(logits.to(rows.device), torch.zeros(len(rows), device=rows.device))


class SteadyRandomPolicy:
    """Draws once for each prompt and stream, by a hash. For worlds that draw: their exact evaluation follows some
    problems a second time, those that are not finished, and a new draw there would favour short episodes.

    Its memory is `key` Int[B], a hash of all that was read."""

    def __init__(self, size: int, salt: int) -> None:
        self.size, self.salt = size, salt

    def begin(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> tuple[Output, Memory]:
        key = mixed(stage.long() + self.salt)
        for column in prompt.masked_fill(~prompt_mask, -1).unbind(1):
            key = mixed(key ^ (column.long() + 2))
        return self._drawn(key)

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        return self._drawn(mixed(memory["key"] ^ (token.long() + 2)))

    def _drawn(self, key: Int[Tensor, " B"]) -> tuple[Output, Memory]:
        logits = mixed(mixed(key)[:, None] ^ torch.arange(1, self.size + 1, device=key.device)).double()
        return Output(logits / 2.0**63, torch.zeros(len(key), device=key.device)), {"key": key}


def random_agent(world: World, seed: int) -> Agent:
    """Where the world draws, it is another agent for each seed; elsewhere also each time that it is measured."""
    generator = stream(seed, "suite random agent")
    if capable(world, "chance"):
        salt = int(torch.randint(2**62, (), generator=generator))
        return Agent(world, SteadyRandomPolicy(len(world.vocabulary), salt), status="scripted")
    return Agent(world, RandomPolicy(len(world.vocabulary), generator), status="scripted")


class Shuffled:
    """A learner that gets, for each episode, the rewards of another one of its batch: whatever it makes of them tells
    nothing about what was written."""

    def __init__(self, learner: Learner) -> None:
        self.learner, self.generator = learner, stream(0, "suite shuffled")
        self.group_size, self.one_pass, self.detours = learner.group_size, learner.one_pass, learner.detours
        self.whole_sequence, self.reads_oracle = learner.whole_sequence, learner.reads_oracle
        self.entropy_share = 1.0

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        self.learner.entropy_share = self.entropy_share
        order = torch.randperm(len(rollout.reward), generator=self.generator).to(rollout.reward.device)
        return self.learner.losses(policy, replace(rollout, reward=rollout.reward[order]))


def register_shuffled(learner: str) -> str:
    """The name of a learner's shuffled twin, registered in this process."""
    name = learner if learner.startswith(f"{SHUFFLED}:") else f"{SHUFFLED}:{learner}"
    if name not in LEARNERS.names():
        original = LEARNERS.load(name.partition(":")[2])

        class Twin(Shuffled):
            """Rewards shuffled over the batch."""

            Settings = LEARNERS.settings(name.partition(":")[2])

            def __init__(self, settings: Settings) -> None:
                super().__init__(original(settings))

        LEARNERS.register(name, Twin)
    return name
