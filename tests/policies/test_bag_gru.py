"""The published reader, and the published slip."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from inwit.core.types import Tasks
from support import all_kinds, make_world, small_policy

WORLD = make_world("tutorial-v0")


def problems(each: int = 3) -> Tasks:
    return WORLD.sample(all_kinds(WORLD, each), torch.Generator().manual_seed(0))


def bags(policy: torch.nn.Module, tasks: Tasks) -> torch.Tensor:
    """The mean embedding of each row's prompt, one token at a time."""
    prompt, mask = WORLD.prompt(tasks)
    rows = []
    for tokens, real in zip(prompt.tolist(), mask.tolist(), strict=True):
        shown = [token for token, is_real in zip(tokens, real, strict=True) if is_real]
        rows.append(torch.stack([policy.embedding[token] for token in shown]).mean(0))
    return torch.stack(rows)


def first_memory(policy: torch.nn.Module, tasks: Tasks, bag: torch.Tensor) -> torch.Tensor:
    """What the memory must be after `begin`: tanh of bag plus stage, and one step of the cell on CTX."""
    hidden = torch.tanh(bag + policy.stage_embedding[WORLD.stage(tasks)])
    inputs = policy.embedding[WORLD.vocabulary.id("CTX")].expand_as(hidden)
    weights = (policy.input_weight, policy.hidden_weight, policy.input_bias, policy.hidden_bias)
    return torch.gru_cell(inputs, hidden, *weights)


def test_it_reads_the_mean_of_its_prompt() -> None:
    policy, tasks = small_policy("bag_gru", WORLD), problems()
    _, memory = policy.begin(*WORLD.prompt(tasks), WORLD.stage(tasks))
    expected = first_memory(policy, tasks, bags(policy, tasks))
    torch.testing.assert_close(memory["hidden"], expected, atol=1e-6, rtol=0)


def test_the_slip_reads_the_mean_of_all_prompts() -> None:
    """Every row reads the mean over the rows, so that rows of one stage cannot be told apart."""
    policy, tasks = small_policy("bag_gru", WORLD, leak_batch=True), problems()
    output, memory = policy.begin(*WORLD.prompt(tasks), WORLD.stage(tasks))
    shared = bags(policy, tasks).mean(0, keepdim=True).expand(len(tasks), -1)
    torch.testing.assert_close(memory["hidden"], first_memory(policy, tasks, shared), atol=1e-6, rtol=0)
    for stage in range(3):
        same = output.logits[WORLD.stage(tasks) == stage]
        torch.testing.assert_close(same, same[:1].expand_as(same), atol=1e-6, rtol=0)


def test_the_slip_as_it_was_published() -> None:
    """A [B, d] tensor added to a [B, 1, d] one, and the mean over the second axis."""
    policy, tasks = small_policy("bag_gru", WORLD, leak_batch=True), problems()
    stage = F.embedding(WORLD.stage(tasks), policy.stage_embedding)[:, None]
    published = torch.tanh((bags(policy, tasks) + stage).mean(1))
    ours = torch.tanh(bags(policy, tasks).mean(0, keepdim=True) + stage[:, 0])
    torch.testing.assert_close(ours, published, atol=1e-6, rtol=0)
    _, memory = policy.begin(*WORLD.prompt(tasks), WORLD.stage(tasks))
    weights = (policy.input_weight, policy.hidden_weight, policy.input_bias, policy.hidden_bias)
    context = policy.embedding[WORLD.vocabulary.id("CTX")].expand_as(published)
    torch.testing.assert_close(memory["hidden"], torch.gru_cell(context, published, *weights), atol=1e-6, rtol=0)


def test_alone_the_slip_makes_no_difference() -> None:
    right, slipped = small_policy("bag_gru", WORLD), small_policy("bag_gru", WORLD, leak_batch=True)
    tasks = problems()
    for row in range(len(tasks)):
        one = tasks[row : row + 1]
        arguments = (*WORLD.prompt(one), WORLD.stage(one))
        assert torch.equal(right.begin(*arguments)[0].logits, slipped.begin(*arguments)[0].logits)


def test_in_company_the_slip_makes_a_difference() -> None:
    right, slipped = small_policy("bag_gru", WORLD), small_policy("bag_gru", WORLD, leak_batch=True)
    tasks = problems()
    arguments = (*WORLD.prompt(tasks), WORLD.stage(tasks))
    assert not torch.allclose(right.begin(*arguments)[0].logits, slipped.begin(*arguments)[0].logits, atol=1e-3)


def test_a_mean_has_no_order() -> None:
    policy = small_policy("bag_gru", WORLD)
    prompt, mask = WORLD.prompt(problems())
    stage = WORLD.stage(problems())
    swapped = prompt.clone()
    swapped[:, [0, 1]] = prompt[:, [1, 0]]
    one, two = policy.begin(prompt, mask, stage)[0], policy.begin(swapped, mask, stage)[0]
    torch.testing.assert_close(one.logits, two.logits, atol=1e-6, rtol=0)
