"""Give a GLB file its true size and what is known of the object, and leave all else as it is."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from image2model.core.errors import InvalidMesh, JsonValue
from image2model.geometry.conversion.adjust import bounds
from image2model.geometry.conversion.convert import convert_file, count_faces
from image2model.geometry.conversion.request import Conversion
from image2model.geometry.gltf.container import parse_glb
from image2model.geometry.gltf.json import Object, children
from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.mesh.types import Mesh

_SIDES = {"height_mm": 1, "width_mm": 0, "depth_mm": 2}
"""Along which axis each is; the first that is given counts: models are never stretched."""

_MM_PER_METRE = 1000.0
_LEAST_MM = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """
    A GLB file that says what it is of.

    Attributes:
        glb: The whole file.
        facts: What was done to it, as JSON values.
        notes: What was given up for it, one plain sentence each, without a stop.
    """

    glb: bytes
    facts: Mapping[str, JsonValue]
    notes: Sequence[str] = ()


def describe_glb(glb: bytes, metadata: Mapping[str, JsonValue], *, name: str) -> Described:
    """
    Simplify a model to `face_limit`, scale it to its true height, width or depth, and name it.

    All that is known of the object stands in the `extras` of the scene and of the node that
    everything hangs from, which also carries the scale: geometry, textures and their compression
    are not touched, unless there are too many faces. A file that only other programs can read is
    named, not scaled.

    Args:
        glb: The whole file.
        metadata: What is known: `height_mm`, `width_mm`, `depth_mm`, `face_limit`, anything else.
        name: What the object is called.

    Raises:
        InvalidMesh: It is no GLB file.
    """
    facts: dict[str, JsonValue] = {}
    notes: list[str] = []
    limit = metadata.get("face_limit")
    side = next((side for side in _SIDES if metadata.get(side)), None)
    found = _look(glb, notes) if limit or side else []
    faces = count_faces(found)
    if limit and faces > limit:
        made = convert_file(glb, Conversion(format="glb", faces=int(limit)), name=name)
        glb, facts["simplified_from"] = made.content, faces
        notes += made.notes
        # The corners that went may have been those that it was measured by.
        found = _look(glb, notes)
    scale = 1.0
    if found and side:
        low, high = bounds(found)
        has_mm = float((high - low)[_SIDES[side]]) * _MM_PER_METRE
        if has_mm > _LEAST_MM:
            scale, facts["scaled_to"] = float(metadata[side]) / has_mm, side
    return Described(glb=_hung_up(glb, metadata, name=name, scale=scale), facts=facts, notes=notes)


def _look(glb: bytes, notes: list[str]) -> Sequence[Mesh]:
    try:
        return read_glb(glb)
    except InvalidMesh as error:
        notes.append(
            f"its size and number of faces were left as they are: {error.details['reason']}"
        )
        return []


def _hung_up(glb: bytes, metadata: Mapping[str, JsonValue], *, name: str, scale: float) -> bytes:
    """Hang everything in the scene from one node with the scale and the extras."""
    container = parse_glb(glb)
    document = dict(container.document)
    nodes = children(document, "nodes")
    scenes = children(document, "scenes") or [_whole_scene(nodes)]
    shown = document.get("scene", 0)
    if not isinstance(shown, int) or not 0 <= shown < len(scenes):
        raise InvalidMesh(reason="it shows a scene that it does not have")
    node: dict[str, JsonValue] = {"name": name, "extras": metadata}
    if roots := scenes[shown].get("nodes"):
        node["children"] = roots
    if scale != 1.0:
        node["scale"] = [scale] * 3
    extras = scenes[shown].get("extras")
    known = extras if isinstance(extras, dict) else {}
    scene = dict(scenes[shown]) | {"nodes": [len(nodes)], "extras": {**known, **metadata}}
    # Other scenes would have roots that are roots no more.
    document |= {"nodes": [*nodes, node], "scenes": [scene], "scene": 0}
    return _join(document, container.binary)


def _whole_scene(nodes: Sequence[Object]) -> Object:
    below = {index for node in nodes for index in node.get("children", ())}
    return {"nodes": [index for index in range(len(nodes)) if index not in below]}


def _join(document: Object, binary: memoryview) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    text += b" " * (-len(text) % 4)
    parts = [struct.pack("<I4s", len(text), b"JSON"), text]
    if len(binary):
        parts += [struct.pack("<I4s", len(binary), b"BIN\0"), bytes(binary)]
    return struct.pack("<4sII", b"glTF", 2, 12 + sum(map(len, parts))) + b"".join(parts)
