"""A run is a folder. This wing writes it, reads it and goes on with it; it does not decide how results look.

`starting.py` starts a training, `recording.py` keeps it with `writing.py`; `resuming.py`, `checkpoint.py` and
`snapshot.py` go on with a run; `loading.py` makes an agent of one. `folder.py`, `legacy.py`, `index.py`, `finding.py`
and `query.py` read runs and never import PyTorch. Start with docs/runs.md, then `recording.py`.
"""
