"""`inwit recipes [NAME]`: the recipes; with a name, its text, to copy and change.

List the recipes, or print one: a TOML file to copy and change.
"""

from __future__ import annotations

from inwit.commands.arguments import Parser


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.add_argument("name", nargs="?", help="print this recipe")
    args = parser.parse_args(arguments)
    from inwit.training.recipes import names, text

    if args.name is not None:
        print(text(args.name), end="")
        return 0
    for name in names():
        print(f"{name:14} {text(name).splitlines()[0].lstrip('# ')}")
    return 0
