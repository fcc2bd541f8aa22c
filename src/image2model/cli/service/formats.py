"""Read `--format glb,stl`."""

from collections.abc import Collection, Mapping, Sequence

from image2model.cli.service.service import Desk
from image2model.core.errors import FormatUnsupported, InvalidRequest

_OTHER_NAMES: Mapping[str, str] = {"gltf": "gltf.zip", "obj": "obj.zip"}
"""What people call formats that come as something else."""


def parse_formats(text: str, desk: Desk, *, delivered: Collection[str]) -> Sequence[str]:
    """
    Read a list of formats, separated by commas; each is named once.

    Args:
        text: As it was typed.
        desk: Who would have to make them.
        delivered: What the generator delivers by itself.

    Raises:
        InvalidRequest: There is none.
        FormatUnsupported: One can neither be had nor made.
    """
    wanted = parse_names(text)
    for name in wanted:
        if desk.formats is not None and name not in {*desk.formats, *delivered}:
            raise FormatUnsupported(format_name=name, supported=desk.formats)
    return wanted


def parse_names(text: str) -> Sequence[str]:
    """
    Read a list of formats, separated by commas, whether or not they can be made.

    Raises:
        InvalidRequest: There is none.
    """
    names = [name.strip().lower().removeprefix(".") for name in text.split(",")]
    wanted = list(dict.fromkeys(_OTHER_NAMES.get(name, name) for name in names if name))
    if not wanted:
        raise InvalidRequest(field="--format", reason="names no format.")
    return wanted
