"""Steps that several tests of the web app take."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.e2e.site import AXE, PICTURES

LONG_MS = 120_000


def pictures() -> Sequence[Path]:
    """List the twelve example pictures."""
    return sorted(PICTURES.iterdir())


def open_upload(page: Page, *, generator: str = "Puff", provider: str = "This server") -> None:
    """Open the upload page and choose a generator."""
    page.goto("/")
    expect(page.locator("input[name=generator]").first).to_be_visible()
    offers = page.get_by_role("radio", name=provider)
    if offers.count():
        offers.check()
    page.get_by_role("radio", name=generator, exact=True).check()


def add(page: Page, files: Sequence[Path]) -> None:
    """Choose *files* in the file picker."""
    page.get_by_test_id("file-picker").set_input_files([str(file) for file in files])


def make(page: Page, count: int) -> str:
    """Press the button that makes *count* models; returns the job's id when its page is there."""
    page.get_by_role("button", name=re.compile(rf"^Make {count} model")).click()
    page.wait_for_url("**/jobs/*", timeout=LONG_MS)
    return page.url.rpartition("/")[2]


def wait_for_results(page: Page) -> None:
    """Wait until the job's page shows its results."""
    expect(page.get_by_role("heading", name="What’s next")).to_be_visible(timeout=LONG_MS)


def card(page: Page, name: str) -> Locator:
    """Find the card of the item called *name*."""
    return page.locator("li[data-state]", has=page.get_by_text(name, exact=True))


def open_viewer(page: Page, name: str) -> Locator:
    """Open the viewer on *name*; returns its canvas when the model is drawn."""
    # The click counts as done when the page has time again: see `wait_for_model`.
    page.get_by_role("button", name=f"Open {name} in the viewer").click(timeout=LONG_MS)
    wait_for_model(page)
    return page.locator("dialog[open] canvas")


def wait_for_model(page: Page) -> None:
    """
    Wait until the viewer has drawn its model.

    Without a graphics card the shaders of the first frame take five seconds of the processor
    alone, and what is clicked meanwhile waits for them.
    """
    stage = page.get_by_test_id("stage")
    expect(stage).to_have_attribute("data-status", "shown", timeout=LONG_MS)


def serious_faults(page: Page) -> list[str]:
    """List what axe finds serious or critical on *page* as it is now."""
    page.evaluate(f"() => {{ {AXE.read_text()} }}")
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def overflow_px(page: Page) -> int:
    """Tell by how much the page is wider than the window."""
    width: int = page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


def many_pictures(folder: Path, count: int) -> Sequence[Path]:
    """Copy the example pictures into *folder* until there are *count*, each with its own name."""
    originals = pictures()
    copies = [
        folder / f"{place:02}-{originals[place % len(originals)].name}" for place in range(count)
    ]
    for place, copy in enumerate(copies):
        shutil.copy(originals[place % len(originals)], copy)
    return copies


def download_model(page: Page, name: str, choices: Mapping[str, str]) -> Path:
    """
    Download the model called *name* through its dialog, which stays open.

    Args:
        page: The page of its job.
        name: The item's name.
        choices: What to write into which field; `format` is the name of a format.
    """
    page.get_by_role("button", name=f"Download {name}").click()
    dialog = page.get_by_role("dialog", name=f"Download {name}")
    for field, value in choices.items():
        if field == "format":
            dialog.get_by_role("radio", name=value).check()
        else:
            dialog.get_by_label(field).fill(value)
    with page.expect_download(timeout=LONG_MS) as download:
        dialog.get_by_role("button", name="Download", exact=True).click()
    saved = Path(download.value.path())
    return saved.rename(saved.with_name(download.value.suggested_filename))


def press_on(page: Page, name: str) -> None:
    """Go to the control called *name* with the Tab key, and press Enter."""
    wanted = page.get_by_role("button", name=name)
    expect(wanted).to_be_visible()
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} cannot be reached with Tab")
