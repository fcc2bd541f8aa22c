"""Which pictures show the same object: told by how their files are named."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from image2model.cli.arguments.pictures import SourcePicture
from image2model.core.errors import InvalidViews
from image2model.core.generator import View
from image2model.core.text.names import name_of_file
from image2model.wire.generators import GeneratorOut

_LAST_WORD = re.compile(
    r"(?:(?P<name>.+?)[-_ .]+)?"
    r"(?P<view>front[-_ ]?(?:left|right)|front|left|back|right|top|bottom)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    One object to make a model of.

    Attributes:
        name: For people, and for the model's file name.
        pictures: By the view they show, the front first.
    """

    name: str
    pictures: Mapping[View, SourcePicture]


def group_pictures(
    pictures: Sequence[SourcePicture], generator: GeneratorOut, *, views: bool | None
) -> Sequence[Subject]:
    """
    Make subjects of *pictures*, in their order.

    Args:
        pictures: What to make models of.
        generator: What makes them.
        views: Take `teapot_front.png` and `teapot-left.jpg` for views of one teapot? None: where
            the generator takes several views, and those it needs are there.

    Raises:
        InvalidViews: The pictures are not the views that the generator takes.
    """
    if views and generator.max_views == 1:
        raise InvalidViews(reason=f"{generator.id} takes a single picture. Leave out --views.")
    if views is False or generator.max_views == 1:
        return [_single(picture) for picture in pictures]
    groups = _by_name(pictures, generator)
    subjects: list[Subject] = []
    for group in groups:
        whole = views or set(generator.required_views) <= set(group.pictures)
        single = generator.min_views == 1 and not whole
        subjects += [_single(one) for one in group.pictures.values()] if single else [group]
    for subject in subjects:
        _check(subject, generator)
    return subjects


def _single(picture: SourcePicture) -> Subject:
    return Subject(name=_name(picture.path.name), pictures={View.FRONT: picture})


def _name(file_name: str) -> str:
    return name_of_file(file_name, fallback="item")


def _by_name(pictures: Sequence[SourcePicture], generator: GeneratorOut) -> Sequence[Subject]:
    groups: dict[tuple[Path, str], Subject] = {}
    for picture in pictures:
        name, view = _name_and_view(picture.path, generator)
        known = groups.get((picture.path.parent, name.casefold()))
        pictures_so_far = known.pictures if known else {}
        if view in pictures_so_far:
            raise InvalidViews(
                reason=f"{pictures_so_far[view].path} and {picture.path} both show the {view} of "
                "one object. Rename one of them, or add --no-views."
            )
        more = {**pictures_so_far, view: picture}
        groups[picture.path.parent, name.casefold()] = Subject(
            name=known.name if known else _name(name + picture.path.suffix),
            pictures={one: more[one] for one in View if one in more},
        )
    return list(groups.values())


def _name_and_view(path: Path, generator: GeneratorOut) -> tuple[str, View]:
    """Read `teapot_front.png`, or `teapot/front.png`; other names are those of fronts."""
    match = _LAST_WORD.fullmatch(path.stem)
    if match is not None:
        words = re.sub(r"[-_ ]", "", match["view"].lower())
        view = next(view for view in View if view.replace("-", "") == words)
        if view in {*generator.required_views, *generator.optional_views}:
            return match["name"] or path.absolute().parent.name, view
    return path.stem, View.FRONT


def _check(subject: Subject, generator: GeneratorOut) -> None:
    missing = [view for view in generator.required_views if view not in subject.pictures]
    few, many, count = generator.min_views, generator.max_views, len(subject.pictures)
    if missing:
        trouble = f"needs the view {' and '.join(missing)} of '{subject.name}'."
    elif not few <= count <= many:
        trouble = f"takes {few} to {many} views of an object; '{subject.name}' has {count}."
    else:
        return
    taken = [*generator.required_views, *generator.optional_views]
    example = " and ".join(f"{subject.name}_{view}.png" for view in taken[: max(few, 2)])
    raise InvalidViews(reason=f"{generator.id} {trouble} Name the pictures like {example}.")
