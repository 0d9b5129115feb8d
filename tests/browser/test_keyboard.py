"""The keyboard alone does everything, and the focus is never lost."""

from __future__ import annotations

from typing import Any

import pytest

from browsing import View, viewed


def words(view: View, row: str = "active") -> list[str]:
    """The tokens of the branch that is shown, or of all rows."""
    chips = "tr.program.active .chip:not(.read)" if row == "active" else "tr.program .chip:not(.read)"
    return view.page.eval_on_selector_all(chips, "(chips) => chips.map((chip) => chip.innerText)")


def place(view: View) -> dict[str, Any]:
    """All that a link has to bring back."""
    view.found()
    return {
        "tokens": words(view, "all"),
        "shown": words(view),
        "column": view.page.inner_text("#transport .where"),
        "edits": view.page.eval_on_selector_all(".note-edit", "(notes) => notes.map((note) => note.innerText)"),
        "next": view.page.inner_text("#next"),
        "verdict": view.page.inner_text(".verdict-line"),
        "expects": view.page.inner_text("tr.values"),
        "problem": view.page.eval_on_selector_all("#problem input", "(fields) => fields.map((field) => field.value)"),
    }


def test_an_agent_is_broken_and_mended_by_keys_alone(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        started = words(view)
        assert started == ["MUL", "ADD", "STO", "MUL", "RCL", "SUB", "ANS"]
        view.keys("ArrowRight", "j", "k")
        assert view.page.inner_text("#transport .where") == "1 of 7"
        view.found()

        view.keys("2")  # the second likeliest token, by hand
        forced = words(view)
        assert forced[0] == "MUL"
        assert forced[1] != "ADD"
        assert view.page.locator("tr.program").count() == 2
        view.keys("Shift+ArrowLeft", "ArrowUp")
        assert words(view) == started

        view.tab_to("unit")
        view.page.keyboard.press("Control+a")
        view.page.keyboard.type("7")
        view.settle()
        assert view.focus() == "unit", "the field keeps the focus while one types in it"
        filled(view, "value", "-0.9")
        assert view.focus() == "value"
        assert view.page.inner_text(".note-edit") == "✎ unit 7=−0.90"

        view.keys("Escape", "z")
        assert view.page.locator("tr.program.active th").inner_text() == "program"
        view.keys("Shift+Z")
        assert view.page.locator("tr.program.active th").inner_text() != "program"
        view.keys("End")
        assert view.page.inner_text(".verdict-line")[0] in "✓✕"
        view.untouched()


def filled(view: View, field: str, text: str) -> None:
    """Go to a field by Tab, type into it, and end with Enter."""
    view.tab_to(field)
    view.page.keyboard.press("Control+a")
    view.page.keyboard.type(text)
    view.page.keyboard.press("Enter")
    view.settle()


def test_a_register_is_changed_by_keys_alone(browser: Any, addresses: dict[str, str]) -> None:
    with viewed(browser) as view:
        view.open(addresses["tutorial"])
        view.keys("ArrowRight", "ArrowRight")
        filled(view, "r0", "99")
        assert view.focus() == "r0"
        assert view.page.inner_text(".note-edit") == "✎ acc=99"
        assert view.page.locator("tr.program").count() == 2
        view.keys("Escape", "z")
        assert view.page.input_value("[data-key=r0]") != "99"
        view.untouched()


@pytest.mark.parametrize("world", ["tutorial", "calculator", "lookup"])
def test_a_link_opens_the_same_place(browser: Any, addresses: dict[str, str], world: str) -> None:
    with viewed(browser, permissions=["clipboard-read", "clipboard-write"]) as view:
        view.open(addresses[world])
        view.keys("n", "ArrowRight", "2", "ArrowRight", "3", "ArrowLeft")
        view.tab_to("forget")
        view.keys("Enter", "ArrowRight")
        view.page.locator("#link").press("Enter")
        before = place(view)
        link = view.page.evaluate("() => navigator.clipboard.readText()")
        assert link.startswith(f"{addresses[world]}#v=1&w=")
        view.page.goto("about:blank")
        view.open(link)
        assert place(view) == before
        assert view.page.locator("tr.program").count() >= 3
        assert not view.page.is_visible("#notice .notice")
        view.untouched()


def test_the_focus_is_never_lost(browser: Any, addresses: dict[str, str]) -> None:
    """Each control is used once, and the keys beside it: something has the focus after each."""
    with viewed(browser) as view:
        view.page.on("dialog", lambda dialog: dialog.accept())
        view.open(addresses["tutorial"])
        view.keys("ArrowRight", "2", "3")
        listed = "(all) => all.map((one) => one.dataset.key)"
        controls = view.page.eval_on_selector_all("main [data-key], #transport [data-key]", listed)
        assert len(controls) > 30
        used = 0
        for control in controls:
            found = view.page.locator(f'[data-key="{control}"]:visible:not(:disabled)')
            if not found.count():
                continue
            used += 1
            for key in ("Enter", "ArrowRight", "End", "ArrowLeft"):
                if found.count() and view.focus() != control:
                    found.focus()
                view.keys(key)
                assert view.focus() != "BODY", f"{key} on {control}"
        assert used > 15
        view.untouched()
