"""Keeps a package without the web app from being built by mistake."""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PAGE = "src/image2model/webapp/index.html"
_OPT_OUT = "WITHOUT_WEB_APP"


class WebAppHook(BuildHookInterface):  # type: ignore[misc]  # hatchling is there while building only
    """Refuses to build a wheel or a source distribution whose server would show no page."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Look before anything is built; an installation in place is built of later."""
        del build_data
        if version == "editable" or (Path(self.root) / _PAGE).is_file():
            return
        if os.environ.get(_OPT_OUT):
            self.app.display_warning("This package has no web app.")
            return
        self.app.abort(
            f"The web app is not built: there is no {_PAGE}. Build it first with `make web`, or "
            "install in place with `pip install --editable .`. For a package without the web app "
            f"set {_OPT_OUT}=1."
        )
