"""What sets the policies apart: order of the prompt, and memory of the program."""

from __future__ import annotations

import pytest
import torch

from support import all_kinds, make_world, small_policy

WORLD = make_world("tutorial-v1")


@pytest.mark.parametrize("policy_id", ["gru", "memoryless"])
def test_the_order_of_the_prompt_is_read(policy_id: str) -> None:
    policy = small_policy(policy_id, WORLD)
    tasks = WORLD.task({"stage": 0, "operands": [3, 5, 1]}), WORLD.task({"stage": 0, "operands": [5, 3, 1]})
    one, two = (policy.begin(*WORLD.prompt(task), WORLD.stage(task))[0].logits for task in tasks)
    assert not torch.allclose(one, two, atol=1e-3)


@pytest.mark.parametrize(("policy_id", "remembers"), [("gru", True), ("bag_gru", True), ("memoryless", False)])
def test_who_remembers_the_program(policy_id: str, remembers: bool) -> None:
    """Two programs that end alike: only a policy with memory can answer them differently."""
    policy = small_policy(policy_id, WORLD)
    tasks = WORLD.sample(all_kinds(WORLD, 1), torch.Generator().manual_seed(0))
    written = [["MUL", "STO", "ADD", "EOS"], ["ADD", "ADD", "ADD", "EOS"]]
    programs = [torch.tensor([WORLD.vocabulary.ids(tokens)] * len(tasks)) for tokens in written]
    one, two = (policy.replay(*WORLD.prompt(tasks), WORLD.stage(tasks), program) for program in programs)
    assert torch.allclose(one.logits[:, 3], two.logits[:, 3], atol=1e-4) is not remembers


def test_the_gru_against_pytorch() -> None:
    """Prompt and program through PyTorch's own cell, one row at a time, without padding."""
    policy = small_policy("gru", WORLD)
    tasks = WORLD.sample(all_kinds(WORLD, 2), torch.Generator().manual_seed(1))
    prompt, mask = WORLD.prompt(tasks)
    tokens = torch.tensor([WORLD.vocabulary.ids(["MUL", "ADD", "STO", "ANS"])] * len(tasks))
    output = policy.replay(prompt, mask, WORLD.stage(tasks), tokens)
    cell = torch.nn.GRUCell(len(WORLD.vocabulary), policy.settings.width)
    with torch.no_grad():
        cell.weight_ih.copy_(policy.input_table.t())
        cell.bias_ih.zero_()
        cell.weight_hh.copy_(policy.hidden_weight)
        cell.bias_hh.copy_(policy.hidden_bias)
        for row, task in enumerate(WORLD.describe(tasks)):
            hidden = torch.tanh(policy.stage_embedding[task["stage"]])[None]
            stream = [*task["operands"], WORLD.vocabulary.id("CTX"), *tokens[row].tolist()]
            start = len(task["operands"])
            for place, token in enumerate(stream[:-1]):
                hidden = cell(torch.nn.functional.one_hot(torch.tensor([token]), len(WORLD.vocabulary)).float(), hidden)
                if place >= start:
                    head = hidden @ policy.head_weight.t() + policy.head_bias
                    torch.testing.assert_close(output.logits[row, place - start], head[0, :-1], atol=1e-5, rtol=0)
                    torch.testing.assert_close(output.value[row, place - start], head[0, -1], atol=1e-5, rtol=0)
