"""The policies, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from inwit.core.registry import Entry, Registry

if TYPE_CHECKING:  # listing policies needs no PyTorch
    import torch

    from inwit.core.contracts import Trainable, World
    from inwit.core.settings import Settings

POLICIES: Registry[Callable[..., Trainable]] = Registry(
    "policy",
    "inwit.policies",
    {
        "gru": Entry("inwit.policies.gru:GRU", "a GRU that reads its prompt token by token"),
        "lstm": Entry("inwit.policies.lstm:LSTM", "an LSTM, likewise; bfloat16 products where the processor has them"),
        "transformer": Entry("inwit.policies.transformer:Transformer", "a decoder-only transformer with a cache"),
        "bag_gru": Entry(
            "inwit.policies.bag_gru:BagGRU", "the published agent: reads the mean of its prompt's embeddings"
        ),
        "memoryless": Entry("inwit.policies.memoryless:Memoryless", "a control without recurrence"),
    },
)


def make_policy(policy_id: str, settings: Settings, world: World, generator: torch.Generator) -> Trainable:
    """The policy `policy_id` with fresh weights from `generator`, sized for `world` (its vocabulary and stages)."""
    return POLICIES.load(policy_id)(
        settings,
        vocabulary_size=len(world.vocabulary),
        num_stages=world.kinds.num_stages,
        generator=generator,
    )
