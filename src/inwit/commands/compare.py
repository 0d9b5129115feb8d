"""`inwit compare RUNS...`: what differs, how soon each got there, the results side by side.

Runs side by side: only what differs in their settings, how soon each group got to 95 % and to
everything, and the results. Runs that differ in nothing but the seed are a group. Runs of different
worlds are shown apart.

example: inwit compare 'tutorial-*' --plot curves.png
example: inwit compare --tag sweep
"""

from __future__ import annotations

from inwit.commands.arguments import Parser, add_json, add_runs, print_json
from inwit.commands.streams import terminal_width


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    add_runs(parser)
    parser.add_argument("--plot", help="draw the learning curves, seeds as bands, into a .png or .svg", metavar="FILE")
    add_json(parser)
    args = parser.parse_args(arguments)
    from inwit.core.paths import given_path
    from inwit.core.text import plain
    from inwit.report.compare import as_data, as_text, different_worlds, plot
    from inwit.report.compare import compare as compared
    from inwit.report.select import select

    comparisons = compared(select(args.runs, args.tag))
    if args.plot is not None:
        plot(given_path(args.plot), comparisons)
    if args.json:
        print_json(plain({"comparisons": [as_data(each) for each in comparisons]}))  # a folder may hold anything
        return 0
    apart = different_worlds(comparisons)
    print("\n\n\n".join([*([apart] if apart else []), *(as_text(each, terminal_width()) for each in comparisons)]))
    if args.plot is not None:
        print(f"\nwritten: {args.plot}")
    return 0
