"""What a run of Weights & Biases has written where there is no network: its `.wandb` file, read record by record."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32768  # bytes; a record is cut into pieces that lie in one block each, as LevelDB's log has it


def _records(data: bytes) -> Iterator[bytes]:
    """A file begins with 7 bytes of its own. A piece: a sum (4 bytes), its length (2), its type (1), the bytes. What
    follows a piece that is not whole yet is left out: wandb is still writing."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if kind not in (1, 2, 3, 4) or at + 7 + length > len(data):
            return
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or last of several
            yield whole
            whole = b""


def written(folder: Path) -> dict[str, Any]:
    """Everything of the ended runs that lie in a folder: `ids`, `history` (lines), `summary`, `config`, `exit` (a code
    for each time that one was ended), `name`, `tags`. wandb ends a run first, and writes its end a moment later."""
    until = time.monotonic() + 30
    while len((found := _written(folder))["exit"]) < len(list(folder.rglob("*.wandb"))):
        assert time.monotonic() < until, f"wandb has not written its end: {found}"
        time.sleep(0.05)
    return found


def _written(folder: Path) -> dict[str, Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    found: dict[str, Any] = {"ids": [], "history": [], "summary": {}, "config": {}, "exit": [], "name": "", "tags": []}
    for file in sorted(folder.rglob("*.wandb")):
        for data in _records(file.read_bytes()):
            record = Record.FromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                found["ids"].append(record.run.run_id)
                found |= {"name": record.run.display_name, "tags": list(record.run.tags)}
                found["config"] |= _items(record.run.config.update)
            elif kind == "history":
                found["history"].append(_items(record.history.item))
            elif kind == "summary":
                found["summary"] |= _items(record.summary.update)
            elif kind == "config":
                found["config"] |= _items(record.config.update)
            elif kind == "exit":
                found["exit"].append(record.exit.exit_code)
    return found


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
