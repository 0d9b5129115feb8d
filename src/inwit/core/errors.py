"""The exception for a user's mistake, with a hint at the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

LONGEST = 100  # characters of a value in a message

_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = LONGEST


class UserError(ValueError):
    """Something the caller gave is wrong: one line that names the value, the limit and the way out.

    The command line prints it and exits with status 2; from Python it is an ordinary `ValueError`.
    """


def how_to_get(extra: str) -> str:
    """What to type for an extra. No index of packages has inwit, so it says where."""
    return f'in the clone of inwit: pip install -e ".[{extra}]"'


def missing(package: str, extra: str) -> UserError:
    """An error for a package that belongs to an extra and is not installed."""
    return UserError(f"{package} is not installed: {how_to_get(extra)}")


def short(value: object) -> str:
    """A value as a message names it: its `repr` in one line, cut in the middle where it is long or deep."""
    try:
        text = " ".join(_REPR.repr(value).split())
    except Exception:  # a number of 5,000 digits, somebody's own class
        return f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST else f"{text[:70]}...{text[-20:]}"


def cut(message: object) -> str:
    """What an error says, as another message quotes it: in one line, cut in the middle where it is long."""
    text = " ".join(str(message).split())
    return text if len(text) <= LONGEST else f"{text[:70]}...{text[-20:]}"


def unknown(what: str, value: object, valid: Iterable[object]) -> UserError:
    """An error for a name that does not exist, with the nearest one that does."""
    names = [str(name) for name in valid]
    text = str(value)
    near = get_close_matches(text, names, n=1, cutoff=0.5) or get_close_matches(text.upper(), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UserError(f"unknown {what} {short(text)}: {hint}valid: {', '.join(names)}")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice: PyTorch raises a `RuntimeError` for it, on a GPU its own."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(words in str(error) for words in ("you tried to allocate", "out of memory", "std::bad_alloc"))
