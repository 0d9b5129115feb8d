"""The recipes that come with the package, one TOML file each."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from inwit.core.errors import UserError, unknown


def names() -> list[str]:
    return sorted(path.name[:-5] for path in resources.files(__name__).iterdir() if path.name.endswith(".toml"))


def text(name: str) -> str:
    """A recipe's TOML text. Raises `UserError` for a name that does not exist."""
    if name not in names():
        raise unknown("recipe", name, [*names(), "the path of a .toml file"])
    return (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")


def read(source: str | Path) -> tuple[str, str]:
    """The name and the text of a recipe, given by name or as the path of a TOML file. Raises `UserError`."""
    path = Path(source)
    if path.suffix != ".toml":
        return str(source), text(str(source))
    try:
        return path.stem, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the recipe {path}: {getattr(error, 'strerror', None) or error}") from None
