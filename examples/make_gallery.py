"""Composes the contact sheet of the README: `python -m examples.make_gallery FOLDER`.

FOLDER holds models made from the example pictures: `mug.glb` from `pictures/mug.png`, and so on;
`penguin.glb` from the four views. Examples without a model are left out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from examples.make_pictures import EXAMPLES, HERE
from image2model.geometry.gltf.reader import read_glb
from image2model.geometry.render.camera import frame
from image2model.geometry.render.drawing import draw_scene
from image2model.geometry.render.scene import Scene, prepare_scene

SHEET = HERE.parent / "docs" / "images" / "gallery.webp"
TILE_PX, GAP_PX, CARD_GAP_PX, RADIUS_PX = 164, 6, 18, 14
CARDS_PER_ROW = 3
PAGE, CARD = (243, 243, 240), (255, 255, 255)
ANGLES_DEG = (24.0, -34.0)
"""How far around a model from one picture is shown: where it is convincing."""

TURN_DEG = (0.0, 40.0, 130.0, 215.0, 310.0)
"""How far around a model from four views is shown: all round."""


def tiles_of(name: str, pictures: Sequence[Path], model: bytes) -> list[Image.Image]:
    """
    Return the tiles of one card.

    Args:
        name: Of the example, for messages.
        pictures: What the model was made from.
        model: The model, a GLB file.

    Returns:
        Each picture, then the model from a few sides.
    """
    scene = prepare_scene(read_glb(model), texture_px=2 * TILE_PX)
    angles = ANGLES_DEG if len(pictures) == 1 else TURN_DEG
    print(f"{name}: {len(scene.faces)} faces")
    return [
        *(_picture_tile(Image.open(path)) for path in pictures),
        *(_model_tile(scene, angle_deg) for angle_deg in angles),
    ]


def compose(cards: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """
    Lay cards out in rows; a card with many tiles takes a row of its own.

    Args:
        cards: The tiles of each card.

    Returns:
        The sheet.
    """
    small = [card for card in cards if len(card) == 1 + len(ANGLES_DEG)]
    rows = [small[i : i + CARDS_PER_ROW] for i in range(0, len(small), CARDS_PER_ROW)]
    rows += [[card] for card in cards if len(card) > 1 + len(ANGLES_DEG)]
    width_px = CARD_GAP_PX + CARDS_PER_ROW * (_card_width(1 + len(ANGLES_DEG)) + CARD_GAP_PX)
    height_px = CARD_GAP_PX + len(rows) * (TILE_PX + 2 * GAP_PX + CARD_GAP_PX)
    sheet = Image.new("RGB", (width_px, height_px), PAGE)
    y = CARD_GAP_PX
    for row in rows:
        x = CARD_GAP_PX
        card_px = (
            _card_width(1 + len(ANGLES_DEG))
            if len(row[0]) == 1 + len(ANGLES_DEG)
            else width_px - 2 * x
        )
        for card in row:
            _draw_card(sheet, card, (x, y), card_px)
            x += card_px + CARD_GAP_PX
        y += TILE_PX + 2 * GAP_PX + CARD_GAP_PX
    return sheet


def _card_width(tiles: int) -> int:
    return tiles * (TILE_PX + GAP_PX) + GAP_PX


def _draw_card(
    sheet: Image.Image, tiles: Sequence[Image.Image], corner: tuple[int, int], width_px: int
) -> None:
    x, y = corner
    size = (width_px, TILE_PX + 2 * GAP_PX)
    sheet.paste(Image.new("RGB", size, CARD), corner, _rounded(size))
    step = (width_px - 2 * GAP_PX - TILE_PX) / (len(tiles) - 1)
    for index, tile in enumerate(tiles):
        left = x + GAP_PX + round(index * step)
        sheet.paste(tile, (left, y + GAP_PX), _rounded(tile.size))


def _rounded(size: tuple[int, int]) -> Image.Image:
    fine = Image.new("L", (size[0] * 4, size[1] * 4))
    ImageDraw.Draw(fine).rounded_rectangle((0, 0, *fine.size), RADIUS_PX * 4, fill=255)
    return fine.resize(size, Image.Resampling.BOX)


def _picture_tile(picture: Image.Image) -> Image.Image:
    small = picture.convert("RGBA").resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
    return _on(small, _chequered())


def _model_tile(scene: Scene, yaw_deg: float) -> Image.Image:
    camera = frame(scene.positions, yaw_deg=yaw_deg, pitch_deg=10)
    drawn = Image.fromarray(draw_scene(scene, camera, size_px=TILE_PX, samples=3))
    return _on(drawn, Image.new("RGB", drawn.size, CARD))


def _on(front: Image.Image, back: Image.Image) -> Image.Image:
    back.paste(front, (0, 0), front)
    return back


def _chequered() -> Image.Image:
    """Return the pattern by which programs show that a picture is transparent."""
    row, column = np.indices((TILE_PX, TILE_PX)) // 10
    odd = (row + column) % 2
    return Image.fromarray(np.where(odd[..., None] == 1, 236, 248).astype(np.uint8).repeat(3, 2))


def main(arguments: Sequence[str] | None = None) -> None:
    """Compose the sheet from a folder of models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=SHEET, metavar="FILE")
    options = parser.parse_args(arguments)
    sources: dict[str, list[Path]] = {}
    for example in EXAMPLES:
        sources.setdefault(example.name.partition("_")[0], []).append(HERE / example.path)
    cards = [
        tiles_of(name, pictures, (options.folder / f"{name}.glb").read_bytes())
        for name, pictures in sources.items()
        if (options.folder / f"{name}.glb").exists()
    ]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    compose(cards).save(options.output, quality=88, method=6)


if __name__ == "__main__":
    main()
