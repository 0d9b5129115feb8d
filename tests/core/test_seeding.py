"""Streams of random numbers: reproducible, independent, and apart from the global generator."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from inwit.core.seeding import stream, stream_seed


@given(seed=st.integers(0, 2**63), name=st.text("abc/0 é"))
def test_seeds_are_reproducible_and_in_range(seed: int, name: str) -> None:
    assert stream_seed(seed, name) == stream_seed(seed, name)
    assert 0 <= stream_seed(seed, name) < 2**63


def test_the_derivation_never_changes() -> None:
    """Stored runs say how they were made: another derivation would make other runs of their seeds.
    The number is that of `printf 0/weights | sha256sum`: the first 16 digits, halved."""
    assert stream_seed(0, "weights") == 133441691874178746


def test_streams_differ_by_seed_and_by_name() -> None:
    seeds = {stream_seed(seed, name) for seed in range(200) for name in ("weights", "tasks", "actions", "kinds")}
    assert len(seeds) == 800
    assert stream_seed(1, "1") != stream_seed(11, ""), "Seed and name must not run into each other."


def test_a_stream_repeats() -> None:
    draws = [torch.rand(5, generator=stream(3, "tasks")) for _ in range(2)]
    assert torch.equal(*draws)


def test_streams_are_independent() -> None:
    """Drawing from one stream shifts no other, and two streams are not correlated."""
    one, two = stream(0, "tasks"), stream(0, "actions")
    torch.rand(1000, generator=one)
    assert torch.equal(torch.rand(5, generator=two), torch.rand(5, generator=stream(0, "actions")))
    many = torch.stack([torch.rand(10_000, generator=stream(seed, "tasks")) for seed in range(4)])
    correlation = torch.corrcoef(many) - torch.eye(4)
    assert float(correlation.abs().max()) < 0.05


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(3, generator=stream(0, "tasks"))
    assert torch.equal(torch.get_rng_state(), before)
