"""How the pictures of a sprite are laid out; apart from drawing them, which loads much."""

from collections.abc import Mapping

SPRITE_VIEWS, SPRITE_COLUMNS, SPRITE_SIZE_PX = 36, 6, 160

SPRITE_FACTS: Mapping[str, int] = {
    "views": SPRITE_VIEWS,
    "columns": SPRITE_COLUMNS,
    "size_px": SPRITE_SIZE_PX,
}
"""The same as a result tells it."""
