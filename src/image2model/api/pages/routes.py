"""What people see who open the server without the web app: where to find what."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from image2model.api.openapi import OPENAPI_PATH, document_text
from image2model.api.pages.reference import PAGE_POLICY, reference_page
from image2model.api.responses.compression import send_packed
from image2model.api.responses.problems import DOCS_PATH
from image2model.wire.paths import API_PREFIX

router = APIRouter(include_in_schema=False)


async def index() -> dict[str, Any]:
    """Name what this is and where its parts are."""
    return {
        "name": "image2model",
        "version": version("image2model"),
        "api": API_PREFIX,
        "openapi": OPENAPI_PATH,
        "reference": DOCS_PATH,
    }


@router.get(OPENAPI_PATH)
async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return send_packed(request, document_text().encode(), "application/json")


@router.get(DOCS_PATH)
async def reference(request: Request) -> Response:
    """Return the reference for people."""
    page = reference_page().encode()
    return send_packed(request, page, "text/html; charset=utf-8", policy=PAGE_POLICY)
