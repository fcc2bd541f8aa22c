"""What people see who open the server without the web app: where to find what."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from image2model.api.errors import DOCS_PATH
from image2model.api.openapi import OPENAPI_PATH, document_text
from image2model.api.reference import PAGE_POLICY, reference_page
from image2model.api.translate import PREFIX

router = APIRouter(include_in_schema=False)


async def index() -> dict[str, Any]:
    """Name what this is and where its parts are."""
    return {
        "name": "image2model",
        "version": version("image2model"),
        "api": PREFIX,
        "openapi": OPENAPI_PATH,
        "reference": DOCS_PATH,
    }


@router.get(OPENAPI_PATH)
async def openapi() -> Response:
    """Return the OpenAPI document."""
    return Response(document_text(), media_type="application/json")


@router.get(DOCS_PATH)
async def reference() -> HTMLResponse:
    """Return the reference for people."""
    return HTMLResponse(reference_page(), headers={"Content-Security-Policy": PAGE_POLICY})
