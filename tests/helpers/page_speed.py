"""How fast a page is, measured inside it: from a key to the new layout, without the wait for the next frame."""

from __future__ import annotations

from typing import Any

from browsing import View

# A key is pressed, and the time is taken when the page has said what it did, which it does last, and is laid out anew.
MEASURED = """
async ({ steps, problems }) => {
  const said = document.getElementById("say");
  const press = (key) => new Promise((next) => {
    const watched = new MutationObserver(() => {
      watched.disconnect();
      document.body.offsetHeight;
      next(performance.now() - started);
    });
    watched.observe(said, { childList: true });
    const started = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  });
  const rest = (ms) => new Promise((next) => setTimeout(next, ms));
  const times = { step: [], write: [], problem: [] };
  while (times.step.length < steps) {
    await press("Home");
    for (let k = 0; k < 5; k++) {
      times.step.push(await press("ArrowRight"));
      await rest(5);
    }
  }
  while (times.problem.length < problems) {
    times.problem.push(await press("n"));
    await rest(5);
    await press("ArrowRight");
    times.write.push(await press("2"));
    await rest(5);
  }
  return times;
}
"""


def part(values: list[float], share: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measured(view: View, address: str, steps: int = 200, problems: int = 200) -> dict[str, Any]:
    """Milliseconds until the page is ready; of a step, a token written by hand with the agent going on after it, and a
    new problem with all agents, each as median and 95th percentile; megabytes of the heap after all of it."""
    view.open(address)
    ready = float(view.page.get_attribute("html", "data-ready"))
    view.found()
    times = view.page.evaluate(MEASURED, {"steps": steps, "problems": problems})
    session = view.page.context.new_cdp_session(view.page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")
    return {
        "ready": ready,
        **{name: (part(each, 0.5), part(each, 0.95)) for name, each in times.items()},
        "megabytes": (heap["usedSize"] + heap.get("backingStorageSize", 0)) / 1e6,
    }
