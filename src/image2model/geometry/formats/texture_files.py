"""Textures as files beside a model: each picture once, under a name that tells what it is."""

from collections.abc import Mapping

from image2model.geometry.mesh.textures.recoding import extension_of
from image2model.geometry.mesh.types import EncodedImage


class TextureFiles:
    """
    Collects pictures and names them.

    Args:
        folder: What precedes every name: "" or ending with a slash.
    """

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        self._names: dict[int, str] = {}
        self._images: dict[str, EncodedImage] = {}

    def add(self, image: EncodedImage, slot: str) -> str:
        """Return the path of the file for *image*; one already known keeps its first name."""
        if id(image) not in self._names:
            stem, end = f"{self._folder}{slot}", extension_of(image)
            path, count = f"{stem}.{end}", 1
            while path in self._images:
                count += 1
                path = f"{stem}_{count}.{end}"
            self._names[id(image)] = path
            self._images[path] = image
        return self._names[id(image)]

    @property
    def files(self) -> Mapping[str, bytes]:
        """The content of every file by its path."""
        return {path: image.data for path, image in self._images.items()}
