"""The OpenAPI document: `python -m image2model.api.openapi [--check] FILE` writes or checks it."""

import argparse
import json
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from image2model.api.access.callers import COOKIE, SECURE_COOKIE
from image2model.api.events.sse import EVENT_STREAM
from image2model.api.openapi_examples import add_examples
from image2model.api.responses.documented_errors import edge_problems
from image2model.api.routes import ROUTERS
from image2model.wire.items import ItemOut
from image2model.wire.job_requests import DraftIn, JobFormIn
from image2model.wire.jobs import JobSummary, StreamEnd
from image2model.wire.paths import API_PREFIX
from image2model.wire.problems import ProblemOut

OPENAPI_PATH = f"{API_PREFIX}/openapi.json"

_DESCRIPTION = f"""\
Turns pictures into 3D models. A **job** has one **item** for each object; a **generator** makes
all of them at once.

- **One call does it all**: `POST {API_PREFIX}/jobs` with files; then watch `…/events`, or poll with
  `after_version` and `wait_s`; then download `…/model.glb`.
- **Or step by step**: `POST {API_PREFIX}/jobs?draft=true`, one `PUT` per picture, `POST …/start`.
- **Who you are**: an API key in `Authorization: Bearer i2m_…`, or else a session cookie that is
  set when you first make something. Somebody else's job is not found.
- **Errors** are problem details (RFC 9457) with a stable `code`.
- Times are UTC; `…_s` are seconds, `…_usd` US dollars, `…_px` pixels, `…_mm` millimetres.
"""

_REF = "#/components/schemas/"

_STREAM = {
    "schema": {"type": "string", "description": "Server-sent events, as described above."},
    "example": 'event: job\nid: 17\ndata: {"id":"0f8e4c1a9b2d4e6f8a7b3c5d1e2f4a6b",…}\n\n',
}

_TAGS = [
    {"name": "jobs", "description": "Make jobs, look at them, control them, watch them."},
    {"name": "drafts", "description": "Fill a job picture by picture, then start it."},
    {"name": "items", "description": "Control single items of a job."},
    {"name": "files", "description": "Pictures, previews and models."},
    {"name": "shares", "description": "Let others see models by a link."},
    {"name": "generators", "description": "What can make models here, and what that costs."},
    {"name": "ledger", "description": "What was sent to providers, and what it cost."},
    {"name": "account", "description": "Who you are, and what you have here."},
    {"name": "keys", "description": "API keys, for callers with the scope `admin`."},
    {"name": "admin", "description": "For operators: callers with the scope `admin`."},
    {"name": "webhooks", "description": "Be told of what happens to your jobs."},
    {"name": "hooks", "description": "For providers."},
    {"name": "health", "description": "For probes and monitoring."},
]


def describe_api() -> dict[str, Any]:
    """Describe every route as an OpenAPI 3.1 document; the same for every installation."""
    api = FastAPI()
    for router in ROUTERS:
        api.include_router(router, prefix=API_PREFIX)
    document = get_openapi(
        title="image2model",
        version=version("image2model"),
        description=_DESCRIPTION,
        tags=_TAGS,
        routes=api.routes,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    schemas = document["components"]["schemas"]
    for model in (ProblemOut, JobFormIn, DraftIn, ItemOut, JobSummary, StreamEnd):
        schema = model.model_json_schema(ref_template=_REF + "{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = _security_schemes()
    document["security"] = [{"apiKey": []}, {"session": []}, {"secureSession": []}, {}]
    create = document["paths"][f"{API_PREFIX}/jobs"]["post"]
    create["requestBody"] = _job_body(schemas["JobFormIn"])
    create["responses"]["201"] = {
        **create["responses"]["202"],
        "description": "The empty draft; `Location` says where it is.",
    }
    watch = document["paths"][f"{API_PREFIX}/jobs/{{job}}/events"]["get"]
    watch["responses"]["200"]["content"] = {EVENT_STREAM: _STREAM}
    _add_answers_of_the_edge(document)
    add_examples(document)
    return document


def _add_answers_of_the_edge(document: dict[str, Any]) -> None:
    shared = {str(status): answer for status, answer in edge_problems().items()}
    document["components"]["responses"] = shared
    for operations in document["paths"].values():
        for operation in operations.values():
            for status in shared:
                reference = {"$ref": f"#/components/responses/{status}"}
                operation["responses"].setdefault(status, reference)


def _job_body(form: dict[str, Any]) -> dict[str, Any]:
    files = {
        "type": "array",
        "items": {"type": "string", "format": "binary", "description": "One picture."},
        "description": "The pictures: JPEG, PNG, WebP or AVIF, told from their bytes. Any part "
        "with a file name counts, whatever its field is called.",
    }
    sheet = {
        "type": "string",
        "format": "binary",
        "description": "A spreadsheet, CSV or XLSX, that names and describes the objects.",
    }
    return {
        "description": "A form with the pictures; with `draft=true`, a JSON object or nothing.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    **form,
                    "title": "JobForm",
                    "properties": {"files": files, "sheet": sheet, **form["properties"]},
                    "required": ["files"],
                },
                "encoding": {
                    "options": {"contentType": "application/json"},
                    "views": {"contentType": "application/json"},
                },
            },
            "application/json": {"schema": {"$ref": _REF + "DraftIn"}},
        },
    }


def _security_schemes() -> dict[str, Any]:
    return {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "i2m_<id>_<secret>",
            "description": "Made by `image2model keys create`; has jobs of its own.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": "Set over http when a browser first makes something.",
        },
        "secureSession": {
            "type": "apiKey",
            "in": "cookie",
            "name": SECURE_COOKIE,
            "description": "The same over https.",
        },
    }


@cache
def document_text() -> str:
    """Write the document as it is kept in the repository."""
    return json.dumps(describe_api(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file named, or with `--check` say whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m image2model.api.openapi", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing; 1: out of date")
    wanted = parser.parse_args()
    text = document_text()
    if not wanted.check:
        wanted.file.write_text(text, encoding="utf-8")
        return 0
    if wanted.file.exists() and wanted.file.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{wanted.file} is out of date; `make fix` writes it anew.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
