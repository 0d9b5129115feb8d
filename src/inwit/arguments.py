"""What every command's parsing shares. Free of PyTorch, and of everything else that is slow to import."""

from __future__ import annotations

import argparse
import json
from typing import Any, NoReturn

from inwit.errors import UserError


class Parser(argparse.ArgumentParser):
    """Errors are one line (raised, not printed), abbreviations are refused."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, allow_nan=False))
