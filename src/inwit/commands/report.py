"""`inwit report RUN [RUN...]`: one HTML page about a run, or a comparison.

One HTML page about a run, or about several side by side: what was trained, the result
beside oracle, shortcut and random, learning curves, tools, program lengths, explained problems. The page
needs no network and no other file.

example: inwit report latest
example: inwit report 'tutorial-*' --out tutorial.html
"""

from __future__ import annotations

from inwit.commands.arguments import Parser, add_runs
from inwit.core.errors import UserError

MARK = b'<meta name="generator" content="inwit'  # what a page says of itself


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    add_runs(parser)
    parser.add_argument("--out", help="the page's file (default: report.html here)", metavar="FILE")
    args = parser.parse_args(arguments)
    if args.out == "":
        raise UserError("--out '' is no file: name one, or leave it out for report.html")
    from inwit.core import storage
    from inwit.core.paths import given_path
    from inwit.report.page import make_page
    from inwit.report.select import select

    path = given_path(args.out or "report.html")
    if args.out is None and path.is_file() and MARK not in path.read_bytes():
        raise UserError(f"{path} here is no page of inwit's: move it, or name another file with --out")
    page = make_page(select(args.runs, args.tag))
    storage.publish(path, page.encode(errors="replace"))  # a folder's name may be no text
    print(f"written: {path} ({len(page) / 1000:,.0f} kB)")
    return 0
