"""Other people's libraries: each module here is a leaf that imports one of them and can be deleted by itself.

`stable_baselines3` and `torchrl` (extra `rl`), `hub` (extra `hub`), `onnx` (extra `export`).
"""

from __future__ import annotations

from inwit.core.errors import UserError


def missing(package: str, extra: str) -> UserError:
    """What is raised where a package that belongs to an extra is not installed."""
    return UserError(f'{package} is not installed: pip install "inwit[{extra}]"')
