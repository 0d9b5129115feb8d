"""A run is a folder. Writing it, reading it and going on with it live here.

`recording.py` runs a training and keeps it, by `writing.py`; `resuming.py`, `checkpoint.py` and `snapshot.py` go on
with one; `loading.py` is the way back to an agent. `folder.py`, `legacy.py`, `index.py` and `query.py` read runs and
never import PyTorch. How results look has no place here. Start with docs/runs.md, then `recording.py`.
"""
