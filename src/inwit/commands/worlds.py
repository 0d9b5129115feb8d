"""`inwit worlds`: the worlds.

List the worlds.
"""

from __future__ import annotations

from inwit.commands.arguments import Parser


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.parse_args(arguments)
    from inwit.worlds import WORLDS

    for name in WORLDS.names():
        print(f"{name:14} {WORLDS.summary(name)}")
    return 0
