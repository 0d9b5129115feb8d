"""One problem, token by token: what the agent wrote, what the machine held, and what it might have written instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Bool
from rich.console import Group
from rich.text import Text
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.columns import Columns
from inwit.core.contracts import Agent, ScalarWorld, World
from inwit.core.distributions import choose, masked_log_softmax
from inwit.core.isolation import on_own_terms
from inwit.core.shown import Shown
from inwit.core.text import held, percent, task_text
from inwit.core.types import Json, Output, Task, Tasks
from inwit.evaluation.exact import refuse_lost
from inwit.worlds import make_scalar
from inwit.worlds.oracle.constant import kind_success
from inwit.worlds.oracle.programs import oracle_program


@dataclass(frozen=True)
class Choice:
    """One token of the agent's."""

    token: str
    value: float  # the agent's estimate before it chose
    alternatives: list[tuple[str, float]]  # the three likeliest tokens with their probabilities
    keeps_to_oracle: bool | None  # whether the program so far is the oracle's; None where the kind has no oracle
    state: Json  # the machine after the token


@dataclass(frozen=True)
class Explanation(Shown):
    world: str
    task: Task
    prompt: list[str]
    choices: list[Choice]
    oracle_program: list[str] | None
    success: bool
    extra: dict[str, bool]
    program_success: float | None  # the share of the kind's problems on which this same program is right
    lucky: bool | None  # right here, but not by a program that is right everywhere; None where that is unknown

    @property
    def program(self) -> list[str]:
        return [choice.token for choice in self.choices]

    def to_dict(self) -> Json:
        """As plain data; the further readings of success stand beside `success`."""
        values = asdict(self)
        return values | values.pop("extra") | {"program": self.program}

    def __rich__(self) -> Group:
        """A row for each token."""
        verdict = Text("right", "bold green") if self.success else Text("wrong", "bold red")
        if self.lucky:
            share = self.program_success
            where = f"right on {percent(share)} of the problems of its kind" if share else "not right in general"
            verdict = Text(f"lucky: right here, but this program is {where}", "yellow")
        title = Text(f"{task_text(self.task)}: ", "italic") + verdict
        registers, rows = list(self.choices[0].state), []
        for choice in self.choices:
            values = [held(choice.state[register]) for register in registers]
            likeliest = "  ".join(f"{name} {probability:.2f}" for name, probability in choice.alternatives)
            keeps = {True: "yes", False: "no", None: "·"}[choice.keeps_to_oracle]
            rows.append((Text(choice.token, "bold"), *values, f"{choice.value:+.2f}", likeliest, keeps))
        headings = ("token", *registers, "value", "likeliest tokens", "oracle's")
        last = len(headings) - 1
        return Group(title, Columns(headings, rows, left=(0, last - 1, last), wide=True))


def explain(agent: Agent, task: Task, oracle_program: Sequence[str] | None = None) -> Explanation:
    """Let the greedy agent solve one task. Raises `UserError` for a task that does not fit the agent's world, and for
    an agent with weights that are not finite.

    `oracle_program` is the oracle's for this kind, if the caller knows it: the search may take a second.
    """
    refuse_lost(agent)
    with on_own_terms(agent.threads):
        return _explain(agent, task, oracle_program)


def _explain(agent: Agent, task: Task, oracle_program: Sequence[str] | None) -> Explanation:
    world = agent.world
    row = world.task(task).to(agent.device)
    kind = int(row.kind)
    twin = make_scalar(world.id, task, **world.settings.to_dict())
    if oracle_program is None:
        oracle = _oracle(world, kind, world.describe(row)[0])
    else:
        oracle = tuple(world.vocabulary.ids(oracle_program))
    prompt, mask = world.prompt(row)
    choices = _choices(agent, row, twin, oracle)
    tokens = world.vocabulary.ids(choice.token for choice in choices)
    success = bool(twin.success)
    share = _program_success(world, kind, tokens, success)
    identity = capable(world, "identity")
    right_here = success or bool(identity and twin.extra.get(identity.value_outcome))
    lucky = None if share is None else right_here and share < 1.0
    return Explanation(
        world=world.id,
        task=twin.task_dict(),
        prompt=world.vocabulary.decode(prompt[0][mask[0]].tolist()),
        choices=choices,
        oracle_program=world.vocabulary.decode(oracle) if oracle else None,
        success=success,
        extra={name: bool(value) for name, value in twin.extra.items()},
        program_success=share,
        lucky=lucky,
    )


@torch.no_grad()
def _choices(agent: Agent, row: Tasks, twin: ScalarWorld, oracle: tuple[int, ...] | None) -> list[Choice]:
    """Play the task of `row` in its twin, to the end."""
    world, choices, tokens = agent.world, [], []
    output, memory = agent.policy.begin(*world.prompt(row), world.stage(row))
    while not twin.ended:
        legal = torch.zeros_like(output.logits, dtype=torch.bool)
        legal[:, twin.legal() if world.masks else slice(None)] = True
        token = choose(output.logits, legal, None)
        tokens.append(int(token))
        twin.step(tokens[-1])
        choices.append(
            Choice(
                token=world.vocabulary.names[tokens[-1]],
                value=float(output.value),
                alternatives=_alternatives(world, output, legal),
                keeps_to_oracle=None if oracle is None else tuple(tokens) == oracle[: len(tokens)],
                state=twin.state(),
            )
        )
        output, memory = agent.policy.step(token, memory)
    return choices


def _oracle(world: World, kind: int, task: Task) -> tuple[int, ...] | None:
    """The best program for the task's kind, if it is known, with the task's own arguments."""
    if knows := capable(world, "best_programs"):
        program = knows.best_program_for(task)
        return tuple(program) if program else None
    return oracle_program(world, kind)


def _program_success(world: World, kind: int, tokens: list[int], success: bool) -> float | None:
    """The share of the kind's problems on which the program is right; None where that is unknown. Where success is an
    identity the share is 1 or 0: problems that another program gets right by luck do not count."""
    if capable(world, "constant_programs"):
        return kind_success(world.id, kind, tuple(tokens), world.settings)
    if capable(world, "identity"):
        return float(success)
    return None


def _alternatives(world: World, output: Output, legal: Bool[Tensor, "1 V"]) -> list[tuple[str, float]]:
    """The three likeliest legal tokens with their probabilities."""
    probabilities = masked_log_softmax(output.logits, legal)[0].exp()
    top = probabilities.topk(min(3, int(legal.sum())))
    names = world.vocabulary.decode(top.indices.tolist())
    return [(name, round(share, 4)) for name, share in zip(names, top.values.tolist(), strict=True)]
