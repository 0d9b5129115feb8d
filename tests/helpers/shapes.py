"""The type checker behind jaxtyping's import hook: it checks every signature that names a tensor's shape.

Signatures without a shape are left to pyright, which reads them better than a check at run time does: settings take
text on purpose and convert it, and protocols describe, they are not there for isinstance.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beartype import BeartypeConf, beartype

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function: Any) -> Any:
    """`function` with those of its arguments and results checked that are annotated with a tensor."""
    annotations = getattr(function, "__annotations__", {})
    if not any("Tensor" in str(hint) for hint in annotations.values()):
        return function
    if not isinstance(function, type):  # Protocols and other classes are pyright's business
        function.__annotations__ = {n: hint if "Tensor" in str(hint) else Any for n, hint in annotations.items()}
    return _check(function)


def annotated(package: str) -> list[str]:
    """The package's modules whose source imports jaxtyping, found without importing any. The others name no shape, and
    the hook would make every call in them slower."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    paths = [path for path in sorted(root.rglob("*.py")) if "jaxtyping import" in path.read_text(encoding="utf-8")]
    parts = [(package, *path.relative_to(root).with_suffix("").parts) for path in paths]
    return [".".join(part).removesuffix(".__init__") for part in parts]
