"""The recipes that come with the package, one TOML file each."""

from __future__ import annotations

import codecs
import io
import sys
from importlib import resources
from pathlib import Path

from inwit.core.errors import UserError, short, unknown
from inwit.core.paths import given_path

LONGEST = 1_000_000  # bytes of a recipe from standard input


def names() -> list[str]:
    return sorted(path.name[:-5] for path in resources.files(__name__).iterdir() if path.name.endswith(".toml"))


def text(name: str) -> str:
    """A recipe's TOML text. Raises `UserError` for a name that does not exist."""
    if name not in names():
        raise unknown("recipe", name, [*names(), "the path of a .toml file"])
    return (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")


def read(source: str | Path) -> tuple[str, str]:
    """The name and the text of a recipe, given by name, as the path of a TOML file, or as `-`: from standard input.
    Raises `UserError`."""
    if str(source).strip() in names():
        return str(source).strip(), text(str(source).strip())
    path = given_path(source, "a recipe")
    try:
        if str(source) == "-":
            return "stdin", _from_stdin()
        is_there = path.exists() and not path.is_dir()  # a pipe, too: /dev/stdin, or <(...) of a shell
        if not is_there and path.suffix.lower() != ".toml":
            return str(source), text(str(source))
        return path.stem if path.is_file() else "stdin", _decoded(path.read_bytes())
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"cannot read the recipe {short(str(source))}: {_reason(error)}") from None


def _from_stdin() -> str:
    data = (sys.stdin.buffer if sys.stdin else io.BytesIO()).read(LONGEST + 1)
    if not data.strip():
        raise UserError("standard input holds no recipe: give one, as in `inwit recipes tutorial | inwit train -`")
    if len(data) > LONGEST:
        raise UserError(f"standard input holds more than {LONGEST:,} bytes: that is no recipe")
    return _decoded(data)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


# How editors mark the encoding of a file; the longer marks first, since one begins as another.
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def _decoded(data: bytes) -> str:
    """UTF-8, or as the mark at the beginning says."""
    return data.decode(next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), "utf-8"))
