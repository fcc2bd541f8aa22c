"""Open archives that hold a mesh, without trusting anything they say."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image2model.core.ids import new_hex_id
from image2model.core.values.zip_damage import ZIP_DAMAGE, is_zip_damage
from image2model.geometry.formats.detection import HEAD_BYTES
from image2model.providers.fal.results.download import BadContent, Spooled
from image2model.providers.fal.results.file_detection import MESH_FORMATS, PICTURE_FORMATS, sniff

_MOST_MEMBERS = 200
_MOST_FILES = 20
_CHUNK_BYTES = 1 << 20
_ORDER = ("glb", "fbx", "obj", "usdz", "ply", "stl", "splat")
_COMPANIONS = PICTURE_FORMATS | {"mtl"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file taken out of an archive, and what it was called there (its last part alone)."""

    name: str
    file: Spooled


def unpack(archive: Path, folder: Path, *, limit_bytes: int) -> Sequence[Member]:
    """
    Take the mesh, and what belongs to it, out of a zip archive.

    Names in the archive decide nothing; sizes are counted while they are unpacked.

    Args:
        archive: The archive.
        folder: Where to put the files; under names of ours.
        limit_bytes: The most bytes to unpack in all.

    Returns:
        The mesh first; the caller removes the files.

    Raises:
        BadContent: There is no mesh in it, or it is damaged or too large.
    """
    members: list[Member] = []
    try:
        with zipfile.ZipFile(archive) as source:
            left_bytes = limit_bytes
            for info in _files_in(source):
                member = _take_out(source, info, folder, limit_bytes=left_bytes)
                members.append(member)
                left_bytes -= member.file.size_bytes
        return _sorted(members)
    except (*ZIP_DAMAGE, OSError) as error:
        _remove(members)
        if not is_zip_damage(error):
            raise
        raise BadContent(f"the archive cannot be opened ({error})") from error
    except BaseException:
        _remove(members)
        raise


def _files_in(source: zipfile.ZipFile) -> Sequence[zipfile.ZipInfo]:
    infos = [info for info in source.infolist() if not info.is_dir()]
    if len(infos) > _MOST_MEMBERS:
        raise BadContent(f"the archive holds {len(infos)} files")
    return infos[:_MOST_FILES]


def _take_out(
    source: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, *, limit_bytes: int
) -> Member:
    path = folder / f"{new_hex_id()}.part"
    name = info.filename.replace("\\", "/").rpartition("/")[2]
    size_bytes, head = 0, b""
    try:
        with source.open(info) as packed, path.open("wb") as target:
            while chunk := packed.read(_CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > limit_bytes:
                    raise BadContent("the archive is too large when it is unpacked")
                head = head or chunk[:HEAD_BYTES]
                target.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    found = sniff(head, size_bytes=size_bytes, hint=name)
    return Member(name=name, file=Spooled(path=path, format=found, size_bytes=size_bytes))


def _sorted(members: Sequence[Member]) -> Sequence[Member]:
    meshes = sorted(
        (one for one in members if one.file.format in MESH_FORMATS),
        key=lambda one: (_ORDER.index(one.file.format), -one.file.size_bytes),
    )
    if not meshes:
        raise BadContent("there is no mesh in the archive")
    companions = [one for one in members if one.file.format in _COMPANIONS]
    kept = [*meshes, *companions]
    _remove([one for one in members if one not in kept])
    return kept


def _remove(members: Sequence[Member]) -> None:
    for member in members:
        member.file.path.unlink(missing_ok=True)
