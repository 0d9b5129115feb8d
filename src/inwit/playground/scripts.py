"""The page's HTML and its JavaScript: the files of `static/`, joined in the order in which they need each other. They
are one script, not modules, since a page that is opened from disk may load no other file."""

from __future__ import annotations

import re
from html import escape
from importlib import resources

from inwit.version import __version__

STRICT = '"use strict";\n'
ENGINE = ("tensor.js", "elementwise.js", "movement.js", "reduction.js", "graph.js", "engine.js", "way.js")
SESSION = (*ENGINE, "problems.js", "ways.js", "advice.js", "session.js", "link.js")
SOCKET = (*SESSION, "line.js", "socket.js")  # an engine whose answers come from the server
MODEL = (*SESSION, "score.js", "check.js")  # all but what needs a browser
SCREENS = ("screens.js", "hand.js", "compare.js", "finds.js", "tour.js", "saved.js")
SHOWN = ("score.js", "dom.js", "table.js", "panels.js", *SCREENS)
ACTING = ("earlier.js", "keys.js", "drawing.js", "thinking.js", "app.js", "opening.js")
PAGE = (*MODEL, *SHOWN[1:], *ACTING, "main.js")
WATCHING = ("runs.js", "curves.js", "training.js", "train.js")
LIVE = (*SOCKET, *SHOWN, *WATCHING, *ACTING, "live.js")  # of the page of the local server


def static(name: str) -> str:
    """The text of a file of `static/`."""
    return (resources.files("inwit.playground") / "static" / name).read_text(encoding="utf-8")


def document(head: str, note: str, scripts: str, title: str = "") -> str:
    """The page's HTML: what is peculiar to a page that stands alone, or to a server's, is given as HTML. `title`: as
    text, what is shown."""
    shown = f"{escape(title)}: " if title else ""
    parts = {"VERSION": __version__, "TITLE": shown, "HEAD": head, "NOTE": note, "SCRIPTS": scripts}
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], static("page.html"))


def script(names: tuple[str, ...] = ENGINE) -> str:
    """The files with these names as one script; the engine's by default."""
    return STRICT + "".join(static(name).removeprefix(STRICT) for name in names)
