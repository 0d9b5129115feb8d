"""How Sphinx makes the site of these pages: `make docs`. Why Sphinx: decisions/0010-docs-site.md."""

from __future__ import annotations

from inwit.version import __version__

project = "inwit"
author = "The inwit authors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["images"]

# Markdown as GitHub reads it: a link may name a heading of another page.
myst_heading_anchors = 4

# Docstrings are plain text with `names`. Signatures name types of libraries whose pages are not fetched.
default_role = "code"
nitpick_ignore_regex = [(r"py:.*", r"(?!inwit\.).*")]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88

# Nothing is loaded from another host: the theme brings its own scripts, and fonts are the reader's.
html_theme = "furo"
html_title = f"inwit {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
