"""Convert a file: read it, adjust what it holds, write it, within a budget of bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from image2model.core.errors import InvalidRequest
from image2model.geometry.conversion.adjust import place, shrink_textures, take_colors_as_srgb
from image2model.geometry.conversion.request import LEAST_FACES, Conversion
from image2model.geometry.formats.detection import file_format
from image2model.geometry.formats.reading import read_model
from image2model.geometry.formats.writing import beyond_format, write_model
from image2model.geometry.mesh.simplification.simplify import MOST_DEVIATION, Simplified, simplify
from image2model.geometry.mesh.simplification.vertex_clustering import thin
from image2model.geometry.mesh.solids.repair import repair
from image2model.geometry.mesh.textures.decoding import texture_size_px, without_unreadable
from image2model.geometry.mesh.textures.layout import lay_alike, on_one_set
from image2model.geometry.mesh.types import EncodedImage, Mesh

_MOST_ROUNDS = 24
_HARDLY_SEEN = 0.01
"""How far a surface may stray for a byte budget while textures can still become smaller, as a
share of the model's diagonal."""

_FAR_TOO_LARGE = 20
"""How many times a byte budget is exceeded where it is asked first whether it can be met."""

_LEAST_TEXTURE_PX = 64
_LEAST_SHARE, _MOST_SHARE = 0.2, 0.9
"""Of the faces that may remain after one round."""

_MOST_SIMPLIFIED = 1_500_000
"""Faces whose edges are collapsed one by one; more would take minutes."""

_LEAST_MANAGEABLE, _TIMES_WANTED = 400_000, 4
"""How many faces larger models keep for that: so many, and so many times those wanted."""

_MOST_WRITTEN = 3_000_000
"""Faces in one file: as text they take a gigabyte, and hardly a program opens more."""

_MARGIN = 0.97
_WELL_USED = 0.8
"""Of a byte budget; who leaves less unused is content."""

_WITHOUT_TEXTURES = frozenset({"stl", "ply"})
_WITH_ONE_LAYOUT = frozenset({"obj.zip", "usdz"})
"""Where all textures lie alike: OBJ says no more, and iPhones look at the base colour's only."""

_WITH_TEXTURES_AS_THEY_ARE = frozenset({"glb", "gltf.zip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """
    A file as asked for.

    Attributes:
        content: Its bytes.
        faces: How many triangles it has.
        notes: What was given up or left out, one plain sentence each, without a stop.
    """

    content: bytes
    faces: int
    notes: Sequence[str]


def convert_file(
    data: bytes,
    conversion: Conversion,
    *,
    name: str,
    metadata: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Converted:
    """
    Convert a GLB, glTF, OBJ, PLY, STL or 3MF file, or a ZIP with one of them in it.

    A file that has the format already and is to stay as it is comes back byte for byte.

    Args:
        data: The whole file.
        conversion: What it is to become.
        name: Of the files within an archive; safe as a file name.
        metadata: Texts about the model by name, for the formats that hold such.
        files: Those beside it; see `read_model`.

    Returns:
        The file made.

    Raises:
        InvalidMesh: It cannot be read.
        InvalidRequest: It cannot become as small as `max_bytes`.
    """
    model = read_model(data, files)
    faces = sum(len(mesh.faces) for mesh in model.meshes)
    if conversion.changes_nothing and not metadata and _is(data, conversion.format):
        return Converted(content=data, faces=faces, notes=[])
    meshes, notes = list(model.meshes), list(model.left_out)
    if _decodes(conversion):
        meshes, unreadable = without_unreadable(meshes)
        notes += unreadable
    if conversion.format in _WITH_ONE_LAYOUT:
        one_set = conversion.format != "usdz"
        meshes, drawn = lay_alike(meshes, one_set=one_set)
        notes += drawn
    meshes, notes = _adjusted(meshes, notes, conversion)
    meshes = list(place(meshes, conversion))
    smaller = _Smaller(meshes, conversion, name=name, metadata=metadata or {})
    smaller.meet_budget()
    notes += smaller.notes() + beyond_format(smaller.meshes, conversion.format)
    return Converted(content=smaller.content, faces=count_faces(smaller.meshes), notes=notes)


def _decodes(conversion: Conversion) -> bool:
    """Tell whether textures have to be decoded for it."""
    if conversion.format in _WITH_TEXTURES_AS_THEY_ARE:
        return conversion.texture_px is not None or conversion.max_bytes is not None
    return conversion.format != "stl"


def count_faces(meshes: Sequence[Mesh]) -> int:
    """Return how many triangles there are in all."""
    return sum(len(mesh.faces) for mesh in meshes)


def _is(data: bytes, format_name: str) -> bool:
    return file_format(data) == format_name


def _adjusted(
    meshes: list[Mesh], notes: list[str], conversion: Conversion
) -> tuple[list[Mesh], list[str]]:
    if conversion.srgb_colors:
        if not any(mesh.colors is not None for mesh in meshes):
            notes = [*notes, "it has no colours at its vertices that could be sRGB"]
        meshes = list(take_colors_as_srgb(meshes))
    if conversion.repair:
        # In its final size, which says what is too thin.
        meshes, steps = _repaired(list(place(meshes, conversion)))
        notes = [*notes, *steps]
    faces = count_faces(meshes)
    if conversion.faces is None and faces > _MOST_WRITTEN:
        meshes = list(thin(meshes, faces=_MOST_WRITTEN))
        note = f"simplified from {faces:,} to {count_faces(meshes):,} faces: more are not written"
        notes = [*notes, note]
    if conversion.faces is not None and faces > conversion.faces:
        made = simplify(_manageable(meshes, wanted=conversion.faces), faces=conversion.faces)
        meshes = list(made.meshes)
        notes = [*notes, *_simplified(faces, made, wanted=conversion.faces)]
    if conversion.texture_px is not None and conversion.format not in _WITHOUT_TEXTURES:
        largest = largest_texture_px(meshes)
        if largest > conversion.texture_px:
            meshes = list(shrink_textures(meshes, longest_px=conversion.texture_px))
            note = f"textures reduced from {largest:,} to {conversion.texture_px:,} pixels"
            notes = [*notes, note]
    return meshes, notes


def _manageable(meshes: Sequence[Mesh], *, wanted: int) -> Sequence[Mesh]:
    """Thin a model of millions of faces to what can be simplified well and in time."""
    if count_faces(meshes) <= _MOST_SIMPLIFIED:
        return meshes
    enough = min(max(_LEAST_MANAGEABLE, _TIMES_WANTED * wanted), _MOST_SIMPLIFIED)
    return thin(meshes, faces=max(enough, wanted))


def _simplified(before: int, made: Simplified, *, wanted: int) -> Sequence[str]:
    after = count_faces(made.meshes)
    notes = [f"simplified from {before:,} to {after:,} faces"]
    if after > wanted:
        notes.append(f"with {wanted:,} faces, as asked for, it would lose its shape")
    return [*notes, *_lost(made)]


def _lost(made: Simplified) -> Sequence[str]:
    if not made.parts_lost:
        return []
    parts = "one separate part" if made.parts_lost == 1 else f"{made.parts_lost:,} separate parts"
    return [f"{parts} too small for so few faces left out ({made.lost_share:.1%} of the surface)"]


def _repaired(meshes: list[Mesh]) -> tuple[list[Mesh], Sequence[str]]:
    plain, notes = on_one_set(meshes)
    made = repair(plain)
    if made.solid:
        return list(made.meshes), [*made.steps, *notes]
    steps = [f"tried: {step}" for step in made.steps]
    return meshes, [*steps, "it could not be made a closed solid, and was left as it is"]


def unique_textures(meshes: Sequence[Mesh]) -> list[EncodedImage]:
    """Return all textures, each once."""
    return list(
        {id(one): one for mesh in meshes for one in mesh.material.textures().values()}.values()
    )


def largest_texture_px(meshes: Sequence[Mesh]) -> int:
    """
    Return the longest side of the largest texture, in pixels; 0 without textures.

    Raises:
        InvalidMesh: One is no picture.
    """
    return max((max(texture_size_px(image)) for image in unique_textures(meshes)), default=0)


class _Smaller:
    """Makes a file again with fewer faces and smaller textures until it is small enough."""

    def __init__(
        self,
        meshes: list[Mesh],
        conversion: Conversion,
        *,
        name: str,
        metadata: Mapping[str, str],
    ) -> None:
        self._given = meshes
        self._conversion = conversion
        self._name = name
        self._metadata = metadata
        self._textured = meshes
        self._simplified = Simplified(meshes=meshes)
        self.meshes = meshes
        self.content = self._write()

    def meet_budget(self) -> None:
        """
        Give up what weighs most, step by step, and the shape last.

        Raises:
            InvalidRequest: Nothing is left to give up.
        """
        limit = self._conversion.max_bytes
        if limit is None:
            return
        if len(self.content) > _FAR_TOO_LARGE * limit:
            self._insist_on_reach(limit)
        for _ in range(_MOST_ROUNDS):
            if len(self.content) <= limit:
                self._take_faces_back(limit)
                return
            if not self._give(limit):
                break
            self.content = self._write()
        self._refuse_above(limit)

    def _insist_on_reach(self, limit: int) -> None:
        """Go straight to the least there is, so that nobody waits long for a refusal."""
        before = self.meshes, self.content, self._simplified, self._textured
        while self._give_textures():
            pass
        self._give_faces(0, MOST_DEVIATION)
        self.content = self._write()
        # Step by step it may become a little smaller still.
        self._refuse_above(2 * limit, about="about ")
        self.meshes, self.content, self._simplified, self._textured = before

    def _refuse_above(self, limit: int, about: str = "") -> None:
        if len(self.content) > limit:
            size = f"{about}{len(self.content):,} bytes"
            reason = f"cannot be met: the least it can become is {size}."
            if count_faces(self.meshes) > LEAST_FACES:
                reason += " With fewer faces it would lose its shape."
            raise InvalidRequest(field="max_bytes", reason=reason)

    def _give(self, limit: int) -> bool:
        """Make it smaller where that is missed least; tell whether anything was left to give."""
        # What weighs less is given up where there is nothing left of the other.
        if self._texture_bytes() * 2 >= len(self.content):
            given = self._give_textures() or self._give_faces(limit, _HARDLY_SEEN)
        else:
            given = self._give_faces(limit, _HARDLY_SEEN) or self._give_textures()
        return (
            given or self._give_faces(limit, MOST_DEVIATION) or self._give_faces(0, MOST_DEVIATION)
        )

    def _take_faces_back(self, limit: int) -> None:
        """Spend on faces what is left: they may have gone before the textures that made room."""
        given, faces = count_faces(self._given), count_faces(self.meshes)
        if faces == given or len(self.content) > limit * _WELL_USED:
            return
        meshes, content, simplified = self.meshes, self.content, self._simplified
        self._show(simplify(self._textured, faces=int(faces * self._share(limit))))
        self.content = self._write()
        if len(self.content) > limit:
            self.meshes, self.content, self._simplified = meshes, content, simplified

    def notes(self) -> list[str]:
        """Say what was given up."""
        notes = []
        before, after = count_faces(self._given), count_faces(self.meshes)
        if after < before:
            notes.append(f"simplified from {before:,} to {after:,} faces to meet the byte budget")
            notes += _lost(self._simplified)
        large, small = largest_texture_px(self._given), largest_texture_px(self.meshes)
        if small < large:
            notes.append(
                f"textures reduced from {large:,} to {small:,} pixels to meet the byte budget"
            )
        return notes

    def _give_textures(self) -> bool:
        """Halve the textures if there are any and they are not tiny."""
        if self._conversion.format in _WITHOUT_TEXTURES:
            return False
        longest = largest_texture_px(self._textured)
        if longest <= _LEAST_TEXTURE_PX:
            return False
        before = self._textured
        self._textured = list(shrink_textures(before, longest_px=longest // 2))
        small = {
            id(large.material): textured.material
            for large, textured in zip(before, self._textured, strict=True)
        }
        self.meshes = [
            replace(mesh, material=small.get(id(mesh.material), mesh.material))
            for mesh in self.meshes
        ]
        return True

    def _give_faces(self, limit: int, most_deviation: float) -> bool:
        """Simplify towards *limit*, or as far as the shape allows where that is 0."""
        faces = count_faces(self.meshes)
        if faces <= LEAST_FACES:
            return False
        wanted = LEAST_FACES
        if limit:
            # For all rounds at once.
            room = max(int(faces * self._share(limit)), LEAST_FACES)
            self._textured = list(_manageable(self._textured, wanted=room))
            share = min(max(self._share(limit), _LEAST_SHARE), _MOST_SHARE)
            wanted = max(int(faces * share), LEAST_FACES)
        # Of what was given, so that errors do not add up.
        made = simplify(self._textured, faces=wanted, most_deviation=most_deviation)
        if not 0 < count_faces(made.meshes) < faces:
            return False
        self._show(made)
        return True

    def _show(self, made: Simplified) -> None:
        """Take what was simplified, in the size asked for: its ends may be among what went."""
        self._simplified = made
        self.meshes = list(place(made.meshes, self._conversion))

    def _share(self, limit: int) -> float:
        """Tell what share of the faces there are now there is room for."""
        textures = self._texture_bytes()
        return (limit - textures) / max(len(self.content) - textures, 1) * _MARGIN

    def _texture_bytes(self) -> int:
        if self._conversion.format in _WITHOUT_TEXTURES:
            return 0
        return sum(len(image.data) for image in unique_textures(self.meshes))

    def _write(self) -> bytes:
        return write_model(
            self.meshes,
            self._conversion.format,
            z_up=self._conversion.z_up,
            name=self._name,
            metadata=self._metadata,
        )
