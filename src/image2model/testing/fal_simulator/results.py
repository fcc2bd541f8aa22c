"""Make the result of a finished request, in the shape of its endpoint."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from image2model.testing.fal_simulator.behaviour import Behaviour
from image2model.testing.fal_simulator.catalog import OutputKind
from image2model.testing.fal_simulator.faults.impostors import file_in_format, oversized
from image2model.testing.fal_simulator.files import FileStore, read_lifecycle
from image2model.testing.fal_simulator.generation import Generation, Outcome
from image2model.testing.fal_simulator.glb import build_glb
from image2model.testing.fal_simulator.inputs import picture_urls

_CONTENT_TYPES = {
    "obj": "model/obj",
    "mtl": "text/plain",
    "usdz": "model/vnd.usdz+zip",
    "zip": "application/zip",
    "png": "image/png",
    "html": "text/html",
}


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
        mesh = self._script.mesh
        outputs = self._generation.endpoint.outputs
        keys = [key for key in body if outputs[key].kind in ("mesh", "urls")]
        if mesh.change == "null":
            body.update(dict.fromkeys(keys))
        elif mesh.change == "other key":
            for key in keys:
                del body[key]
            body[mesh.key] = self._mesh

    @cached_property
    def _mesh(self) -> dict[str, Any]:
        endpoint, mesh = self._generation.endpoint, self._script.mesh
        wanted = endpoint.mesh_format(self._generation.arguments)
        if wanted != "glb" and mesh.change == "none":
            return self._file(f"model.{wanted}", wanted)
        content_type = mesh.content_type or endpoint.mesh_content_type
        return self._stored(mesh.file_name, content_type, self._mesh_parts())

    def _mesh_parts(self) -> Sequence[bytes]:
        mesh = self._script.mesh
        if mesh.change in ("html", "zip", "obj", "fbx"):
            return file_in_format(mesh.change)
        if mesh.change == "empty":
            return (b"",)
        pictures = picture_urls(self._generation.endpoint, self._generation.arguments)
        extras = {
            "request_id": self._generation.request_id,
            "picture": pictures[0][:300] if pictures else "",
        }
        parts = build_glb(size_bytes=self._behaviour.mesh_bytes, extras=extras)
        if mesh.change == "truncated":
            whole = b"".join(parts)
            return (whole[: int(len(whole) * mesh.fraction)],)
        if mesh.change == "huge":
            return oversized(parts, size_bytes=mesh.size_bytes)
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
