"""The exception for a user's mistake, with a hint at the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Something the caller gave is wrong: one line that names the value, the limit and the way out.

    The command line prints it and exits with status 2; from Python it is an ordinary `ValueError`.
    """


def unknown(what: str, value: object, valid: Iterable[object]) -> UserError:
    """An error for a name that does not exist, with the nearest one that does."""
    names = [str(name) for name in valid]
    near = get_close_matches(str(value), names, n=1, cutoff=0.5) or get_close_matches(
        str(value).upper(), names, n=1, cutoff=0.5
    )
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UserError(f"unknown {what} {str(value)!r}: {hint}valid: {', '.join(names)}")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice: PyTorch raises a `RuntimeError` for it, on a GPU its own."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(words in str(error) for words in ("you tried to allocate", "out of memory", "std::bad_alloc"))
