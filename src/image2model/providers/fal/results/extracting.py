"""Find the files in a result, in the shape its endpoint is known for or in any other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from image2model.core.errors import JsonValue
from image2model.providers.fal.catalogue.row import Row
from image2model.providers.fal.results.file_detection import MESH_FORMATS, PICTURE_FORMATS

_MESH_WORDS = ("mesh", "model", "glb", "pbr", "object", "geometry")
_OTHER_WORDS = ("image", "texture", "preview", "thumbnail", "render", "splat", "video", "archive")
_PREFERENCE = ("glb", "usdz", "fbx", "obj", "ply", "stl", "splat", "zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    A file that a result offers.

    Attributes:
        url: Where it is.
        key: Where the result names it, with dots.
        name: What it is called; its extension may be wrong.
    """

    url: str
    key: str
    name: str

    @property
    def extension(self) -> str:
        """The extension of its name, lower case."""
        return self.name.rpartition(".")[2].lower() if "." in self.name else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """
    All files of a result.

    Attributes:
        meshes: What may be the mesh, most likely first.
        previews: Pictures of it.
        others: Everything else.
    """

    meshes: Sequence[Offer]
    previews: Sequence[Offer]
    others: Sequence[Offer]


def find_offers(row: Row, result: JsonValue) -> Offers:
    """List what *result* offers; a URL that is named twice counts where it is named first."""
    every = list({offer.url: offer for offer in reversed(list(_walk(result, "")))}.values())[::-1]
    known = [offer for key in row.mesh_keys for offer in every if _is_at(offer, key)]
    previews = [offer for key in row.preview_keys for offer in every if _is_at(offer, key)]
    guessed = sorted(
        (offer for offer in every if offer not in previews and _likeliness(offer) > 0),
        key=_likeliness,
        reverse=True,
    )
    meshes = list(dict.fromkeys([*known, *guessed]))
    others = [offer for offer in every if offer not in previews and offer not in meshes]
    return Offers(meshes=meshes, previews=previews, others=others)


def _is_at(offer: Offer, key: str) -> bool:
    return offer.key == key or offer.key.startswith(f"{key}.")


def _walk(value: JsonValue, key: str) -> Iterator[Offer]:
    if isinstance(value, str):
        if value.startswith(("https://", "http://")):
            yield Offer(url=value, key=key, name=_name_in(value))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{key}.{number}" if key else str(number))
    elif isinstance(value, dict):
        url = value.get("url")
        if isinstance(url, str):
            name = value.get("file_name")
            called = name if isinstance(name, str) and name else _name_in(url)
            yield Offer(url=url, key=key, name=called)
            return
        for name, inner in value.items():
            yield from _walk(inner, f"{key}.{name}" if key else str(name))


def _name_in(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _likeliness(offer: Offer) -> int:
    """Tell how likely an offer is the mesh, by its key and its name; 0: not at all."""
    key = offer.key.lower()
    score = 4 * any(word in key for word in _MESH_WORDS)
    if offer.extension in _PREFERENCE:
        score += 2 + len(_PREFERENCE) - _PREFERENCE.index(offer.extension)
    if offer.extension in PICTURE_FORMATS or any(word in key for word in _OTHER_WORDS):
        score -= 8
    return max(score, 1 if offer.extension in MESH_FORMATS else 0)


def find_facts(result: JsonValue) -> Mapping[str, JsonValue]:
    """Pick what people may want to know of a result: its seed."""
    seed = result.get("seed") if isinstance(result, dict) else None
    return {"seed": seed} if isinstance(seed, int) and not isinstance(seed, bool) else {}
