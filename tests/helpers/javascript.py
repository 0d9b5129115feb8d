"""Runs JavaScript where some is found: in Node, else in the V8 of the wheel `mini-racer`, in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NODE = shutil.which("node")
V8 = find_spec("py_mini_racer") is not None
WHY = "JavaScript is run by Node or by the V8 of the wheel mini-racer, and neither is installed"

needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed, and V8 alone lacks what browsers have")
needs_javascript = pytest.mark.skipif(not (NODE or V8), reason=WHY)

IN_NODE = """
const [file] = process.argv.slice(2), data = JSON.parse(require("fs").readFileSync(file, "utf8"));
Promise.resolve(main(data)).then((told) => process.stdout.write(JSON.stringify(told)));
"""
# Without `close` such a process now and then does not end after all is done. V8 alone has no clock: what waits for one
# comes next.
IN_V8 = """
import sys
from pathlib import Path
from py_mini_racer import MiniRacer
script, data = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
v8 = MiniRacer()
v8.eval("globalThis.setTimeout = (call) => { Promise.resolve().then(call); return 0; }; globalThis.failed = '';")
v8.eval(script)
v8.eval("Promise.resolve().then(() => main(" + data + ")).then((told) => { globalThis.told = JSON.stringify(told); },"
        " (error) => { globalThis.failed = String(error.stack); }); 0")
failed = v8.eval("failed")
print(failed or v8.eval("told"))
v8.close()
if failed:
    raise SystemExit(failed)
"""


def run_javascript(script: str, data: Any, folder: Path, *, seconds: float = 120, v8: bool = NODE is None) -> Any:
    """What `main(data)` of a script gives, or promises. Fails with what stderr says, or after so many seconds."""
    program, given = folder / "program.js", folder / "data.json"
    program.write_text(script if v8 else script + IN_NODE, encoding="utf-8")
    given.write_text(json.dumps(data, allow_nan=False), encoding="utf-8")
    command: Sequence[str] = [sys.executable, "-c", IN_V8] if v8 else [str(NODE)]
    done = subprocess.run(
        [*command, str(program), str(given)], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
