"""Worse memories: exactly what each lacks, told by a policy that remembers every token as a digit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from inwit.core.types import Output
from inwit.evidence.memories import Noisy, Rebuilt, Stale, spread

PROMPT = torch.tensor([[9]]), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64)


class Diary:
    """Its memory is a number whose digits are the prompt and the tokens; its value says what it answers from."""

    def begin(self, prompt: Any, prompt_mask: Any, stage: Any) -> Any:
        return self.answer(prompt[:, 0].double())

    def step(self, token: Any, memory: Any) -> Any:
        return self.answer(memory["digits"] * 10 + token)

    def answer(self, digits: torch.Tensor) -> Any:
        return Output(torch.zeros(len(digits), 1), digits), {"digits": digits, "count": torch.ones(len(digits)).long()}


def read_from(policy: Any, tokens: list[int]) -> list[str]:
    """What it answers from in each column."""
    output, memory = policy.begin(*PROMPT)
    values = [output.value]
    for token in tokens:
        output, memory = policy.step(torch.tensor([token]), memory)
        values.append(output.value)
    return [f"{float(value):g}" for value in values]


def test_a_memory_that_is_rebuilt_has_the_prompt_and_the_last_token() -> None:
    assert read_from(Rebuilt(Diary()), [1, 2, 3, 4]) == ["9", "91", "92", "93", "94"]


def test_a_stale_memory_lacks_the_two_tokens_before_the_last() -> None:
    assert read_from(Stale(Diary()), [1, 2, 3, 4, 5]) == ["9", "91", "92", "93", "914", "9125"]


def test_noise_is_a_share_of_the_spread_and_does_not_add_up() -> None:
    policy = Noisy(Diary(), {"digits": torch.tensor([10.0])}, 0.25)
    first = read_from(policy, [0] * 200)
    assert first == read_from(policy, [0] * 200), "The same noise each time."
    quiet = read_from(Noisy(Diary(), {"digits": torch.tensor([10.0])}, 0.0), [1, 2])
    assert quiet == read_from(Diary(), [1, 2])
    rows = (torch.full((4000, 1), 0), torch.ones(4000, 1, dtype=torch.bool), torch.zeros(4000, dtype=torch.int64))
    _, memory = policy.begin(*rows)
    output, after = policy.step(torch.zeros(4000, dtype=torch.int64), memory)
    assert float(output.value.std()) == pytest.approx(10 * 0.25 * 10, rel=0.05)  # the noise is one digit further now
    assert float(after["digits"].abs().max()) == 0.0


def test_the_spread_is_that_of_live_rows_and_of_numbers() -> None:
    memories: Any = [
        {"digits": torch.tensor([[0.0], [2.0]]), "count": torch.tensor([1, 2])},
        {"digits": torch.tensor([[4.0], [100.0]]), "count": torch.tensor([1, 2])},
    ]
    found = spread(memories, torch.tensor([[True, True], [True, False]]))
    assert list(found) == ["digits"]
    assert float(found["digits"]) == pytest.approx(2.0)


def test_a_memory_that_grows_has_a_spread_over_its_positions() -> None:
    memories: Any = [
        {"keys": torch.zeros(2, 1, 3)},
        {"keys": torch.tensor([[[0.0, 1.0, 2.0]] * 2, [[4.0, 1.0, 2.0]] * 2])},
    ]
    found = spread(memories, torch.ones(2, 2, dtype=torch.bool))["keys"]
    assert found.shape == (1, 1, 3)
    assert found.flatten().tolist() == pytest.approx([16**0.5 / 3**0.5, 0, 0])
