"""The parsers that read what strangers send: each with whole files, and how those are spoilt."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import anyio
from starlette.requests import Request

from image2model.api.requests.multipart import MultipartReader
from image2model.api.requests.raw_upload import file_name_in
from image2model.api.responses.files import content_disposition
from image2model.core.errors import Image2ModelError
from image2model.core.job import Description
from image2model.core.text.names import clean_name, name_of_upload
from image2model.core.values.plain_values import decode_value, encode_value
from image2model.documents.csv_text import decode_csv
from image2model.documents.number_format import shown_date, shown_number
from image2model.documents.spreadsheet import read_sheet_file
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.formats.reading import read_model
from image2model.geometry.inspection.facts import inspect_meshes
from image2model.geometry.inspection.report import report_file
from image2model.geometry.pictures.limits import PictureLimits
from image2model.geometry.pictures.picture import check_picture
from image2model.jobs.archives.check import check_archive
from image2model.jobs.computations import convert_model, examine_model
from image2model.providers.fal.catalogue import tripo
from image2model.providers.fal.progress import phase_in
from image2model.providers.fal.requests.errors import input_problem
from image2model.providers.fal.requests.http import Answer
from image2model.providers.fal.results.extracting import find_facts, find_offers
from tests.hostile import seeds, spoiling
from tests.hostile.spoiling import Spoil

LIMITS = PictureLimits(max_pixels=1_000_000, min_side_px=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A parser under fire.

    Attributes:
        read: Gives it a file; raises `Image2ModelError` where it refuses it, and nothing else.
        seeds: Makes whole files.
        spoil: Changes one.
    """

    read: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    spoil: Spoil


def _read(data: bytes) -> None:
    inspect_meshes(read_model(data).meshes)


def _examine(data: bytes) -> None:
    report_file(data)
    examine_model(data)


def _convert(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.write_bytes(data)
        for name in ("obj.zip", "3mf", "usdz", "ply"):
            convert_model(source, target, Conversion(format=name), Description(name="it"))


def _check_picture(data: bytes) -> None:
    check_picture(data, limits=LIMITS)


def _read_format(data: bytes) -> None:
    text = data.decode(errors="replace")
    for value in (0.0, -1.5, 1e300, 123456789.0, 0.00001):
        shown_number(value, text)
    shown_date(timedelta(hours=30), text)


def _read_multipart(data: bytes) -> None:
    boundary, _, body = data.partition(b"\n")

    async def read() -> None:
        chunks = [body[at : at + 50] for at in range(0, len(body), 50)]

        async def receive() -> dict[str, object]:
            await anyio.lowlevel.checkpoint()
            chunk = chunks.pop(0) if chunks else b""
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

        content_type = b"multipart/form-data; boundary=" + boundary
        headers = [(b"content-type", content_type), (b"content-disposition", boundary)]
        scope = {"type": "http", "method": "POST", "headers": headers}
        request = Request(scope, receive)
        content_disposition(name_of_upload(file_name_in(request) or ""), inline=True).encode(
            "ascii"
        )
        async for part in MultipartReader(request, limit_bytes=100_000).parts():
            name_of_upload(part.file_name or "").encode()
            clean_name(part.name, fallback="x").encode()
            await part.text()

    anyio.run(read)


def _read_answer(data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    find_offers(tripo.TRIPO[0], value)
    json.dumps(find_facts(value))
    phase_in(value.get("logs") if isinstance(value, dict) else value)
    json.dumps(dict(input_problem(Answer(status=422, headers={}, body=data)).details))


def _check_archive(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        check_archive(Path(file.name))


def _read_value(data: bytes) -> None:
    try:
        decode_value(data, [b"blob"])
    except ValueError:
        return


def _multipart_seeds() -> Sequence[bytes]:
    body = (
        b'AaB03x\n--AaB03x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\nbytes of it\r\n--AaB03x\r\n"
        b"Content-Disposition: form-data; name=\"n\"; filename*=utf-8''%e2%82%ac\r\n\r\n1\r\n"
        b"--AaB03x--\r\n"
    )
    return [body]


def _answer_seeds() -> Sequence[bytes]:
    url = "https://v3.fal.media/files/a/b.glb"
    made = {
        "model_mesh": {"url": url, "file_name": "b.glb", "content_type": "a/b", "file_size": 5},
        "model_urls": {"glb": {"url": url}, "obj": {"url": "data:x,y"}},
        "rendered_image": {"url": "https://x/p.webp"},
        "seed": 7,
        "timings": {"inference": 1.5},
        "logs": [{"message": "Texturing: 50%", "level": "INFO", "timestamp": "t"}],
    }
    failed = {
        "detail": [
            {"loc": ["body", "image_url"], "msg": "Value error, no", "type": "image_too_small",
             "ctx": {"min_height": 5, "supported_formats": ["png"]}},
        ],
        "error_type": "bad_request",
    }  # fmt: skip
    return [json.dumps(made).encode(), json.dumps(failed).encode()]


@cache
def _of_format(name: str) -> Sequence[bytes]:
    return [seeds.as_format(name)]


def _value_seeds() -> Sequence[bytes]:
    value = ("returned", {"a": [1, 2.5, None], "b": b"x"}, "", ValueError("x", 1))
    return [encode_value(value)[0]]


def _pictures(kind: str) -> Sequence[bytes]:
    return [seeds.picture(kind)]


TARGETS: Mapping[str, Target] = {
    "glb": Target(
        read=_read,
        seeds=lambda: [seeds.plain_glb(), seeds.glb(), seeds.draco_glb()],
        spoil=spoiling.glb,
    ),
    "gltf": Target(read=_read, seeds=lambda: [seeds.gltf()], spoil=spoiling.json_text),
    "examine": Target(
        read=_examine, seeds=lambda: [seeds.plain_glb(), seeds.glb()], spoil=spoiling.glb
    ),
    "convert": Target(read=_convert, seeds=lambda: [seeds.plain_glb()], spoil=spoiling.glb),
    "ply": Target(read=_read, seeds=lambda: [seeds.PLY, *_of_format("ply")], spoil=spoiling.text),
    "obj": Target(read=_read, seeds=lambda: [seeds.OBJ], spoil=spoiling.text),
    "obj.zip": Target(read=_read, seeds=lambda: _of_format("obj.zip"), spoil=spoiling.archive),
    "stl": Target(read=_read, seeds=lambda: [seeds.STL, *_of_format("stl")], spoil=spoiling.text),
    "3mf": Target(read=_read, seeds=lambda: _of_format("3mf"), spoil=spoiling.archive),
    "png": Target(read=_check_picture, seeds=lambda: _pictures("PNG"), spoil=spoiling.png),
    "jpeg": Target(read=_check_picture, seeds=lambda: _pictures("JPEG"), spoil=spoiling.raw),
    "webp": Target(read=_check_picture, seeds=lambda: _pictures("WEBP"), spoil=spoiling.raw),
    "avif": Target(read=_check_picture, seeds=lambda: _pictures("AVIF"), spoil=spoiling.raw),
    "csv": Target(read=read_sheet_file, seeds=lambda: [seeds.csv()], spoil=spoiling.text),
    "csv-text": Target(
        read=decode_csv,
        seeds=lambda: ["Größe,naïve\r\nÄpfel".encode(e) for e in ("cp1252", "utf-8", "utf-16")],
        spoil=spoiling.raw,
    ),
    "xlsx": Target(read=read_sheet_file, seeds=lambda: [seeds.xlsx()], spoil=spoiling.archive),
    "number-format": Target(
        read=_read_format,
        seeds=lambda: [b'#,##0.00 "mm";[Red]-0', b"[<1]0.0E+00;@", b"yyyy-mm-dd [h]:mm:ss AM/PM"],
        spoil=spoiling.text,
    ),
    "multipart": Target(read=_read_multipart, seeds=_multipart_seeds, spoil=spoiling.text),
    "maker-answer": Target(read=_read_answer, seeds=_answer_seeds, spoil=spoiling.json_text),
    "archive": Target(read=_check_archive, seeds=lambda: _of_format("obj.zip"), spoil=spoiling.raw),
    "plain-value": Target(read=_read_value, seeds=_value_seeds, spoil=spoiling.json_text),
}
"""By name."""


def refused(target: Target, data: bytes) -> Image2ModelError | None:
    """Give *data* to a target; return why it refuses it, or None: it takes it."""
    try:
        target.read(data)
    except Image2ModelError as error:
        return error
    return None
