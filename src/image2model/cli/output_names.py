"""What the files of models are called: a template, filled in."""

import string
from collections.abc import Mapping

from image2model.core.errors import InvalidRequest
from image2model.core.names import clean_name, unique_name
from image2model.wire.models import ItemOut, JobOut

DEFAULT_TEMPLATE = "{name}.{ext}"
FIELDS: Mapping[str, str] = {
    "name": "the picture's name",
    "generator": "such as local-puff",
    "index": "the item's place in the job, from 0",
    "ext": "the format's extension; must come last, after a dot",
    "job": "the job's id",
}
_ENDING = ".{ext}"
_FORBIDDEN = frozenset('/\\<>:"|?*')


class NameTemplate:
    """
    Names files after a template such as `{name}_{generator}.{ext}`.

    Raises:
        InvalidRequest: The template has an unknown field, or would not make one file name for
            each format.
    """

    def __init__(self, text: str) -> None:
        self._stem = text.removesuffix(_ENDING)
        if not text.endswith(_ENDING) or not self._stem:
            _refuse(f"must end in '{_ENDING}', such as '{DEFAULT_TEMPLATE}'; it is '{text}'.")
        try:
            self._check_fields()
            self._stem.format(**_values_of_example())
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            _refuse(f"'{text}' cannot be understood: {error}.")

    def _check_fields(self) -> None:
        for literal, field, _spec, _conversion in string.Formatter().parse(self._stem):
            if bad := _FORBIDDEN & set(literal):
                _refuse(f"names files, which cannot have {' '.join(sorted(bad))} in their names.")
            if field is not None and field not in FIELDS:
                _refuse(f"has no field '{{{field}}}'; there are {', '.join(FIELDS)}.")

    def stems(self, job: JobOut) -> Mapping[int, str]:
        """
        Name every item of *job*, without extension.

        Returns:
            By the item's index: names that are safe, and unique within the job; the same job
            always has the same ones.
        """
        taken: set[str] = set()
        stems: dict[int, str] = {}
        for item in job.items:
            stem = unique_name(self._stem_of(job, item), taken)
            taken.add(stem)
            stems[item.index] = stem
        return stems

    def _stem_of(self, job: JobOut, item: ItemOut) -> str:
        values = {
            "name": item.name,
            "generator": clean_name(job.generator, fallback="generator"),
            "index": item.index,
            "ext": "",
            "job": job.id,
        }
        return clean_name(self._stem.format(**values), fallback=f"item-{item.index}")


def _values_of_example() -> Mapping[str, object]:
    return {"name": "teapot", "generator": "local-puff", "index": 0, "ext": "", "job": "0" * 32}


def _refuse(reason: str) -> None:
    raise InvalidRequest(field="--name-template", reason=reason)
