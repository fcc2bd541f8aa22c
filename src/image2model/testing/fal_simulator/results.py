"""Make the result of a finished request, in the shape of its endpoint."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from image2model.testing.fal_simulator.behaviour import Behaviour
from image2model.testing.fal_simulator.catalog import OutputKind
from image2model.testing.fal_simulator.files import FileStore, read_lifecycle
from image2model.testing.fal_simulator.generation import Generation, Outcome
from image2model.testing.fal_simulator.glb import build_glb
from image2model.testing.fal_simulator.impostors import file_in_format, oversized
from image2model.testing.fal_simulator.inputs import picture_urls

_CONTENT_TYPES = {
    "obj": "model/obj",
    "mtl": "text/plain",
    "usdz": "model/vnd.usdz+zip",
    "zip": "application/zip",
    "png": "image/png",
    "html": "text/html",
}
_HUGE_BYTES = 600_000_000


def make_result(generation: Generation, *, behaviour: Behaviour, files: FileStore) -> Outcome:
    """Store the files of *generation* and return its successful outcome."""
    maker = _Maker(generation, behaviour, files)
    body = maker.make_body()
    units = generation.endpoint.billable_units(generation.arguments)
    return Outcome(status=200, body=body, units=units)


class _Maker:
    def __init__(self, generation: Generation, behaviour: Behaviour, files: FileStore) -> None:
        self._generation = generation
        self._script = generation.script
        self._behaviour = behaviour
        self._files = files
        self._chance = random.Random(generation.request_id)  # noqa: S311 - a seed, not a secret
        self._kinds: Mapping[OutputKind, Callable[[], Any]] = {
            "mesh": lambda: self._mesh,
            "meshes": lambda: [self._mesh],
            "urls": self._model_urls,
            "image": lambda: self._file("preview.png", "png"),
            "images": lambda: [self._file("texture.png", "png")],
            "texture_maps": lambda: [{"base_color": self._file("texture_0.png", "png")}],
            "seed": self._seed,
            "text": lambda: generation.request_id,
            "timings": lambda: {"inference": round(generation.run_s, 3)},
            "splat": lambda: self._file("splat.ply", "ply"),
            "archive": lambda: self._file("artifacts.zip", "zip"),
            "empty_list": list,
        }

    def make_body(self) -> dict[str, Any]:
        endpoint, arguments = self._generation.endpoint, self._generation.arguments
        body: dict[str, Any] = {}
        for key, output in endpoint.outputs.items():
            if output.only_if is not None and not endpoint.holds(output.only_if, arguments):
                continue
            is_null = output.null_if is not None and endpoint.holds(output.null_if, arguments)
            body[key] = None if is_null else self._kinds[output.kind]()
        self._hide_mesh(body)
        return {key: value for key, value in body.items() if key not in self._script.without}

    def _hide_mesh(self, body: dict[str, Any]) -> None:
        meshes = [key for key, output in self._generation.endpoint.outputs.items()
                  if output.kind in ("mesh", "urls") and key in body]  # fmt: skip
        if self._script.mesh == "null":
            body.update(dict.fromkeys(meshes))
        elif self._script.mesh == "other_key":
            found = next(body[key] for key in meshes if body[key] is not None)
            for key in meshes:
                del body[key]
            body[self._script.mesh_options.get("key", "shiny_new_mesh")] = found

    @cached_property
    def _mesh(self) -> dict[str, Any]:
        generation, script = self._generation, self._script
        endpoint = generation.endpoint
        wanted = endpoint.mesh_format(generation.arguments)
        content_type = script.mesh_options.get("content_type", endpoint.mesh_content_type)
        if script.mesh == "wrong_type":
            content_type = script.mesh_options.get("content_type", "image/png")
        if wanted != "glb" and not script.mesh:
            return self._file(f"model.{wanted}", wanted)
        name = script.mesh_options.get("file_name", "model.glb")
        return self._stored(name, content_type, self._mesh_parts())

    def _mesh_parts(self) -> Sequence[bytes]:
        change = self._script.mesh
        if change in ("html", "zip", "obj", "fbx"):
            return file_in_format(change)
        if change == "empty":
            return (b"",)
        pictures = picture_urls(self._generation.endpoint, self._generation.arguments)
        extras = {
            "request_id": self._generation.request_id,
            "picture": pictures[0][:300] if pictures else "",
        }
        parts = build_glb(size_bytes=self._behaviour.mesh_bytes, extras=extras)
        if change == "truncated":
            whole = b"".join(parts)
            return (whole[: int(len(whole) * self._script.mesh_options.get("fraction", 0.5))],)
        if change == "huge":
            size_bytes = self._script.mesh_options.get("size_bytes", _HUGE_BYTES)
            return oversized(parts, size_bytes=size_bytes)
        return parts

    def _model_urls(self) -> dict[str, Any]:
        others = ("fbx", "obj", "usdz")
        return {"glb": self._mesh, **{name: self._file(f"model.{name}", name) for name in others}}

    def _seed(self) -> int:
        given = self._generation.arguments.get("seed")
        return given if isinstance(given, int) else self._chance.randrange(2**31)

    def _file(self, name: str, format_name: str) -> dict[str, Any]:
        content_type = _CONTENT_TYPES.get(format_name, "application/octet-stream")
        return self._stored(name, content_type, file_in_format(format_name))

    def _stored(self, name: str, content_type: str, parts: Sequence[bytes]) -> dict[str, Any]:
        lifecycle = {
            "expiration_duration_seconds": self._behaviour.file_life_s,
            **read_lifecycle(self._generation.headers),
        }
        if self._script.files_life_s is not None:
            lifecycle["expiration_duration_seconds"] = self._script.files_life_s
        stored = self._files.add(
            name=name, content_type=content_type, parts=parts, lifecycle=lifecycle
        )
        entry = {"url": self._files.url(stored)}
        if self._script.bare_files:
            return entry
        facts = {"content_type": content_type, "file_name": name, "file_size": stored.size_bytes}
        return {**entry, **facts}
