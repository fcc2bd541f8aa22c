"""Pictures of every page and state: `python -m tests.e2e.screenshots FOLDER`."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.journey import (
    add,
    card,
    download_model,
    make,
    open_upload,
    open_viewer,
    overflow_px,
    pictures,
    serious_faults,
    wait_for_results,
)
from tests.e2e.site import (
    VIEWS,
    make_key,
    missing,
    new_visitor,
    open_browser,
    open_simulator,
    open_site,
)

_COME_NEAR_ALL = """async () => {
    for (const image of document.querySelectorAll("main img")) {
        image.scrollIntoView({ block: "nearest" });
        await new Promise(requestAnimationFrame);
    }
}"""
"""In the page itself, where a card that is drawn anew in the middle of it does no harm."""

_DRAW_ALL = """() => {
    for (const card of document.querySelectorAll('li')) card.style.contentVisibility = 'visible';
    window.scrollTo(0, 0);
}"""
"""Cards out of sight are not drawn, and a picture of the whole page shows them."""

_PATIENCE_MS = 180_000
"""Nothing hangs on these pictures being quick: the machine may be busy with other work."""

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}


@dataclass(frozen=True, slots=True)
class Album:
    """Takes the pictures of one variant, and notes what a machine can see is wrong with them."""

    page: Page
    folder: Path
    variant: str
    faults: list[str]

    def take(self, name: str, *, whole: bool = True) -> None:
        """Save the page as it is now under *name*."""
        if whole:
            # A pointer that rests on a card turns its model.
            self.page.mouse.move(0, 0)
            # Pictures below the fold are loaded when they come near.
            self.page.evaluate(_COME_NEAR_ALL)
            self.page.evaluate(_DRAW_ALL)
        self.page.wait_for_timeout(400)
        path = self.folder / f"{name}-{self.variant}.png"
        self.page.screenshot(path=path, full_page=whole, animations="disabled")
        label = f"{name}-{self.variant}"
        if (wider := overflow_px(self.page)) > 0:
            self.faults.append(f"{label}: {wider} px wider than the window")
        self.faults.extend(f"{label}: {fault}" for fault in serious_faults(self.page))


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=VARIANTS, help="this variant only")
    arguments = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    expect.set_options(timeout=_PATIENCE_MS)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    for variant in [arguments.only] if arguments.only else VARIANTS:
        take_variant(arguments.folder, variant, faults)
        take_closed(arguments.folder, variant, faults)
        take_admin(arguments.folder, variant, faults)
    sys.exit("\n".join(faults) or None)


def take_variant(folder: Path, variant: str, faults: list[str]) -> None:
    """Take all pictures of one variant, with a server of its own."""
    simulator_options = ("--median-s", "6", "--sigma", "0.4", "--concurrency", "4")
    with (
        tempfile.TemporaryDirectory() as data,
        open_simulator(*simulator_options) as simulator,
        open_site(Path(data), simulator.environment) as site,
        open_browser() as browser,
        new_visitor(browser, site, **VARIANTS[variant]) as context,
    ):
        context.set_default_timeout(_PATIENCE_MS)
        page = context.new_page()
        album = Album(page, folder, variant, faults)
        steps: list[Callable[[Album], None]] = [upload, results, viewer, history]
        for step in steps:
            step(album)
        simulator.control("/faults", {"on": "run", "action": "model_refuses", "nth": 3})
        simulator.control("/faults", {"on": "submit", "action": "reset_after", "nth": 4})
        simulator.control("/faults", {"on": "requests", "action": "reply"})
        processing(album)
        site.stop()
        page.wait_for_timeout(2500)
        album.take("job-offline", whole=False)


def take_closed(folder: Path, variant: str, faults: list[str]) -> None:
    """Take what a server shows that asks for keys and has none of its providers'."""
    with (
        tempfile.TemporaryDirectory() as data,
        open_site(Path(data), {"IMAGE2MODEL_SERVE__ACCESS": "keys"}) as site,
        open_browser() as browser,
        new_visitor(browser, site, **VARIANTS[variant]) as context,
    ):
        page = context.new_page()
        album = Album(page, folder, variant, faults)
        page.goto("/")
        page.get_by_label("API key").fill("i2m_0badcafe_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_text("This key is unknown")).to_be_visible()
        album.take("sign-in")
        page.get_by_label("API key").fill(make_key(Path(data)))
        page.keyboard.press("Enter")
        page.get_by_role("radio", name="fal.ai").check()
        album.take("upload-locked")
        page.goto("/settings")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        album.take("settings-signed-in")
        page.goto("/admin")
        album.take("admin-refused")


def take_admin(folder: Path, variant: str, faults: list[str]) -> None:
    """Take the operator's page, with an owner who has something running."""
    with (
        tempfile.TemporaryDirectory() as data,
        open_site(Path(data)) as site,
        open_browser() as browser,
        new_visitor(browser, site, **VARIANTS[variant]) as context,
    ):
        page = context.new_page()
        album = Album(page, folder, variant, faults)
        key = page.request.post("/api/v1/keys", data={"name": "office"}).json()["key"]
        known = {"Authorization": f"Bearer {key}"}
        page.request.post("/api/v1/jobs?draft=true", headers=known, data={})
        page.goto("/admin")
        expect(page.get_by_role("rowheader", name="office")).to_be_attached()
        album.take("admin")
        page.get_by_label("Why").fill("The bill is too high")
        page.get_by_role("button", name="Stop spending").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop spending").click()
        expect(page.get_by_role("alert")).to_contain_text("The bill is too high")
        album.take("admin-stopped")


def remove_all(page: Page) -> None:
    """Empty the upload page."""
    page.get_by_role("button", name="Remove all").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove all").click()


def upload(album: Album) -> None:
    """Take the upload page, empty and full."""
    page = album.page
    page.goto("/history")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    album.take("history-empty")
    open_upload(page)
    album.take("upload-empty")
    page.get_by_role("button", name="From the web").click()
    page.get_by_label("Address of a picture").fill("cup")
    page.keyboard.press("Enter")
    album.take("upload-address")
    page.get_by_label("Address of a picture").fill("https://localhost/private/cup.jpg")
    page.keyboard.press("Enter")
    expect(page.get_by_text("its address is not public")).to_be_visible()
    sheet = album.folder / "objects.csv"
    sheet.write_text("picture,title,height_mm\nmug,Goose mug,92\nteddy,Old teddy,\npot,Pot,7\n")
    add(page, [*pictures(), sheet])
    expect(page.get_by_text("Names and describes 2 of 12")).to_be_visible()
    album.take("upload-sheet")
    sheet.write_text("picture,height_mm,notes\nmug,tall,\nteddy,,\nteddy,0,\n")
    add(page, [sheet])
    expect(page.get_by_text("cells are wrong")).to_be_visible()
    sheet.unlink()
    album.take("upload-sheet-wrong")
    remove_all(page)
    damaged = album.folder / "damaged.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    notes = album.folder / "notes.txt"
    notes.write_text("not a picture")
    add(page, [*pictures()[:3], damaged, notes, *sorted(VIEWS.iterdir())])
    expect(page.get_by_text("The picture is damaged.")).to_be_visible()
    # Not before: the page reads a file again that it cannot decode.
    damaged.unlink()
    notes.unlink()
    album.take("upload-mixed")
    page.get_by_role("radio", name="Hull", exact=True).check()
    page.get_by_role("button", name="Group them").click()
    page.locator("summary", has_text="Options").click()
    album.take("upload-grouped")
    remove_all(page)


def results(album: Album) -> None:
    """Take results as they come from this machine."""
    page = album.page
    open_upload(page)
    add(page, pictures())
    make(page, 12)
    wait_for_results(page)
    page.get_by_label("Sort").select_option("worst")
    expect(page.locator("[data-checked=true]")).to_have_count(12, timeout=120_000)
    page.get_by_label("Sort").select_option("given")
    album.take("results")
    page.get_by_role("button", name="Open badge in the viewer").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(card(page, "badge").locator("[data-turning=true]")).to_be_visible()
    album.take("results-turning", whole=False)
    card(page, "badge").get_by_role("button", name="like the photo").click()
    album.take("results-likeness", whole=False)
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="List").check()
    album.take("results-list")
    page.get_by_role("radio", name="Grid").check()
    wanted = {"format": "STL", "Faces, at most": "5000", "Length of that side": "150"}
    download_model(page, "mug", wanted)
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("downloaded,")
    album.take("results-download", whole=False)
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Choose formats").click()
    page.get_by_role("dialog").get_by_role("checkbox", name="3MF").check()
    album.take("results-download-all", whole=False)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete", exact=True).click()
    album.take("results-delete", whole=False)
    page.keyboard.press("Escape")


def viewer(album: Album) -> None:
    """Take the viewer in its modes."""
    page = album.page
    open_viewer(page, "teddy")
    album.take("viewer", whole=False)
    for key, name in (("g", "grid"), ("w", "wireframe"), ("2", "clay")):
        page.keyboard.press(key)
        album.take(f"viewer-{name}", whole=False)
    page.keyboard.press("w")
    page.keyboard.press("3")
    page.keyboard.press("p")
    album.take("viewer-beside", whole=False)
    page.keyboard.press("1")
    page.keyboard.press("p")
    album.take("viewer-over", whole=False)
    page.keyboard.press("p")
    page.keyboard.press("i")
    page.keyboard.press("?")
    album.take("viewer-facts", whole=False)
    page.keyboard.press("Escape")


def history(album: Album) -> None:
    """Take the pages around jobs."""
    page = album.page
    page.goto("/history")
    expect(page.get_by_text("badge and 11 more").first).to_be_visible()
    album.take("history")
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    album.take("history-nothing")
    page.goto("/settings")
    expect(page.get_by_text("Everything works")).to_be_visible()
    album.take("settings")
    page.goto("/nowhere")
    album.take("not-found")
    page.goto(f"/jobs/{'0' * 32}")
    expect(page.get_by_text("Job not found")).to_be_visible()
    album.take("job-gone")


def processing(album: Album) -> None:
    """Take a job on its way at a slow provider."""
    page = album.page
    open_upload(page, generator="Tripo v2.5", provider="fal")
    add(page, pictures())
    album.take("upload-full")
    page.locator("summary", has_text="Budget and results").click()
    page.get_by_label("Budget of the job").fill("2.00")
    expect(page.get_by_text("pays for 6 of 12 models")).to_be_visible()
    page.locator("summary", has_text="Budget and results").scroll_into_view_if_needed()
    album.take("upload-budget", whole=False)
    page.get_by_label("Budget of the job").fill("")
    make(page, 12)
    expect(page.locator("li[data-state=generating]").first).to_be_visible()
    expect(page.locator("li[data-state=succeeded]").first).to_be_visible(timeout=60_000)
    album.take("processing")
    failed = page.locator("li[data-state=failed]")
    expect(failed.first).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    album.take("processing-failed-paused")
    expect(card(page, "vase")).to_be_visible()


if __name__ == "__main__":
    main()
