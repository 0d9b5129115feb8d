"""The page's JavaScript: the files of `static/`, joined in the order in which they need each other. They are one
script, not modules, since a page that is opened from disk may load no other file."""

from __future__ import annotations

from importlib import resources

STRICT = '"use strict";\n'
ENGINE = ("tensor.js", "elementwise.js", "movement.js", "reduction.js", "graph.js", "engine.js", "way.js")
SESSION = (*ENGINE, "problems.js", "ways.js", "session.js", "link.js")
SOCKET = (*SESSION, "line.js", "socket.js")  # an engine whose answers come from the server
MODEL = (*SESSION, "score.js", "check.js")  # all but what needs a browser
PAGE = (*MODEL, "dom.js", "table.js", "panels.js", "keys.js", "drawing.js", "app.js", "main.js")
LIVE = (*SOCKET, *PAGE[len(SESSION) :])  # of the page of the local server


def script(names: tuple[str, ...] = ENGINE) -> str:
    """The files with these names as one script; the engine's by default."""
    folder = resources.files("inwit.playground") / "static"
    return STRICT + "".join((folder / name).read_text(encoding="utf-8").removeprefix(STRICT) for name in names)
