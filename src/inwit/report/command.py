"""The commands `inwit compare` and `inwit report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inwit.arguments import Parser, print_json

RUNS = "names, paths, patterns such as 'calculator-*', or latest"


def compare(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="inwit compare",
        description="Runs side by side: only what differs in their settings, how soon each group got to 95 % and to\n"
        "everything, and the exact results. Runs that differ in nothing but the seed are a group. Runs of different\n"
        "worlds are shown apart.\n\n"
        "example: inwit compare 'tutorial-*' --plot curves.png",
    )
    parser.add_argument("runs", nargs="+", help=RUNS, metavar="RUN")
    parser.add_argument("--plot", help="draw the learning curves, seeds as bands, into a .png or .svg", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    from inwit.report.compare import as_data, as_text, different_worlds
    from inwit.report.compare import compare as compared
    from inwit.report.select import select

    comparisons = compared(select(args.runs))
    if args.plot is not None:
        from inwit.report.plot import plot

        plot(Path(args.plot), comparisons)
    if args.json:
        print_json({"comparisons": [as_data(each) for each in comparisons]})
        return 0
    apart = different_worlds(comparisons)
    print("\n\n\n".join([*([apart] if apart else []), *map(as_text, comparisons)]))
    if args.plot is not None:
        print(f"\nwritten: {args.plot}")
    return 0


def report(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="inwit report",
        description="One HTML page about a run, or about several side by side: what was trained, the exact result\n"
        "beside oracle, shortcut and random, learning curves, tools, program lengths, explained problems. The page\n"
        "needs no network and no other file.\n\n"
        "example: inwit report latest\n"
        "example: inwit report 'tutorial-*' --out tutorial.html",
    )
    parser.add_argument("runs", nargs="+", help=RUNS, metavar="RUN")
    parser.add_argument("--out", help="the page's file (default: report.html here)", metavar="FILE")
    args = parser.parse_args(arguments)
    from inwit.report.page import make_page
    from inwit.report.plot import write
    from inwit.report.select import select

    page = make_page(select(args.runs))
    path = Path(args.out or "report.html")
    write(path, page.encode(errors="replace"))  # a folder's name may be no text
    print(f"written: {path} ({len(page) / 1000:,.0f} kB)")
    return 0
