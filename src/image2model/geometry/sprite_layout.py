"""How the pictures of a sprite are laid out; apart from drawing them, which loads much."""

SPRITE_VIEWS, SPRITE_COLUMNS, SPRITE_SIZE_PX = 36, 6, 160
