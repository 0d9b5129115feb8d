"""How Sphinx makes a site of these pages and of the docstrings: `make docs`. Why so: decisions/0010-docs-site.md."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

from inwit.version import __version__

project = "inwit"
author = project_copyright = "The inwit authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
highlight_language = "none"  # of blocks that name no language: what a terminal shows
myst_heading_anchors = 4  # a link may name a heading of another page, as on GitHub

# In docstrings `this` is code. Signatures name types without a page, such as PyTorch's: only contracts must have one.
default_role = "code"
nitpick_ignore_regex = [("py:.*", r"(?!inwit\.core\.(contracts|types|results)\.).*")]
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88

# The theme brings its own scripts and uses the reader's fonts, so no page asks another host for anything.
html_theme = "furo"
html_title = f"inwit {release}"
html_copy_source = html_show_sourcelink = html_show_sphinx = False


def from_the_root(app: Sphinx, path: Path, parent: str, text: list[str]) -> None:
    """Let the relative links of README.md and its like, which the site shows as pages, lead from here as well."""

    def led(link: re.Match[str]) -> str:
        target = link[1]
        if target in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
            return f"](/site/{target.lower()})"
        return f"](/{target.removeprefix('docs/')})" if target.startswith("docs/") else f"](/../{target})"

    text[0] = re.sub(r"\]\((?!https?:|mailto:|#)([^)]*)\)", led, text[0])


def as_plain_text(app: Sphinx, what: str, name: str, part: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text: outside of `code` an underscore at a word's end is no link."""
    text = re.sub(r"`[^`]*`|\w_(?!\w)", lambda found: re.sub(r"^(\w)_$", r"\1\\_", found[0]), "\n".join(lines))
    lines[:] = text.split("\n")


def without_made_up_arguments(app: Sphinx, what: str, name: str, part: object, *rest: object) -> tuple[str, str] | None:
    """Nobody makes a Protocol: it has no arguments worth showing."""
    return ("", "") if getattr(part, "_is_protocol", False) else None


def setup(app: Sphinx) -> None:
    app.connect("include-read", from_the_root)
    app.connect("autodoc-process-docstring", as_plain_text)
    app.connect("autodoc-process-signature", without_made_up_arguments)
