"""An agent leaves as a folder and comes back. `inwit.push_to_hub(agent, "name/agent")` sends the same folder."""

import tempfile
from pathlib import Path

import inwit

agent = inwit.train("tutorial", seed=0)
with tempfile.TemporaryDirectory() as folder:
    inwit.save_pretrained(agent, folder)
    print(*sorted(path.name for path in Path(folder).iterdir()))
    back = inwit.from_pretrained(folder)
print(inwit.explain(back, {"stage": 2, "operands": [5, 5, 7, 9, 8]}).program)
assert inwit.evaluate(back).solved == 111_000  # every problem, as when it left
