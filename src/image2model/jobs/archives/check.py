"""Check an archive of a job against its own manifest, file by file."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image2model.core.text.names import is_reserved_name, same_file
from image2model.core.values.zip_damage import ZIP_DAMAGE, is_zip_damage
from image2model.geometry.formats.detection import HEAD_BYTES, glb_length, mesh_format
from image2model.jobs.archives.manifest import FORMAT, VERSION
from image2model.jobs.archives.names import MANIFEST_JSON

_CHUNK_BYTES = 1024 * 1024
_MANIFEST_BYTES = 100_000_000
_FORBIDDEN = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f]')
_PICTURES: Mapping[str, re.Pattern[bytes]] = {
    "webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "jpg": re.compile(rb"\xff\xd8\xff"),
    "avif": re.compile(rb"....ftyp", re.DOTALL),
}
_MODELS = frozenset({"glb", "fbx", "obj", "ply", "stl", "gltf", "usdz"})
_ZIPS = frozenset({"zip", "3mf"})
_WITHIN: Mapping[str, re.Pattern[str]] = {
    ".obj.zip": re.compile(r".+\.obj"),
    ".gltf.zip": re.compile(r".+\.gltf"),
    ".3mf": re.compile(r"3D/.+\.model"),
    ".usdz": re.compile(r".+\.usd[ac]?"),
}
"""A file that each of these ZIPs must have in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    Something that is wrong with an archive.

    Attributes:
        path: The file it is about; "": the whole archive.
        reason: What is wrong with it.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """
    What the check of an archive found.

    Attributes:
        files: How many files are in it.
        size_bytes: Their length together, unpacked.
        faults: What is wrong; none: the archive is what its manifest says.
    """

    files: int
    size_bytes: int
    faults: tuple[Fault, ...]


def check_archive(path: Path) -> Checked:
    """
    Read all of an archive and compare it with its manifest.

    Names, lengths, CRC-32, SHA-256, and whether each file is what its name says are checked.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Check(archive).run()
    except (*ZIP_DAMAGE, OSError) as error:
        if not is_zip_damage(error):
            raise
        reason = "it is no ZIP file, or not all of one; download it again"
        return Checked(files=0, size_bytes=0, faults=(Fault(path="", reason=reason),))


@dataclass(frozen=True, slots=True)
class _Seen:
    size_bytes: int
    sha256: str


class _Check:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._faults: list[Fault] = []
        self._seen: dict[str, _Seen] = {}

    def run(self) -> Checked:
        members = self._archive.infolist()
        self._check_names([member.filename for member in members])
        for member in members:
            self._check_member(member)
        self._compare()
        size = sum(seen.size_bytes for seen in self._seen.values())
        return Checked(files=len(members), size_bytes=size, faults=tuple(self._faults))

    def _blame(self, path: str, reason: str) -> None:
        self._faults.append(Fault(path=path, reason=reason))

    def _check_names(self, paths: list[str]) -> None:
        folded: dict[str, str] = {}
        folders = {same_file(parent) for path in paths for parent in _parents(path)}
        for path in paths:
            for reason in faults_of_name(path):
                self._blame(path, reason)
            twin = folded.setdefault(same_file(path), path)
            if twin is not path:
                self._blame(path, f"has the same name as {twin} on Windows and macOS")
            if same_file(path) in folders:
                self._blame(path, "is a file and a folder at once")

    def _check_member(self, member: zipfile.ZipInfo) -> None:
        digest, size, head = hashlib.sha256(), 0, b""
        try:
            with self._archive.open(member) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    head = head or chunk[:HEAD_BYTES]
                    digest.update(chunk)
                    size += len(chunk)
        except (NotImplementedError, RuntimeError) as error:
            self._blame(member.filename, f"cannot be unpacked here: {error}")
            return
        except (*ZIP_DAMAGE, OSError) as error:
            self._blame(member.filename, f"is damaged: {error}")
            return
        self._seen[member.filename] = _Seen(size, digest.hexdigest())
        reason = _fault_of_content(member.filename, head, size) or self._fault_within(member)
        if reason:
            self._blame(member.filename, reason)

    def _fault_within(self, member: zipfile.ZipInfo) -> str | None:
        """Look whether a ZIP within the ZIP holds what its name says."""
        ending, wanted = next(
            ((end, one) for end, one in _WITHIN.items() if member.filename.endswith(end)),
            (None, None),
        )
        if ending is None or wanted is None:
            return None
        try:
            with self._archive.open(member) as file, zipfile.ZipFile(file) as inner:
                if any(wanted.fullmatch(name) for name in inner.namelist()):
                    return None
        except (*ZIP_DAMAGE, OSError):
            pass
        return f"is no {ending.removeprefix('.')} file"

    def _compare(self) -> None:
        listed = dict(self._listed())
        for path, (size, sha256) in listed.items():
            seen = self._seen.get(path)
            if path not in self._archive.namelist():
                self._blame(path, "is in the manifest, but not in the archive")
            elif seen is not None and seen.size_bytes != size:
                self._blame(path, f"has {seen.size_bytes} bytes instead of {size}")
            elif seen is not None and seen.sha256 != sha256:
                self._blame(path, "is not the file that the manifest names (SHA-256)")
        if listed or MANIFEST_JSON in self._seen:
            for path in self._seen.keys() - listed.keys() - {MANIFEST_JSON}:
                self._blame(path, "is not in the manifest")

    def _listed(self) -> Iterator[tuple[str, tuple[int, str]]]:
        """Read path, size and checksum of every file off the manifest."""
        seen = self._seen.get(MANIFEST_JSON)
        if seen is None:
            self._blame(MANIFEST_JSON, "is missing or damaged: the files cannot be compared")
            return
        try:
            if seen.size_bytes > _MANIFEST_BYTES:
                raise ValueError("it is too large")
            manifest: Any = json.loads(self._archive.read(MANIFEST_JSON))
            if (manifest["format"], manifest["version"]) != (FORMAT, VERSION):
                raise ValueError("it is of another program, or of another version of this one")
            files = [file for item in manifest["items"] for file in item["files"]]
            for file in (*files, manifest["table"]):
                yield str(file["path"]), (int(file["size_bytes"]), str(file["sha256"]))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            self._blame(MANIFEST_JSON, f"cannot be understood: {error}")


def faults_of_name(path: str) -> Iterator[str]:
    """Tell why a file of an archive could not be unpacked everywhere under its name *path*."""
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        yield "leads out of the folder it is unpacked to, or has no name"
    if _FORBIDDEN.search(path):
        yield "has characters in its name that Windows does not allow"
    if any(part.endswith((".", " ")) and part.strip(".") for part in parts):
        yield "has a name that ends in a dot or a space, which Windows drops"
    if any(is_reserved_name(part) for part in parts):
        yield "has a name that Windows keeps for a device"
    if any(len(part.encode()) > 255 for part in parts):
        yield "has a name that is too long for most disks"


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    for end in range(1, len(parts)):
        yield "/".join(parts[:end])


def _fault_of_content(path: str, head: bytes, size_bytes: int) -> str | None:
    extension = path.rpartition(".")[2].lower()
    if not size_bytes:
        return "is empty"
    if extension in _PICTURES and not _PICTURES[extension].match(head):
        return f"is no {extension} picture"
    found = mesh_format(head, size_bytes=size_bytes)
    if extension in _MODELS and found != extension:
        return f"is no {extension} file"
    if extension in _ZIPS and found not in {"zip", "usdz"}:
        return f"is no {extension} file"
    if extension == "glb" and glb_length(head) != size_bytes:
        return f"says that it has {glb_length(head)} bytes, and has {size_bytes}"
    return None
