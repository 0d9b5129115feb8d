"""Running examples/the_article.ipynb. `python tests/helpers/notebook.py` leaves the results in the file."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "the_article.ipynb"


def executed() -> nbformat.NotebookNode:
    """The notebook with what its cells give now. Raises `CellExecutionError` where one fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", record_timing=False).execute()
    notebook.metadata.language_info = {"name": "python"}  # no versions: only results make a difference
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(), NOTEBOOK)
