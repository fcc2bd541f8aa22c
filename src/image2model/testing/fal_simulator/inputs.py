"""Check a request's input as the model behind an endpoint does: late, when it starts."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from image2model.testing.fal_simulator.catalog import Endpoint
from image2model.testing.fal_simulator.faults.canned import model_error

Detail = Mapping[str, Any]

_PICTURE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM")
_BOX_BRANDS = (b"ftypavif", b"ftypheic", b"ftypmif1", b"ftypheix")


class PictureLookup(Protocol):
    """Finds what a picture URL leads to."""

    def __call__(self, url: str) -> bytes | None:
        """
        Return the first bytes behind *url*.

        Raises:
            LookupError: There is nothing to download.
        """
        ...


def picture_urls(endpoint: Endpoint, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """Return every picture URL of *arguments*, in the order of the endpoint's fields."""
    return tuple(url for _, url in _pictures(endpoint, arguments) if isinstance(url, str))


def find_problems(
    endpoint: Endpoint, arguments: Mapping[str, Any], lookup: PictureLookup
) -> list[Detail]:
    """
    Return what the model would refuse, as items of a `detail` list; empty: nothing.

    Fields nobody knows are ignored without a word, as the real endpoints do.
    """
    return [
        *_missing(endpoint, arguments),
        *_bad_lists(endpoint, arguments),
        *_bad_pictures(endpoint, arguments, lookup),
        *_bad_options(endpoint, arguments),
    ]


def _pictures(endpoint: Endpoint, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in endpoint.images.fields:
        value = arguments.get(name)
        for url in value if isinstance(value, list) else [value] if value is not None else []:
            yield name, url


def _missing(endpoint: Endpoint, arguments: Mapping[str, Any]) -> Iterator[Detail]:
    for name in endpoint.images.required:
        if arguments.get(name) is None:
            yield model_error("missing", message="Field required", loc=("body", name))


def _bad_lists(endpoint: Endpoint, arguments: Mapping[str, Any]) -> Iterator[Detail]:
    most = endpoint.images.at_most
    for name in endpoint.images.fields:
        value = arguments.get(name)
        if not isinstance(value, list):
            continue
        if not value and name in endpoint.images.required:
            yield model_error(
                "sequence_too_short",
                message="List is empty",
                loc=("body", name),
                ctx={"min_length": 1},
            )
        if most is not None and len(value) > most:
            yield model_error(
                "sequence_too_long",
                message=f"At most {most} items",
                loc=("body", name),
                ctx={"max_length": most},
            )


def _bad_pictures(
    endpoint: Endpoint, arguments: Mapping[str, Any], lookup: PictureLookup
) -> Iterator[Detail]:
    for name, url in _pictures(endpoint, arguments):
        if not isinstance(url, str):
            yield model_error("string_type", message="Not a string", loc=("body", name))
            continue
        try:
            start = lookup(url)
        except LookupError:
            message = f"Failed to download {url[:200]}"
            yield model_error("file_download_error", message=message, loc=("body", name))
        else:
            if start is not None and not _looks_like_picture(start):
                yield model_error(
                    "image_load_error", message="Cannot load the image", loc=("body", name)
                )


def _looks_like_picture(start: bytes) -> bool:
    return start.startswith(_PICTURE_STARTS) or start[4:12] in _BOX_BRANDS


def _bad_options(endpoint: Endpoint, arguments: Mapping[str, Any]) -> Iterator[Detail]:
    for name, choices in endpoint.choices.items():
        if arguments.get(name) is not None and arguments[name] not in choices:
            expected = {"expected": list(choices)}
            yield model_error("one_of", message="Unknown value", loc=("body", name), ctx=expected)
    for name, (low, high) in endpoint.ranges.items():
        value = arguments.get(name)
        if isinstance(value, int | float) and value < low:
            yield model_error(
                "greater_than_equal", message="Too small", loc=("body", name), ctx={"ge": low}
            )
        if isinstance(value, int | float) and value > high:
            yield model_error(
                "less_than_equal", message="Too large", loc=("body", name), ctx={"le": high}
            )
