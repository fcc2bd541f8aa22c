"""The local generators' options, as JSON Schemas."""

from collections.abc import Mapping

from image2model.core.errors import JsonValue

Schema = Mapping[str, JsonValue]

_FACE_LIMIT: Schema = {
    "type": "integer",
    "title": "Face limit",
    "description": "The most triangles the model has. The detail is chosen to come close to it.",
    "minimum": 500,
    "maximum": 200_000,
    "default": 50_000,
}
_TEXTURE_PX: Schema = {
    "type": "integer",
    "title": "Texture size",
    "description": "Longest side of the texture, in pixels. Pictures are never scaled up.",
    "minimum": 256,
    "maximum": 4096,
    "default": 2048,
}
_PRINT_HEIGHT_MM: Schema = {
    "type": "number",
    "title": "Height",
    "description": "Height of the model in millimetres, as it is printed or placed in a room.",
    "minimum": 10,
    "maximum": 2000,
    "default": 100,
}
_BACK: Schema = {
    "type": "string",
    "title": "Back",
    "description": (
        "What the back shows: the front mirrored, or a plain fill in the colours of the outline. "
        "Automatic fills left-right symmetric subjects, which mostly face the viewer, and mirrors "
        "the others, such as animals from the side."
    ),
    "enum": ["auto", "mirror", "fill"],
    "default": "auto",
}


_PARTS: Schema = {
    "type": "string",
    "title": "Loose parts",
    "description": (
        "What becomes of parts that do not touch: keep them as bodies of their own, join them by "
        "short bars, or keep the largest only."
    ),
    "enum": ["keep", "join", "largest"],
    "default": "keep",
}


def _object(**properties: Schema) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


PUFF: Schema = _object(
    depth={
        "type": "number",
        "title": "Depth",
        "description": "How far the shape bulges; 1 is natural, less is flatter.",
        "minimum": 0.2,
        "maximum": 2.0,
        "default": 1.0,
    },
    back=_BACK,
    parts=_PARTS,
    face_limit=_FACE_LIMIT,
    texture_px=_TEXTURE_PX,
    print_height_mm=_PRINT_HEIGHT_MM,
)

EXTRUDE: Schema = _object(
    thickness={
        "type": "number",
        "title": "Thickness",
        "description": "Of the plate, as a fraction of the subject's longer side.",
        "minimum": 0.01,
        "maximum": 1.0,
        "default": 0.12,
    },
    back={
        **_BACK,
        "description": "What the back shows: the front mirrored, or a plain fill.",
        "enum": ["mirror", "fill"],
        "default": "mirror",
    },
    parts=_PARTS,
    face_limit={
        **_FACE_LIMIT,
        "description": "The most triangles the model has. A simple outline takes far fewer.",
    },
    texture_px=_TEXTURE_PX,
    print_height_mm=_PRINT_HEIGHT_MM,
)

RELIEF: Schema = _object(
    style={
        "type": "string",
        "title": "Style",
        "description": (
            "Raised: the subject bulges out of the plate and light details stand out. "
            "Lithophane: dark parts are thick, to be printed in white and lit from behind."
        ),
        "enum": ["raised", "lithophane"],
        "default": "raised",
    },
    relief_mm={
        "type": "number",
        "title": "Relief",
        "description": "How far the highest parts stand out of the plate, in millimetres.",
        "minimum": 0.2,
        "maximum": 50,
        "default": 6,
    },
    base_mm={
        "type": "number",
        "title": "Plate",
        "description": "How thick the plate is, in millimetres.",
        "minimum": 0.4,
        "maximum": 50,
        "default": 2,
    },
    face_limit=_FACE_LIMIT,
    texture_px=_TEXTURE_PX,
    print_height_mm=_PRINT_HEIGHT_MM,
)

LATHE: Schema = _object(
    face_limit=_FACE_LIMIT,
    texture_px=_TEXTURE_PX,
    print_height_mm=_PRINT_HEIGHT_MM,
)

HULL: Schema = _object(
    roundness={
        "type": "number",
        "title": "Roundness",
        "description": (
            "How round a level cut through the object is between its outlines: 1 an ellipse, "
            "lower a rounded box."
        ),
        "minimum": 0.2,
        "maximum": 1.0,
        "default": 0.9,
    },
    face_limit=_FACE_LIMIT,
    texture_px={
        **_TEXTURE_PX,
        "description": "Longest side of each view's texture, in pixels. Never scaled up.",
        "maximum": 2048,
        "default": 1024,
    },
    print_height_mm=_PRINT_HEIGHT_MM,
)
