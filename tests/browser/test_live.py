"""The page of the local server: as the page from disk, with runs and trainings beside; and what it does while the
server is gone."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inwit
from browsing import View, screenshots, viewed
from inwit.core.contracts import Agent
from live_pages import PROBLEM, SECONDS, Place, killed, own_requests, score


@pytest.fixture(scope="module")
def place(trained: Agent, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("live"), trained)


@pytest.fixture(scope="module")
def address(place: Place) -> Iterator[str]:
    """Of a server that all tests share which end none."""
    with place.serving(place.run) as found:
        yield found


def programs(view: View) -> set[str]:
    """The tokens of each branch."""
    words = "(rows) => rows.map((row) => [...row.querySelectorAll('.chip')].map((chip) => chip.innerText).join(' '))"
    return set(view.page.eval_on_selector_all("tr.program", words))


def used(view: View, address: str) -> list[list[str]]:
    """Some use of an agent, and the score after each step: as it is opened, after a step, after a token by hand, after
    a register was changed."""
    view.open(address)
    found = [score(view)]
    for keys in (["ArrowRight"], ["2"], ["Home", "ArrowRight", "ArrowRight"]):
        view.keys(*keys)
        found.append(score(view))
    view.page.fill("[data-key=r0]", "99")
    view.page.press("[data-key=r0]", "Enter")
    view.page.wait_for_selector(".note-edit")
    found.append(score(view))
    return found


def test_python_answers_as_the_page_from_disk(
    browser: Any, place: Place, address: str, trained: Agent, tmp_path: Path
) -> None:
    disk = inwit.page(trained, tmp_path / "page.html", tell=lambda _: None).as_uri()
    with viewed(browser) as view:
        alone = used(view, f"{disk}#{PROBLEM}")
        view.untouched()
    with viewed(browser) as view:
        served = used(view, f"{address}&{PROBLEM}")
        assert "token" not in view.page.url
        assert "Python answers on this machine." in view.page.inner_text("main")
        link = view.page.url
        view.page.reload()
        view.page.wait_for_selector("html[data-ready]")
        assert view.page.url == link
        assert score(view) == served[-1], "the address keeps the tree, the tab the token"
        own_requests(view, address)
    assert served == alone
    assert len({tuple(each) for each in served}) == 3, "a token and a register change the score, a step does not"


def test_the_server_is_killed_and_started_anew(browser: Any, place: Place) -> None:
    process, address = place.server(place.run)
    port = re.findall(r":(\d+)/", address)[0]
    killed(process)
    process, address = place.server(place.run, "--port", port)  # its token is kept, since its port was named
    try:
        with viewed(browser) as view:
            view.open(f"{address}&{PROBLEM}")
            view.keys("ArrowRight", "2", "ArrowRight")
            before, tree = score(view), programs(view)
            killed(process)
            status = view.page.locator("#line[role=status] .notice")
            status.wait_for()
            said = f"inwit playground --port {port}. Nothing is lost."
            assert status.inner_text() == f"The server does not answer: start it again with {said}"
            view.keys("ArrowLeft", "ArrowRight")  # what is known is still there
            assert score(view) == before
            view.page.keyboard.press("3")  # a question that no server hears
            process, address = place.server("--port", port)
            status.wait_for(state="detached", timeout=1000 * SECONDS)
            view.page.wait_for_function("() => document.querySelectorAll('tr.program').length === 3")
            assert tree < programs(view), "the tree is as before, and has what was asked meanwhile"
            assert {error for error in view.errors if "ERR_CONNECTION" not in error} == set()
    finally:
        killed(process)


def test_another_server_at_the_same_port_says_so(browser: Any, place: Place, tmp_path: Path) -> None:
    process, address = place.server(place.run)
    port = re.findall(r":(\d+)/", address)[0]
    with viewed(browser) as view:
        view.open(address)
        killed(process)
        place.environment = place.environment | {"INWIT_CACHE": str(tmp_path)}
        process, _ = place.server("--port", port)
        try:
            text = "The server does not know this page: open the address that the command printed."
            view.page.wait_for_function(f"() => document.getElementById('line').innerText === '{text}'")
        finally:
            killed(process)


def test_a_page_without_a_token_says_so(browser: Any, address: str) -> None:
    with viewed(browser) as view:
        view.page.goto(address.split("#", maxsplit=1)[0])
        view.page.wait_for_selector("#notice .notice")
        assert "open the address that the command printed" in view.page.inner_text("#notice")
        own_requests(view, address)


def test_a_training_is_started_watched_and_stopped(browser: Any, place: Place) -> None:
    with place.serving() as address, viewed(browser) as view:
        page = view.page
        view.open(f"{address}&screen=train")
        page.wait_for_selector("[data-key='set-training.max_updates']")
        page.dispatch_event("[data-key=recipe]", "change")  # the recipe that it has: the fields must not come loose
        page.fill("[data-key='set-training.max_updates']", "21")
        page.fill("[data-key='set-seed']", "3")
        page.click("[data-key=start]")
        page.wait_for_selector("#train-head [data-key=open-run]", timeout=1000 * SECONDS)
        assert "update 21 of at most 21" in page.inner_text("#train-head")
        assert "finished" in page.inner_text("#train-head")
        assert page.locator("#train-curves polyline").count() == 5
        assert "seed 3" in page.inner_text("#train-head"), "the training has the values that the form shows"
        updates = page.eval_on_selector_all("#train-specimen tbody th", "(all) => all.map((one) => one.innerText)")
        assert updates == ["21", "11", "1", "0"]

        page.fill("[data-key='set-training.max_updates']", "3000")
        page.fill("[data-key='set-seed']", "4")
        page.click("[data-key=start]")
        page.wait_for_selector("#train-head [data-key=stop]", timeout=1000 * SECONDS)
        page.wait_for_selector("#train-specimen tbody tr:nth-child(3)", timeout=1000 * SECONDS)
        page.click("[data-key=stop]")
        page.wait_for_selector("#train-head .state:has-text('interrupted')", timeout=1000 * SECONDS)

        update = page.inner_text("#train-specimen tbody tr:nth-child(2) th")
        page.click("#train-specimen tbody tr:nth-child(2) button")
        page.wait_for_selector(f"#step .weights:has-text('after {update} update')", timeout=1000 * SECONDS)
        page.wait_for_function(f"() => location.hash.includes('&u={update}')")
        own_requests(view, address)


def test_earlier_weights_are_those_of_a_page_from_disk(browser: Any, place: Place, address: str) -> None:
    """Of a training with snapshots; on both pages the slider goes through the same programs."""
    words = ["train", "--seed", "1", "--training.max_updates", "30", "--training.snapshots", "0,10,20"]
    quiet: dict[str, Any] = {"env": place.environment, "check": True, "capture_output": True, "timeout": 300}
    subprocess.run(place.command(*words, "--name", "early"), **quiet)
    [run] = [path for path in Path(place.environment["INWIT_RUNS"]).iterdir() if path.name.startswith("early")]
    disk = run.parent.parent / "early.html"
    subprocess.run(place.command("page", str(run), "--snapshots", "4", "--out", str(disk)), **quiet)
    token = address.split("&runs=", maxsplit=1)[0]
    found = []
    for link in (f"{disk.as_uri()}#{PROBLEM}", f"{token}&runs={run.name}&{PROBLEM}"):
        with viewed(browser) as view:
            view.open(link)
            view.page.wait_for_selector("[data-key=weights]")
            seen = [score(view)]
            for text in ("after 30 updates", "after 20 updates", "after 10 updates", "after 0 updates"):
                view.page.keyboard.press("PageDown")
                view.page.wait_for_selector(f".weights:has-text('{text}')")
                view.page.wait_for_function(f"() => location.hash.includes('u={text.split()[1]}')")
                seen.append(score(view))
            view.page.reload()
            view.page.wait_for_selector(".weights:has-text('after 0 updates')")
            assert score(view) == seen[-1]
            view.page.set_viewport_size({"width": 320, "height": 640})
            assert (view.overflow(), view.violations()) == (0, [])
            assert view.errors == []
            found.append(seen)
    assert found[0] == found[1]
    assert found[0][0] == found[0][1] != found[0][-1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1340, 768, 390])
def test_nothing_is_amiss_on_runs_and_train(browser: Any, place: Place, address: str, width: int, scheme: str) -> None:
    with viewed(browser, width, scheme) as view:
        view.open(f"{address}&screen=runs")
        view.page.wait_for_selector("#run-list tbody tr")
        view.page.check(f"[data-key='run-{place.run}']")
        view.page.screenshot(path=screenshots() / f"runs-{width}-{scheme}.png", full_page=True)
        assert (view.overflow(), view.violations()) == (0, [])
        view.page.click("[data-key=runs-watch]")
        view.page.wait_for_selector("#train-specimen table")
        view.page.wait_for_selector("#train-fields select")
        view.page.wait_for_selector("#train-curves polyline")
        assert (view.overflow(), view.violations()) == (0, [])
        view.page.screenshot(path=screenshots() / f"train-{width}-{scheme}.png", full_page=True)
        own_requests(view, address)


def test_a_list_of_400_runs_stays_quick(browser: Any, trained: Agent, tmp_path: Path) -> None:
    place = Place(tmp_path, trained)
    runs = Path(place.environment["INWIT_RUNS"])
    for number in range(400):
        copy = runs / f"copy-{number:03d}"
        copy.mkdir()
        shutil.copy(runs / place.run / "run.json", copy / "run.json")
    with place.serving(place.run) as address, viewed(browser) as view:
        view.open(address)
        began = time.monotonic()
        view.page.click("[data-screen=runs]")
        view.page.wait_for_selector("#run-list tbody tr")
        seconds = time.monotonic() - began
        print(f"400 runs are listed in {seconds:.2f} s")
        assert seconds < 5
        assert view.page.locator("#run-list tbody tr").count() == 200
        view.page.fill("[data-key=run-filter]", "copy-399")
        view.page.wait_for_function("() => document.querySelectorAll('#run-list tbody tr').length === 1")
        assert "copy-399" in view.page.inner_text("#run-list")
        own_requests(view, address)


def test_a_world_without_agents_is_played_by_hand(browser: Any, place: Place, address: str) -> None:
    token = address.split("&runs=", maxsplit=1)[0]
    with viewed(browser) as view:
        view.open(f"{token}&runs=tutorial-v1")
        tabs = view.page.locator("#screens button:visible").all_inner_texts()
        assert tabs == ["By hand", "Runs", "Train"]
        view.keys("c", "1")
        view.page.wait_for_selector("#transport .where:has-text('1 of 1')")
        own_requests(view, address)
