"""The transformer: its cache against the whole sequence, padding on either side, and who may look at whom."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from inwit.core.errors import UserError
from inwit.core.types import Output
from inwit.policies.transformer import TransformerSettings
from support import all_kinds, make_world, small_policy

TOKENS = 9
SIZES = [{}, {"layers": 1, "heads": 1}, {"layers": 3, "heads": 2, "width": 12}]


@pytest.fixture(scope="module")
def world() -> Any:
    return make_world("calculator-v0")


@pytest.fixture(scope="module")
def read(world: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The prompts of all lengths, left-padded, with mask and stage."""
    tasks = world.sample(all_kinds(world, 1)[::4], torch.Generator().manual_seed(0))
    return (*world.prompt(tasks), world.stage(tasks))


@pytest.fixture(scope="module")
def tokens(world: Any, read: Any) -> torch.Tensor:
    shape = (len(read[0]), TOKENS)
    return torch.randint(0, len(world.vocabulary), shape, generator=torch.Generator().manual_seed(1))


def same(one: Output, two: Output, tolerance: float = 2e-5) -> None:
    torch.testing.assert_close(one.logits, two.logits, atol=tolerance, rtol=0)
    torch.testing.assert_close(one.value, two.value, atol=tolerance, rtol=0)


def stepped(policy: Any, read: Any, tokens: torch.Tensor) -> Output:
    output, memory = policy.begin(*read)
    outputs = [output]
    for token in tokens.unbind(1)[:-1]:
        output, memory = policy.step(token, memory)
        outputs.append(output)
    return Output(torch.stack([o.logits for o in outputs], 1), torch.stack([o.value for o in outputs], 1))


def to_the_left(read: Any) -> Any:
    """The same prompts, padded on the right."""
    prompt, mask, stage = read
    order = (~mask).long().sort(dim=1, stable=True).indices
    return prompt.gather(1, order), mask.gather(1, order), stage


def test_prompts_have_several_lengths(read: Any) -> None:
    assert len(read[1].sum(1).unique()) >= 3
    assert not bool(read[1][:, 0].all()), "The calculator pads on the left."
    left = to_the_left(read)
    assert not bool((left[1][:, 1:] & ~left[1][:, :-1]).any()), "Something real stands behind padding."


@pytest.mark.parametrize("settings", SIZES)
def test_stepping_is_replaying(settings: dict[str, Any], world: Any, read: Any, tokens: torch.Tensor) -> None:
    policy = small_policy("transformer", world, **settings)
    for side in (read, to_the_left(read)):
        same(stepped(policy, side, tokens), policy.replay(*side, tokens))


@pytest.mark.parametrize("settings", SIZES)
def test_it_does_not_matter_where_the_padding_stands(
    settings: dict[str, Any], world: Any, read: Any, tokens: torch.Tensor
) -> None:
    """Left, right, on both sides, more of it, or none: each row alone, without any padding, answers alike."""
    policy = small_policy("transformer", world, **settings)
    expected = policy.replay(*read, tokens)
    left = to_the_left(read)
    same(policy.replay(*left, tokens), expected)
    both = tuple(torch.nn.functional.pad(part, (3, 2)) for part in left[:2])
    same(policy.replay(*both, read[2], tokens), expected)
    for row in range(0, len(tokens), 7):
        alone = read[0][row][read[1][row]][None]
        got = policy.replay(alone, torch.ones_like(alone, dtype=torch.bool), read[2][row : row + 1], tokens[row][None])
        same(got, Output(expected.logits[row][None], expected.value[row][None]))


def test_no_output_depends_on_a_later_token(world: Any, read: Any, tokens: torch.Tensor) -> None:
    """Not a bit; and each depends on every earlier one."""
    policy = small_policy("transformer", world)
    before = policy.replay(*read, tokens)
    for column in range(TOKENS):
        changed = tokens.clone()
        changed[:, column] = (changed[:, column] + 1) % len(world.vocabulary)
        after = policy.replay(*read, changed)
        assert torch.equal(after.logits[:, : column + 1], before.logits[:, : column + 1]), f"token {column}"
        assert torch.equal(after.value[:, : column + 1], before.value[:, : column + 1]), f"token {column}"
        differs = (after.logits != before.logits).any(2)[:, column + 1 :]
        assert bool(differs.all()), f"An output ignores token {column}."


def test_every_part_of_the_prompt_is_read_and_no_padding(world: Any, read: Any, tokens: torch.Tensor) -> None:
    policy = small_policy("transformer", world)
    prompt, mask, stage = read
    before = policy.replay(*read, tokens)
    for place in range(prompt.shape[1]):
        changed = prompt.clone()
        changed[:, place] = (changed[:, place] + 1) % len(world.vocabulary)
        after = policy.replay(changed, mask, stage, tokens)
        differs = (after.logits != before.logits).flatten(1).any(1)
        assert torch.equal(differs, mask[:, place]), f"place {place}"


def test_the_order_of_the_prompt_matters(world: Any, read: Any) -> None:
    """Positions are read: without them attention sees a bag of tokens."""
    policy = small_policy("transformer", world)
    [row] = [place for place, name in enumerate(world.kinds.names) if name == "a-b"]
    tasks = world.greedy_tasks()[torch.tensor([row])]
    prompt, mask = world.prompt(tasks)
    swapped = prompt.clone()
    real = mask[0].nonzero()[:, 0]
    swapped[0, real[[0, 2]]] = prompt[0, real[[2, 0]]]
    one, _ = policy.begin(prompt, mask, world.stage(tasks))
    two, _ = policy.begin(swapped, mask, world.stage(tasks))
    assert float((one.logits - two.logits).detach().abs().max()) > 1e-3


def layer_norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    centred = x - x.mean()
    return centred / (centred.square().mean() + 1e-5).sqrt() * gain


def slow_block(block: Any, stream: list[torch.Tensor], heads: int) -> list[torch.Tensor]:
    """One block, position by position and head by head: who is looked at, and with which weight."""
    part, size = dict(block.named_parameters()), len(stream[0]) // heads
    inputs = [layer_norm(x, part["attention_norm"]) for x in stream]
    queries = [part["query"] @ x for x in inputs]
    keys, values = zip(*[(part["key_value"] @ x).chunk(2) for x in inputs], strict=True)
    after = []
    for place, x in enumerate(stream):
        found = []
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            scores = torch.stack([queries[place][own] @ keys[other][own] for other in range(place + 1)]) / size**0.5
            shares = torch.softmax(scores, 0)
            found.append(sum(share * values[other][own] for other, share in enumerate(shares)))
        x = x + part["mix"] @ torch.cat(found)
        wide = part["widen"] @ layer_norm(x, part["perceptron_norm"]) + part["widen_bias"]
        after.append(x + part["narrow"] @ torch.nn.functional.gelu(wide))
    return after


@torch.no_grad()
def test_against_attention_in_loops(world: Any, read: Any, tokens: torch.Tensor) -> None:
    policy = small_policy("transformer", world, layers=2, heads=2)
    expected = policy.replay(*read, tokens)
    for row in (0, 5, len(tokens) - 1):
        written = [*read[0][row][read[1][row]].tolist(), *tokens[row, :-1].tolist()]
        stream = [policy.stage_embedding[read[2][row]], *(policy.token_embedding[token] for token in written)]
        stream = [x + policy.position_embedding[place] for place, x in enumerate(stream)]
        for block in policy.blocks:
            stream = slow_block(block, stream, heads=2)
        last = [layer_norm(x, policy.norm) for x in stream[-TOKENS:]]
        head = torch.stack([policy.head_weight @ x + policy.head_bias for x in last])
        torch.testing.assert_close(expected.logits[row], head[:, :-1], atol=2e-5, rtol=0)
        torch.testing.assert_close(expected.value[row], head[:, -1], atol=2e-5, rtol=0)


@pytest.mark.parametrize(("values", "message"), [({"width": 10, "heads": 4}, "multiple"), ({"heads": 0}, "heads = 0")])
def test_bad_settings(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TransformerSettings(**values)
