"""Agents that write given programs, and the slow twin of a greedy agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

import inwit
from inwit.core.contracts import Agent
from inwit.core.types import Output
from support import untrained


class FixedProgram(torch.nn.Module):
    """A policy that writes one program for each stage, by its place in the program."""

    def __init__(self, vocabulary: Any, *programs: str) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(()))
        ids = [vocabulary.ids(program.split()) for program in programs]
        width = max(len(program) for program in ids)
        self.table = torch.tensor([program + [vocabulary.id("ANS")] * (width + 1 - len(program)) for program in ids])
        self.size = len(vocabulary)

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> Any:
        return self.answer(stage, torch.zeros_like(stage))

    def step(self, token: torch.Tensor, memory: dict[str, torch.Tensor]) -> Any:
        return self.answer(memory["stage"], memory["place"] + 1)

    def answer(self, stage: torch.Tensor, place: torch.Tensor) -> Any:
        token = self.table[stage, place.clamp_max(self.table.shape[1] - 1)]
        logits = torch.nn.functional.one_hot(token, self.size) * 9.0
        return Output(logits, torch.zeros(len(stage))), {"stage": stage, "place": place}


def scripted(*programs: str, **overrides: Any) -> Agent:
    agent = untrained(**overrides)
    return replace(agent, policy=FixedProgram(agent.world.vocabulary, *programs))


ORACLES = ("MUL ADD ANS", "MUL ADD SUB ANS", "MUL ADD STO MUL RCL SUB ANS")


def greedy_program(agent: Agent, task: dict[str, Any]) -> list[int]:
    """The slow twin: one problem at a time, one token at a time."""
    world = agent.world
    row = world.task(task)
    twin = inwit.worlds.make_scalar(world.id, task, **world.settings.to_dict())
    output, memory = agent.policy.begin(*world.prompt(row), world.stage(row))
    tokens: list[int] = []
    while not twin.ended:
        scores = output.logits[0].tolist()
        allowed = twin.legal() if world.masks else range(len(scores))
        tokens.append(max(allowed, key=lambda token: scores[token]))
        twin.step(tokens[-1])
        output, memory = agent.policy.step(torch.tensor(tokens[-1:]), memory)
    return tokens
