"""What is said where an agent of one world meets another world with other tokens."""

from __future__ import annotations

from inwit.core.contracts import World
from inwit.core.errors import UserError
from inwit.core.text import held
from inwit.worlds import make


def other_tokens(there: World, here: World) -> str | None:
    """The tokens of an agent's own world and of the world here, with the settings that make the difference; None where
    the tokens are the same."""
    if there.vocabulary.names == here.vocabulary.names:
        return None
    deciding = _deciding(there, here) if there.id == here.id else []
    ours, theirs = (world.settings.to_dict() for world in (here, there))
    both = [", ".join(f"{name} = {held(settings[name])}" for name in deciding) for settings in (theirs, ours)]
    with_, but = (f" with {text}" if text else "" for text in both)
    same = f"set {both[0]} here" if deciding else f"take an agent of {here.id}"
    return (
        f"it writes the {len(there.vocabulary)} tokens of {there.id}{with_}, and {here.id}{but} has "
        f"{len(here.vocabulary)} others: {same}"
    )


def _deciding(there: World, here: World) -> list[str]:
    """The settings that differ and that change the tokens, each alone."""
    theirs, ours = there.settings.to_dict(), here.settings.to_dict()
    return [name for name in theirs if theirs[name] != ours[name] and _changes(there, name, ours[name])]


def _changes(world: World, name: str, value: object) -> bool:
    try:
        return make(world.id, **{**world.settings.to_dict(), name: value}).vocabulary.names != world.vocabulary.names
    except UserError:  # alone the value does not fit the other settings
        return True
