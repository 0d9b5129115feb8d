"""A run is a folder. Writing it, reading it and going on with it live here.

`recording.py` runs a training and keeps it; `resuming.py`, `checkpoint.py` and `snapshot.py` go on with one.
`writing.py` writes what a folder holds, `loading.py` makes an agent of it. `folder.py`, `legacy.py`, `index.py`,
`query.py` and `text.py` read runs and never import PyTorch. Start with docs/runs.md, then `recording.py`.
"""
