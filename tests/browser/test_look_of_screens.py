"""By hand, compare and tour in a real browser: nothing is amiss, and keys and buttons do what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from browsing import View, screenshots, viewed


def faultless(view: View) -> None:
    assert view.overflow() == 0
    assert view.violations() == []
    view.untouched()


def whole(view: View, screen: str) -> None:
    """Wait until the screen has found all that it looks for."""
    wanted = {
        "hand": "() => document.querySelector('#next .choice')",
        "compare": "() => document.querySelectorAll('#matrix th button').length === 64",
        "tour": "() => document.querySelectorAll('.stops button').length >= 6",
    }[screen]
    view.page.wait_for_function(wanted, timeout=30_000)
    view.settle()


@pytest.mark.parametrize(("width", "scheme"), [(1340, "light"), (768, "dark"), (390, "light"), (320, "dark")])
@pytest.mark.parametrize("screen", ["hand", "compare", "tour"])
@pytest.mark.parametrize("world", ["tutorial", "lookup"])
def test_nothing_is_amiss_on_a_screen(
    browser: Any, addresses: dict[str, str], world: str, screen: str, width: int, scheme: str
) -> None:
    with viewed(browser, width, scheme) as view:
        view.open(f"{addresses[world]}#screen={screen}")
        whole(view, screen)
        faultless(view)
        if screen == "hand":
            view.keys("1", "h", "1", "1")
            view.page.locator("[data-key^=ask-]").first.click()
            view.settle()
            faultless(view)
        view.page.screenshot(path=screenshots() / f"{world}-{screen}-{width}-{scheme}.png", full_page=True)


def test_a_person_solves_a_problem_by_keys(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.open(f"{addresses['tutorial']}#screen=hand")
        whole(view, "hand")
        assert view.page.locator("tr.memory, tr.rival, tr.verdicts, .badge").count() == 0, "nothing is told unasked"
        for token in ("MUL", "ADD", "STO", "MUL", "RCL", "SUB", "ANS"):
            words = view.page.eval_on_selector_all(".choice .word", "(all) => all.map((one) => one.innerText)")
            assert [each["key"] for each in ({"key": str(place + 1)} for place in range(len(words)))] == (
                view.page.eval_on_selector_all(".choice kbd", "(all) => all.map((one) => one.innerText)")
            )
            view.keys(str(words.index(token) + 1))
        assert view.page.inner_text("#next h2") == "✓ Right"
        assert view.page.inner_text(".tally").split("\n")[1::2] == ["1", "1", "1 of 1"]
        view.page.wait_for_function("() => location.hash.includes('.ANS&')")
        view.page.reload()
        whole_again = "() => document.querySelector('#next h2')?.innerText === '✓ Right'"
        view.page.wait_for_function(whole_again)
        assert view.page.inner_text(".tally").split("\n")[5] == "0 of 0", "what a link holds nobody has written here"
        view.keys("n")
        assert view.page.locator("tr.program .chip:not(.read)").count() == 0
        view.untouched()


def test_what_is_found_later_is_said_and_other_colours_keep_what_was_done(
    browser: Any, addresses: dict[str, str]
) -> None:
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        view.page.wait_for_function("() => document.querySelector('#say').textContent.includes('7 more at best')")
        view.keys("ArrowRight", "2", "z")
        before = view.page.locator("tr.memory canvas").first.screenshot()
        view.page.emulate_media(color_scheme="dark")
        view.settle()
        assert view.page.locator("tr.memory canvas").first.screenshot() != before
        view.keys("Shift+Z")
        assert view.page.inner_text("tr.active th") == "branch 1", "redo goes on"
        view.untouched()


def test_the_agent_goes_on_by_itself_until_it_is_stopped(browser: Any, addresses: dict[str, str]) -> None:
    where = "#transport .where"
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        view.keys(" ")
        view.page.wait_for_function("() => document.querySelector('#transport .where').innerText.startsWith('3')")
        view.keys(" ")
        stopped = view.page.inner_text(where)
        view.page.wait_for_timeout(900)
        assert view.page.inner_text(where) == stopped
        view.untouched()
    with viewed(browser, reduced_motion="reduce") as view:
        view.open(addresses["tutorial"])
        view.keys(" ")
        assert view.page.inner_text(where) == "7 of 7"


def test_keys_reach_the_fields_and_the_screens(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        view.keys("ArrowRight", "m", "ArrowUp", "ArrowUp")
        assert view.focus() == "unit"
        assert view.page.input_value("[data-key=unit]") == "3"
        view.keys("Escape", "e")
        assert view.focus() == "r0"
        view.keys("Escape", "h")
        assert view.page.locator("tr.verdicts, .badge").count() == 0
        assert "hide=togo" in view.page.evaluate(
            "() => new Promise((next) => setTimeout(() => next(location.hash), 300))"
        )
        view.keys("h", "c")
        assert view.page.is_visible("#compare")
        view.keys("c")
        assert view.page.is_visible("#score")
        view.untouched()


def test_panels_that_the_address_hides_are_not_shown(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.open(f"{addresses['tutorial']}#hide=memory.rivals.togo.change.next")
        view.keys("ArrowRight")
        assert view.page.locator("tr.memory, tr.rival, tr.verdicts").count() == 0
        assert not view.page.is_visible("#change")
        assert not view.page.is_visible("#next")
        faultless(view)


def test_programs_are_compared_and_a_number_opens_its_problem(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        view.keys("ArrowRight", "2", "c")
        whole(view, "compare")
        rows = "#compared tr.start"
        assert view.page.locator(rows).count() == 2
        view.page.click("[data-key='with-branch 1']")
        view.settle()
        assert view.page.locator(rows).count() == 3
        assert view.page.locator("#compared .written.parts").count() >= 1
        assert "branch 1 parts from gru at 2" in view.page.inner_text("#compared .verdict-line")
        before = view.page.inner_text("#compare-task .goal")
        view.page.click("[data-key=x8]")
        view.page.wait_for_function(
            "(goal) => document.querySelector('#compare-task .goal').innerText !== goal", arg=before
        )
        view.settle()
        assert view.page.locator("#matrix [aria-current]").inner_text() == "9"
        view.untouched()


def test_the_tour_goes_on_and_back_and_is_left_where_one_is(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.open(f"{addresses['tutorial']}#screen=tour&stop=2")
        whole(view, "tour")
        title = ".stop h2"
        assert view.page.inner_text(title).startswith("2 of 6: A forced error")
        view.page.click("[data-key=tour-on]")
        view.settle()
        assert view.page.inner_text(title).startswith("3 of 6: Luck")
        view.page.click("[data-key=tour-back]")
        view.settle()
        assert view.page.inner_text(title).startswith("2 of 6: A forced error")
        branches = view.page.locator("tr.program").count()
        view.page.click("[data-key=tour-take]")
        view.settle()
        assert not view.page.is_visible("#tour")
        assert view.page.locator("tr.program").count() == branches == 2
        view.untouched()


def test_a_session_is_saved_and_opened(browser: Any, addresses: dict[str, str], tmp_path: Path) -> None:
    with viewed(browser, accept_downloads=True) as view:
        view.open(addresses["tutorial"])
        view.keys("ArrowRight", "2")
        with view.page.expect_download() as download:
            view.page.click("[data-key=save]")
        file = tmp_path / "session.json"
        download.value.save_as(file)
        held = json.loads(file.read_text())
        assert (held["world"], held["link"][:5]) == ("tutorial-v1", "#v=1&")
        view.page.goto("about:blank")
        view.open(addresses["tutorial"])
        assert view.page.locator("tr.program").count() == 1
        view.page.set_input_files("#saving input", file)
        view.page.wait_for_function("() => document.querySelectorAll('tr.program').length === 2")
        file.write_text("{}")
        view.page.set_input_files("#saving input", file)
        view.page.wait_for_selector("#notice .notice")
        assert "no session of this page" in view.page.inner_text("#notice")
        view.untouched()
