"""What a training may spend: tokens, so that machines compare; or seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf, isfinite

from inwit.core.errors import UserError, short
from inwit.core.numbers import finite_number, whole_number
from inwit.core.results import Json


@dataclass(frozen=True)
class Budget:
    """A training ends after the update in which either is spent."""

    tokens: float = inf  # that the agent chose
    seconds: float = inf

    def to_dict(self) -> Json:
        return {name: value if isfinite(value) else None for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, record: Json) -> Budget:
        return cls(**{name: inf if value is None else value for name, value in record.items()})

    def __str__(self) -> str:
        return f"{self.tokens:,.0f} tokens" if isfinite(self.tokens) else f"{self.seconds:g} s"


def parsed(text: str) -> Budget:
    """`200000` (tokens) or `60s` (seconds of training). Raises `UserError` for anything else."""
    word = text.strip().replace("_", "").lower()
    try:
        found = Budget(seconds=finite_number(word[:-1])) if word.endswith("s") else Budget(whole_number(word))
    except (ValueError, TypeError, OverflowError):
        raise UserError(f"budget = {short(text)} is none: give tokens, as 200000, or seconds, as 60s") from None
    if min(found.tokens, found.seconds) <= 0:
        raise UserError(f"budget = {short(text)} is too small: it must be more than 0")
    return found
