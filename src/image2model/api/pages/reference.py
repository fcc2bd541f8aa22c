"""The API's reference as one HTML page, made from its OpenAPI document; needs no other origin."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from typing import Any

from image2model.api.openapi import OPENAPI_PATH, describe_api

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2563eb; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
h1 { margin-bottom: 0; } h2 { border-bottom: 1px solid var(--line); margin-top: 3rem; }
h3 { margin: 2.2rem 0 .4rem; } h4 { margin: 1rem 0 .3rem; }
a { color: var(--accent); } :target { background: var(--soft); }
code, pre { font: .88em ui-monospace, monospace; }
code { background: var(--soft); border-radius: 4px; padding: .1em .3em; overflow-wrap: anywhere; }
.call { font-weight: 600; } .call b { color: var(--accent); }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: .4rem 0 1rem; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .7rem .35rem 0; text-align: left;
  vertical-align: top; }
td p, td ul { margin: 0; } td:first-child code { white-space: nowrap; }
nav ul { columns: 2; padding-left: 1.2rem; }
summary { cursor: pointer; }
@media (max-width: 40rem) { nav ul { columns: 1; } }
"""

PAGE_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The page's Content-Security-Policy: its own style and nothing else."""

_METHODS = ("get", "post", "put", "patch", "delete")


@cache
def reference_page() -> str:
    """Write the page; the same for every installation of one version."""
    document = describe_api()
    title = f"{document['info']['title']} {document['info']['version']}: HTTP API"
    return "".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>",
            # Relative, for the server may be offered below a path.
            f'<p>For programs: <a href="v1/openapi.json">{OPENAPI_PATH}</a></p>',
            _prose(document["info"]["description"]),
            _contents(document),
            *(_section(tag, document) for tag in document["tags"]),
            '<h2 id="objects">Objects</h2>',
            *map(_object, document["components"]["schemas"].items()),
            '<h2 id="errors">Errors</h2>',
            _errors(document),
            "</body></html>",
        ]
    )


def _contents(document: Mapping[str, Any]) -> str:
    calls = [
        f'<li><a href="#{operation["operationId"]}">{escape(operation["summary"])}</a></li>'
        for _, _, operation in _operations(document)
    ]
    more = '<li><a href="#objects">Objects</a></li><li><a href="#errors">Errors</a></li>'
    return f"<nav><ul>{''.join(calls)}{more}</ul></nav>"


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield method, path, operations[method]


def _section(tag: Mapping[str, str], document: Mapping[str, Any]) -> str:
    calls = [
        _operation(method, path, operation)
        for method, path, operation in _operations(document)
        if tag["name"] in operation["tags"]
    ]
    name = tag["name"].capitalize()
    return f"<h2>{name}</h2>{_prose(tag['description'])}{''.join(calls)}"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f'<h3 id="{operation["operationId"]}">{escape(operation["summary"])}</h3>',
        f'<p class="call"><code><b>{method.upper()}</b> {escape(path)}</code></p>',
        _prose(operation["description"]),
    ]
    if parameters := operation.get("parameters"):
        rows = [
            (
                f"<code>{escape(p['name'])}</code>",
                p["in"],
                _type(p["schema"]),
                _about(p, p["schema"]),
            )
            for p in parameters
        ]
        parts += ["<h4>Parameters</h4>", _table(("Name", "In", "Type", "Meaning"), rows)]
    if body := operation.get("requestBody"):
        parts += ["<h4>Body</h4>", _prose(body.get("description", "")), _media(body)]
    parts += ["<h4>Answers</h4>", _table(("Status", "Meaning"), map(_answer, _answers(operation)))]
    return "".join(parts)


def _answers(operation: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """List what is special to *operation*; what all share stands in the list of errors."""
    return sorted(one for one in operation["responses"].items() if "$ref" not in one[1])


def _answer(item: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
    status, answer = item
    return f"<code>{status}</code>", _prose(answer["description"]) + _media(answer)


def _media(body: Mapping[str, Any]) -> str:
    shown = []
    for media_type, media in body.get("content", {}).items():
        if media_type == "application/problem+json":
            continue
        shown.append(f"<p><code>{media_type}</code>: {_type(media['schema'])}</p>")
        if "properties" in media["schema"]:
            shown.append(_fields(media["schema"]))
    return "".join(shown)


def _object(item: tuple[str, Mapping[str, Any]]) -> str:
    name, schema = item
    return f'<h3 id="{name}">{name}</h3>{_prose(schema.get("description", ""))}{_fields(schema)}'


def _fields(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>{' *' if name in required else ''}",
            _type(field),
            _about(field, field),
        )
        for name, field in schema["properties"].items()
    ]
    return _table(("Field", "Type", "Meaning"), rows)


def _type(schema: Mapping[str, Any]) -> str:
    """Say in short what values *schema* allows, with links to objects."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if choices := schema.get("anyOf"):
        return " or ".join(_type(choice) for choice in choices)
    if values := schema.get("enum"):
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return escape(schema.get("format") or schema.get("type") or "any")


def _about(described: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    text = _inline(described.get("description", ""))
    default = schema.get("default")
    return (
        text
        if default in (None, "")
        else f"{text} Default: <code>{escape(json.dumps(default))}</code>."
    )


def _errors(document: Mapping[str, Any]) -> str:
    found: dict[str, tuple[int, str]] = {}
    own = (operation["responses"] for _, _, operation in _operations(document))
    for responses in (document["components"]["responses"], *own):
        for answer in responses.values():
            problem = answer.get("content", {}).get("application/problem+json", {})
            for code, example in problem.get("examples", {}).items():
                found[code] = (example["value"]["status"], example["summary"])
    rows = [
        (f'<code id="{code}">{code}</code>', str(status), _inline(meaning))
        for code, (status, meaning) in sorted(found.items())
    ]
    return _table(("Code", "Status", "Meaning"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="table"><table><tr>{heads}</tr>{lines}</table></div>'


def _prose(text: str) -> str:
    """Show the little Markdown that descriptions use: paragraphs, lists, code and bold."""
    return "".join(map(_block, re.split(r"\n\s*\n", text.strip()))) if text else ""


def _block(text: str) -> str:
    if not text.startswith("- "):
        return f"<p>{_inline(text)}</p>"
    points = re.split(r"^- ", text, flags=re.MULTILINE)[1:]
    return f"<ul>{''.join(f'<li>{_inline(point)}</li>' for point in points)}</ul>"


def _inline(text: str) -> str:
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", coded)
