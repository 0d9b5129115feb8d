"""Controls: the same agent with something taken away, to be evaluated like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import Agent
from inwit.core.errors import unknown
from inwit.core.seeding import stream
from inwit.core.types import Memory, Output


class ShuffledPrompt(torch.nn.Module):
    """A policy that is shown, for every row, the prompt of another row of the same stage.

    In the calculator that is another expression with as many operators (and the same letters); the machine, the legal
    tokens and the success asked for stay the row's own. A stage that has one row alone keeps its prompt. What is still
    solved was not read.
    """

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.policy = policy

    def begin(
        self, prompt: Int[Tensor, "B P"], prompt_mask: Bool[Tensor, "B P"], stage: Int[Tensor, " B"]
    ) -> tuple[Output, Memory]:
        other = others(stage.cpu()).to(stage.device)
        return self.policy.begin(prompt[other], prompt_mask[other], stage)

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        return self.policy.step(token, memory)


def others(stage: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
    """For each row another one of the same stage: each stage's rows in a random circle, everyone gets the next."""
    order = torch.randperm(len(stage), generator=stream(0, "shuffled prompt"))
    chosen = torch.empty_like(order)
    for each in stage.unique():
        circle = order[stage[order] == each]
        chosen[circle] = circle.roll(1)
    return chosen


CONTROLS = {"shuffled-prompt": ShuffledPrompt}


def under_control(agent: Agent, control: str) -> Agent:
    """The agent with a control's policy. Raises `UserError` for a control that does not exist."""
    if control not in CONTROLS:
        raise unknown("control", control, CONTROLS)
    return replace(agent, policy=CONTROLS[control](agent.policy))
