"""What files are called: a template such as `{name}_{generator}.{ext}`, filled in."""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

from image2model.core.errors import InvalidRequest
from image2model.core.generator import GeneratorId
from image2model.core.ids import JobId
from image2model.core.text.names import clean_name

DEFAULT_TEMPLATE = "{name}.{ext}"
FIELDS: Mapping[str, str] = {
    "name": "the picture's name",
    "generator": "such as local-puff",
    "index": "the item's place in the job, from 0",
    "ext": "the format's extension; must come last, after a dot",
    "job": "the job's id",
}
_ENDING = ".{ext}"
_FORBIDDEN = frozenset('\\<>:"|?*')
_MOST_CHARACTERS, _MOST_FOLDERS = 200, 4
_LONGEST_PATH = 160
"""Characters: leaves a hundred for where it is unpacked, of the 260 that Windows allows."""

_PLAIN_SPEC = re.compile(r"[<>^]?\d{0,2}d?")
"""Anything else, such as a width of a thousand million, has no place in a file name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a template tells of: an item, and what its job is."""

    job: JobId
    generator: GeneratorId
    index: int
    name: str


class FileTemplate:
    """
    Names files after *text*.

    Args:
        text: The template.
        field: What to blame for a wrong one: a parameter of the API, an option.
        folders: Whether `/` in it makes folders.

    Raises:
        InvalidRequest: It has an unknown field, or would not make one file name for each format.
    """

    def __init__(self, text: str, *, field: str, folders: bool = False) -> None:
        self._field = field
        stem = text.removesuffix(_ENDING)
        if len(text) > _MOST_CHARACTERS:
            self._refuse(f"has more than {_MOST_CHARACTERS} characters.")
        if not text.endswith(_ENDING) or not stem:
            self._refuse(f"must end in '{_ENDING}', such as '{DEFAULT_TEMPLATE}'; it is '{text}'.")
        self._parts = stem.split("/")
        if len(self._parts) > 1 and not folders:
            self._refuse("names files, which cannot have / in their names.")
        if not all(self._parts) or len(self._parts) > _MOST_FOLDERS + 1:
            self._refuse(f"must name one to {_MOST_FOLDERS} folders between its slashes.")
        try:
            for part in self._parts:
                self._check(part)
            self.fill(Named(job=JobId("0" * 32), generator=GeneratorId("a/b"), index=0, name="a"))
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            self._refuse(f"'{text}' cannot be understood: {error}.")

    def _check(self, part: str) -> None:
        for literal, field, spec, _conversion in string.Formatter().parse(part):
            if bad := _FORBIDDEN & set(literal):
                self._refuse(
                    f"names files, which cannot have {' '.join(sorted(bad))} in their names."
                )
            if field is not None and field not in FIELDS:
                self._refuse(f"has no field '{{{field}}}'; there are {', '.join(FIELDS)}.")
            if spec and not _PLAIN_SPEC.fullmatch(spec):
                self._refuse(f"has '{spec}', which is no width such as 03.")

    def fill(self, named: Named, *, kind: str = "") -> str:
        """
        Name the files of one item.

        Args:
            named: The item.
            kind: What `{ext}` says in a folder's name.

        Returns:
            Safe names joined by `/`, without the extension.
        """
        values = {
            "name": named.name,
            "generator": clean_name(named.generator, fallback="generator"),
            "index": named.index,
            "ext": kind,
            "job": named.job,
        }
        fallback = f"item-{named.index}"
        names = [clean_name(part.format(**values), fallback=fallback) for part in self._parts]
        if sum(map(len, names)) > _LONGEST_PATH:
            share = _LONGEST_PATH // len(names)
            names = [clean_name(name[:share], fallback=fallback) for name in names]
        return "/".join(names)

    def _refuse(self, reason: str) -> None:
        raise InvalidRequest(field=self._field, reason=reason)
