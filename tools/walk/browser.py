"""A browser for the walk: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Locator, Page, expect, sync_playwright

PATIENCE_SECONDS = 60.0
"""What a page must show, it must show within this time; the machine may be busy with the streams."""
FAILED_PICTURE = Path(__file__).resolve().parents[2] / ".cache" / "walk-failed.png"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_WIDTH, _HEIGHT, _PHONE_WIDTH = 1400, 900, 360
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_LARGEST_PICTURE_BYTES = 200_000
_SETTLE_SECONDS = 1.5
"""Charts and the graph are drawn with a movement: a picture waits until it is over."""


class WalkFailedError(Exception):
    """A page does not show what it must; the text is one sentence."""


def find_chromium() -> Path:
    """IOT_CHROMIUM, or `chromium` on the path. Raises WalkFailedError saying how to get it."""
    named = os.environ.get("IOT_CHROMIUM") or shutil.which("chromium")
    if named is None or not Path(named).is_file():
        raise WalkFailedError(
            f"There is no Chromium{f' at {named}' if named else ''}: `apt-get install chromium`, or name one in "
            "IOT_CHROMIUM."
        )
    return Path(named)


@dataclass(frozen=True)
class Browser:
    """One page of one installation's UI; pictures go into `pictures`."""

    page: Page
    url: str
    pictures: Path

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def see(self, *texts: str) -> None:
        """Each text must become visible."""
        for text in texts:
            self.see_one(self.page.get_by_text(text), f"'{text}'")

    def see_one(self, locator: Locator, what: str) -> None:
        first = locator.filter(visible=True).first
        self._must(lambda: expect(first).to_be_visible(timeout=PATIENCE_SECONDS * 1000), what)

    def see_all(self, locator: Locator, count: int, what: str) -> None:
        """There must come to be exactly so many."""
        self._must(lambda: expect(locator).to_have_count(count, timeout=PATIENCE_SECONDS * 1000), what)

    def _must(self, expectation: Callable[[], None], what: str) -> None:
        try:
            expectation()
        except (AssertionError, Error) as error:
            FAILED_PICTURE.parent.mkdir(exist_ok=True)
            self.page.screenshot(path=FAILED_PICTURE)
            raise WalkFailedError(f"{self.page.url} does not show {what}: see {FAILED_PICTURE}.") from error

    def must_be_accessible(self) -> None:
        """axe-core finds nothing, in light and dark, on a wide screen and a phone; nothing is cut off at the side."""
        for scheme, width in product(_SCHEMES, (_WIDTH, _PHONE_WIDTH)):
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size({"width": width, "height": _HEIGHT})
            found = Axe().run(self.page)
            if found.violations_count:
                raise WalkFailedError(f"{self.page.url}, {scheme}, {width} wide: {found.generate_snapshot()}")
            if (needed := self.page.evaluate("document.documentElement.scrollWidth")) > width:
                raise WalkFailedError(f"{self.page.url} needs a width of {needed} on a screen of {width}.")
        self.page.emulate_media(color_scheme="light")
        self.set_height()

    def click(self, name: str) -> None:
        """Press the first button with that in its name; an icon's name is part of a button's."""
        button = self.page.get_by_role("button", name=name)
        self.see_one(button, f"the button '{name}'")
        button.filter(visible=True).first.click()

    def settle(self) -> None:
        self.page.wait_for_timeout(_SETTLE_SECONDS * 1000)

    def set_height(self, pixels: int = _HEIGHT) -> None:
        self.page.set_viewport_size({"width": _WIDTH, "height": pixels})

    def picture(self, name: str) -> None:
        """Keep what is to be seen as `name`.png; WalkFailedError when it is larger than the docs should carry."""
        self.settle()
        path = self.pictures / f"{name}.png"
        size_bytes = len(self.page.screenshot(path=path))
        if size_bytes > _LARGEST_PICTURE_BYTES:
            raise WalkFailedError(f"{path} has {size_bytes:,} bytes; at most {_LARGEST_PICTURE_BYTES:,} are wanted.")


@contextmanager
def browser(chromium: Path, url: str, pictures: Path) -> Iterator[Browser]:
    """A page in a Chromium of its own, which ends with the block."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            page = running.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, timezone_id="UTC", locale="en-GB")
            page.set_default_timeout(PATIENCE_SECONDS * 1000)
            yield Browser(page, url, pictures)
        finally:
            running.close()
