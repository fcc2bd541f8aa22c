"""People whom somebody else vouches for: an organisation's sign-in, or a proxy that knows them."""

from datetime import timedelta

from image2model.core.ids import OwnerId
from image2model.jobs.access import begin_session, is_key_owner
from image2model.jobs.context import Context

PERSON_LIFE = timedelta(days=7)
"""Of a session; then the service is asked again, which may know the person no more."""

_LONGEST_NAME = 200
_OWNER = "user:"


def is_persons_name(text: str) -> bool:
    """Tell whether *text* can be the name of a person: printable, not empty and not too long."""
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def in_lower_case(name: str) -> str:
    """
    Give the one form of a name that is the same in any case of letters, as mail addresses are.

    Other alphabets have letters whose lower case is one of ours, which would make one person of
    two; so their names stay as they are.
    """
    return name.lower() if name.isascii() else name


def person_owner(name: str) -> OwnerId:
    """Tell which jobs are those of the person called *name*, on whatever device."""
    return OwnerId(f"{_OWNER}{name}")


def person_of(owner: OwnerId) -> str | None:
    """Name the person whose jobs are *owner*'s; None: a key's or a mere browser's."""
    return owner.removeprefix(_OWNER) if owner.startswith(_OWNER) else None


def is_known_owner(owner: OwnerId) -> bool:
    """Tell whether *owner* is an API key or a person, and no mere browser."""
    return is_key_owner(owner) or person_of(owner) is not None


async def open_person_session(context: Context, name: str) -> str:
    """Begin a browser session for the person called *name*. Returns its secret token."""
    return await begin_session(context, person_owner(name), life=PERSON_LIFE)
