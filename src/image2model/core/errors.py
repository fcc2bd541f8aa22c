"""Every error the product raises on purpose, with a stable code each.

The tree::

    Image2ModelError
    ├── InvalidInputError              what was sent cannot be used; sending it again will not help
    │   ├── InvalidPictureError
    │   │   ├── NotAPicture            not_a_picture
    │   │   ├── PictureTypeUnsupported picture_type_unsupported
    │   │   ├── PictureDamaged         picture_damaged
    │   │   ├── PictureTooSmall        picture_too_small
    │   │   ├── PictureTooManyPixels   picture_too_many_pixels
    │   │   ├── PictureEmpty           picture_empty
    │   │   └── SubjectNotFound        subject_not_found
    │   ├── InvalidRequest             invalid_request
    │   ├── InvalidOptions             invalid_options
    │   ├── InvalidViews               invalid_views
    │   ├── InvalidSheet               invalid_sheet
    │   ├── NoPictures                 no_pictures
    │   ├── TooManyItems               too_many_items
    │   ├── UploadTooLarge             upload_too_large
    │   ├── PictureNotFetched          picture_not_fetched
    │   ├── FormatUnsupported          format_unsupported
    │   ├── PriceUnknown               price_unknown
    │   └── InvalidMesh                invalid_mesh
    ├── NotFoundError
    │   ├── JobNotFound                job_not_found
    │   ├── ItemNotFound               item_not_found
    │   ├── SharedLinkNotFound         shared_link_not_found
    │   ├── ViewNotFound               view_not_found
    │   ├── FileNotInResult            file_not_found
    │   ├── GeneratorNotFound          generator_not_found
    │   ├── ApiKeyNotFound             api_key_not_found
    │   ├── OwnerNotFound              owner_not_found
    │   ├── ArtifactNotFound           artifact_not_found
    │   ├── WebhookNotFound            webhook_not_found
    │   ├── DeliveryNotFound           delivery_not_found
    │   └── ResultExpired              result_expired          was there; the provider removed it
    ├── ConflictError
    │   ├── WrongState                 wrong_state
    │   ├── IdempotencyKeyReused       idempotency_key_reused
    │   ├── AlreadyRunning             already_running
    │   ├── SpendingStopped            spending_stopped        passes; the item waits
    │   └── LeaseLost                  lease_lost
    ├── AccessError
    │   ├── NotAuthenticated           not_authenticated
    │   ├── ScopeMissing               scope_missing
    │   ├── AccessEnded                access_ended           stops the owner's jobs
    │   ├── SignInRefused              sign_in_refused
    │   ├── SignInNotOffered           sign_in_not_offered
    │   ├── SignInUnavailable          sign_in_unavailable
    │   ├── CrossSiteRequest           cross_site_request
    │   ├── GeneratorNotAllowed        generator_not_allowed
    │   ├── PaymentNotAllowed          payment_not_allowed
    │   ├── WebhookRefused             webhook_refused
    │   ├── WebhookNotVerified         webhook_not_verified   at a receiver
    │   ├── ProxyNotAnnounced          proxy_not_announced
    │   └── HostNotAllowed             host_not_allowed
    ├── LimitError
    │   ├── BudgetExceeded             budget_exceeded
    │   ├── QuotaExceeded              quota_exceeded
    │   ├── TooManyJobs                too_many_jobs
    │   ├── TooManyWebhooks            too_many_webhooks
    │   ├── TooManyRequests            too_many_requests       passes by itself
    │   └── ItemTimedOut               item_timed_out
    ├── ProviderError
    │   ├── ProviderRejected           provider_rejected       never retried
    │   ├── ProviderUnavailable        provider_unavailable    retried
    │   ├── ProviderAccountBlocked     provider_account_blocked  stops the job
    │   ├── GeneratorRetired           generator_retired         stops the job
    │   ├── ProviderResultInvalid      provider_result_invalid
    │   └── SubmissionUncertain        submission_uncertain    a person decides
    ├── StorageError
    │   ├── ArtifactTooLarge           artifact_too_large
    │   ├── StorageFull                storage_full
    │   ├── StorageUnavailable         storage_unavailable
    │   └── DatabaseUnavailable        database_unavailable   the job store itself
    ├── FetchError
    │   ├── FetchRefused               fetch_refused           never tried again
    │   ├── FetchGone                  fetch_gone              never tried again
    │   └── FetchBroken                fetch_broken            tried again
    ├── ComputeError
    │   ├── ComputeCrashed             compute_crashed
    │   └── ComputeTimedOut            compute_timed_out
    ├── ConfigurationError
    │   ├── InvalidSetting             invalid_setting
    │   └── ExtraMissing               extra_missing
    └── ServerError                    a client's own trouble with the server it speaks to
        ├── ServerUnreachable          server_unreachable
        └── ServerAnswerUnknown        server_answer_unknown
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from image2model.core.money import BudgetScope
from image2model.core.text.clean import harmless_text, harmless_value
from image2model.core.text.close_names import closest_name, did_you_mean

JsonValue = Any
"""A value that `json.dumps` accepts."""


_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z`'])")
_MARKS_TWICE = re.compile(r"(?<=[^\s./])(?:\.\.|([?!])\.|\.([:;,]))(?=\s|$)|\.(?=\)\.?(?:\s|$))")
"""Where a sentence that was put into another one has brought its full stop along."""


_LONGEST_MESSAGE = 4000


def _tidied(message: str) -> str:
    """Write a message that was put together of others as sentences with one mark each."""
    line = " ".join(message.split())
    marked = _MARKS_TWICE.sub(lambda match: match[1] or match[2] or _only_stop(match), line)
    needs_stop = marked[-1:].isalnum() or marked[-1:] in {"'", '"', ")", "]", "`", "%"}
    return f"{marked}." if needs_stop and "Example: " not in marked else marked


def _only_stop(match: re.Match[str]) -> str:
    return "." if match[0] == ".." else ""


class Image2ModelError(Exception):
    """
    Base of every error raised on purpose.

    Attributes:
        code: The stable word a program can branch on.
        message: One sentence for people: what is wrong and what to do.
        details: Further facts, as JSON values.
        cost_usd: What a provider charged for the work that failed so, in US dollars; None: it
            does not say, or there was no such work.
    """

    code: ClassVar[str]
    message: str
    details: Mapping[str, JsonValue]
    cost_usd: Decimal | None = None

    def __init__(self, message: str, /, **details: JsonValue) -> None:
        # Both quote file names, files and what model makers say.
        message = harmless_text(_tidied(message), longest=_LONGEST_MESSAGE)
        super().__init__(message)
        self.message = message
        self.details = harmless_value(details)

    @property
    def clause(self) -> str:
        """What is wrong without what to do, to be said within another sentence."""
        return _SENTENCES.split(self.message, maxsplit=1)[0].rstrip(".")

    def __reduce__(self) -> tuple[Any, ...]:
        # Constructors take keywords only, which the default pickling of
        # exceptions cannot call; errors do cross process borders.
        return _rebuild, (type(self), self.__dict__.copy())

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """Make the error again that had these attributes."""
        error = cls.__new__(cls)
        error.args = (state["message"],)
        error.__dict__.update(state)
        return error


def _rebuild(cls: type[Image2ModelError], state: Mapping[str, Any]) -> Image2ModelError:
    return cls.restore(state)


def read_error(
    *, code: str, message: str, details: Mapping[str, JsonValue]
) -> Image2ModelError | None:
    """
    Make the error again that was sent as `{"code", "message", "details"}`.

    Returns:
        An error of the class that has this code; None: no class has.
    """
    kind = error_class(code)
    if kind is None:
        return None
    return kind.restore({**details, "message": message, "details": details})


def error_class(code: str) -> type[Image2ModelError] | None:
    """Find the class of errors that has this code; None: none has."""
    return next((kind for kind in _below(Image2ModelError) if vars(kind).get("code") == code), None)


def how_to_install(extra: str) -> str:
    """Say how the optional part *extra* is installed."""
    return (
        f"Install it: make extra EXTRA={extra} in a source checkout, or pip install "
        f"'WHEEL[{extra}]' with image2model's wheel file."
    )


def _below(kind: type[Image2ModelError]) -> Iterator[type[Image2ModelError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _below(subclass)


# --- What was sent cannot be used -------------------------------------------------------------


class InvalidInputError(Image2ModelError):
    """What was sent cannot be used; sending it again unchanged will not help."""


class InvalidPictureError(InvalidInputError):
    """One picture cannot be used; the other items of its job go on."""


class NotAPicture(InvalidPictureError):
    """The bytes are no picture, whatever the file is called."""

    code = "not_a_picture"

    def __init__(self, *, looks_like: str | None = None) -> None:
        seen = f" It looks like {looks_like}." if looks_like else ""
        super().__init__(
            f"This file is not a picture.{seen} Send a JPEG, PNG, WebP or AVIF file.",
            looks_like=looks_like,
        )


class PictureTypeUnsupported(InvalidPictureError):
    """A picture, but of a type that is not accepted."""

    code = "picture_type_unsupported"

    def __init__(self, *, type_name: str, advice: str) -> None:
        super().__init__(f"{type_name} pictures are not accepted. {advice}", type_name=type_name)


class PictureDamaged(InvalidPictureError):
    """The picture stops in the middle or cannot be decoded."""

    code = "picture_damaged"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"The picture cannot be read to its end ({reason}). "
            "Export or download it again and send the new file.",
            reason=reason,
        )


class PictureTooSmall(InvalidPictureError):
    """The picture, or the object in it, has too few pixels to build from."""

    code = "picture_too_small"

    def __init__(self, *, width_px: int, height_px: int, minimum_px: int) -> None:
        super().__init__(
            f"The picture is {width_px} × {height_px} pixels; at least "
            f"{minimum_px} × {minimum_px} are needed. Send a larger one.",
            width_px=width_px,
            height_px=height_px,
            minimum_px=minimum_px,
        )


class PictureTooManyPixels(InvalidPictureError):
    """The picture's header promises more pixels than are decoded here."""

    code = "picture_too_many_pixels"

    def __init__(
        self, *, width_px: int, height_px: int, limit_px: int, limit_side_px: int | None = None
    ) -> None:
        side = "" if limit_side_px is None else f" and {limit_side_px} pixels a side"
        found, limit = _megapixels(width_px * height_px, limit_px)
        scale = min(
            (limit_px / max(1, width_px * height_px)) ** 0.5,
            1.0 if limit_side_px is None else limit_side_px / max(width_px, height_px, 1),
        )
        fitting = [max(1, int(scale * length_px)) for length_px in (width_px, height_px)]
        super().__init__(
            f"The picture is {width_px} × {height_px} pixels ({found} megapixels); the limit is "
            f"{limit} megapixels{side}. Scale it down to {fitting[0]} × {fitting[1]} pixels or "
            "fewer and send it again.",
            width_px=width_px,
            height_px=height_px,
            limit_px=limit_px,
            limit_side_px=limit_side_px,
        )


def _megapixels(found_px: int, limit_px: int) -> tuple[str, str]:
    """Write both with as many digits as tell them apart."""
    for digits in range(7):
        found, limit = (f"{px / 1e6:.{digits}f}" for px in (found_px, limit_px))
        if found != limit or found_px == limit_px:
            break
    return found, limit


class PictureEmpty(InvalidPictureError):
    """There is nothing to see: fully transparent, or one single colour."""

    code = "picture_empty"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"There is no object in this picture: {reason}. Send a picture that shows the object.",
            reason=reason,
        )


class SubjectNotFound(InvalidPictureError):
    """The object could not be told from its background."""

    code = "subject_not_found"

    def __init__(self, *, confidence: float, needed: float) -> None:
        super().__init__(
            "The object cannot be told from its background "
            f"(confidence {confidence:.2f}, needed {needed:.2f}). Send a PNG with a transparent "
            "background, or a photo on a plain background with the whole object in the frame.",
            confidence=round(confidence, 4),
            needed=needed,
        )


class InvalidRequest(InvalidInputError):
    """A field of the request is missing, malformed or out of range."""

    code = "invalid_request"

    def __init__(self, *, field: str, reason: str) -> None:
        super().__init__(f"'{field}' {reason}", field=field, reason=reason)


class InvalidOptions(InvalidInputError):
    """An option is unknown to the generator or out of its range."""

    code = "invalid_options"

    def __init__(self, *, generator: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"The options do not fit {generator}: {'; '.join(problems)}. "
            f"`image2model generators show {generator}` lists every option.",
            generator=generator,
            problems=list(problems),
        )


class InvalidViews(InvalidInputError):
    """An item's pictures are not the views that its generator takes."""

    code = "invalid_views"

    def __init__(self, *, reason: str, item: int | None = None) -> None:
        where = "" if item is None else f"Item {item}: "
        super().__init__(f"{where}{reason}", item=item, reason=reason)


class InvalidSheet(InvalidInputError):
    """The spreadsheet has cells that are wrong, or does not fit the pictures."""

    code = "invalid_sheet"

    def __init__(self, *, errors: Sequence[Mapping[str, JsonValue]], count: int) -> None:
        places = [
            f"row {one['row']}{', ' if one['column'] else ''}{one['column']}: {one['reason']}"
            for one in errors[:3]
        ]
        more = f"; and {count - len(places)} more" if count > len(places) else ""
        told = f"{'; '.join(places)}{more}"
        stop = "" if told.endswith("?") else "."
        super().__init__(
            f"The spreadsheet cannot be used: {told}{stop} Nothing was made; "
            "correct it and send it again.",
            errors=[dict(one) for one in errors],
            count=count,
        )


class NoPictures(InvalidInputError):
    """A job without a single picture."""

    code = "no_pictures"

    def __init__(self, *, where: str = "The job") -> None:
        super().__init__(
            f"{where} has no pictures. Give at least one JPEG, PNG, WebP or AVIF file.",
            where=where,
        )


class TooManyItems(InvalidInputError):
    """More items than one job may have."""

    code = "too_many_items"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"A job takes at most {limit} items. Split the pictures over several jobs, "
            "or raise IMAGE2MODEL_LIMITS__ITEMS_PER_JOB.",
            limit=limit,
        )


class UploadTooLarge(InvalidInputError):
    """A picture, or all of a request, is over the byte limit."""

    code = "upload_too_large"

    def __init__(self, *, limit_bytes: int) -> None:
        super().__init__(
            f"The upload is larger than {limit_bytes / 1e6:g} MB. Scale the picture down "
            "or save it as JPEG or WebP.",
            limit_bytes=limit_bytes,
        )


class PictureNotFetched(InvalidInputError):
    """
    No picture can be read from the URL that was given.

    Its `kind` among the details is "refused" where asking again is of no use, or None.
    """

    code = "picture_not_fetched"

    def __init__(self, *, host: str, reason: str, kind: str | None = None) -> None:
        super().__init__(
            f"No picture can be read from {host}: {reason}. Save the picture and add its file.",
            host=host,
            reason=reason,
            kind=kind,
        )


class FormatUnsupported(InvalidInputError):
    """No way to make that format here."""

    code = "format_unsupported"

    def __init__(self, *, format_name: str, supported: Sequence[str]) -> None:
        close = closest_name(format_name, supported)
        hint = f" (did you mean '{close}'?)" if close and close != format_name else ""
        super().__init__(
            f"The format '{format_name}' is not available{hint}; choose from "
            f"{', '.join(supported)}.",
            format_name=format_name,
            supported=list(supported),
        )


class PriceUnknown(InvalidInputError):
    """Nobody knows what a model would cost, so no budget could hold."""

    code = "price_unknown"

    def __init__(self, *, generator: str, options: Sequence[str] = ()) -> None:
        what = f"of {generator} with {', '.join(options)}" if options else f"of {generator}"
        without = (
            "Leave these options out. "
            if options
            else "Choose another generator, or have the operator set "
            "IMAGE2MODEL_BUDGET__UNKNOWN_PRICE_USD to the most that a model of it may cost. "
        )
        super().__init__(
            f"Nobody knows what a model {what} costs at most, so it is not bought. {without}"
            "On your own machine `image2model generate --price-at-most USD` buys it.",
            generator=generator,
            options=list(options),
        )


class InvalidMesh(InvalidInputError):
    """A 3D file cannot be read, or is not what its header says."""

    code = "invalid_mesh"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The 3D file cannot be used: {reason}.", reason=reason)


# --- Not there --------------------------------------------------------------------------------


class NotFoundError(Image2ModelError):
    """What was asked for does not exist, or belongs to somebody else."""


class JobNotFound(NotFoundError):
    """No such job of this owner."""

    code = "job_not_found"

    def __init__(self, *, job: str) -> None:
        super().__init__(f"There is no job {job} here.", job=job)


class ItemNotFound(NotFoundError):
    """The job has no item of that index."""

    code = "item_not_found"

    def __init__(self, *, job: str, index: int) -> None:
        super().__init__(f"Job {job} has no item {index}.", job=job, index=index)


class SharedLinkNotFound(NotFoundError):
    """No such shared link works: it never was, is revoked or has expired."""

    code = "shared_link_not_found"

    def __init__(self) -> None:
        super().__init__(
            "This link does not work (any more). Ask whoever gave it to you for a new one."
        )


class ViewNotFound(NotFoundError):
    """The item has no picture of that view."""

    code = "view_not_found"

    def __init__(self, *, job: str, index: int, view: str) -> None:
        super().__init__(
            f"Item {index} of job {job} has no view '{view}'.", job=job, index=index, view=view
        )


class WebhookNotFound(NotFoundError):
    """No such webhook of this owner."""

    code = "webhook_not_found"

    def __init__(self, *, webhook: str) -> None:
        super().__init__(f"There is no webhook {webhook} here.", webhook=webhook)


class DeliveryNotFound(NotFoundError):
    """The webhook has no such delivery, or no more."""

    code = "delivery_not_found"

    def __init__(self, *, webhook: str, delivery: str) -> None:
        super().__init__(
            f"Webhook {webhook} has no delivery {delivery}.", webhook=webhook, delivery=delivery
        )


class FileNotInResult(NotFoundError):
    """The item has no result yet, or the result has no such file."""

    code = "file_not_found"

    def __init__(self, *, job: str, index: int, name: str) -> None:
        super().__init__(
            f"Item {index} of job {job} has no file '{name}'.", job=job, index=index, name=name
        )


class GeneratorNotFound(NotFoundError):
    """No provider offers a generator of that id."""

    code = "generator_not_found"

    def __init__(self, *, generator: str, known: Sequence[str], left_out: str = "") -> None:
        # Of a provider that is left out another generator is no good guess.
        hint = (
            f" It is not there because {left_out}." if left_out else did_you_mean(generator, known)
        )
        super().__init__(
            f"There is no generator '{generator}'.{hint} Available: {', '.join(known) or 'none'}.",
            generator=generator,
            known=list(known),
        )


class ApiKeyNotFound(NotFoundError):
    """There is no such API key, or it was revoked."""

    code = "api_key_not_found"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"There is no working API key '{key}'. `image2model keys list` shows them all.",
            key=key,
        )


class OwnerNotFound(NotFoundError):
    """No owner of that name has anything."""

    code = "owner_not_found"

    def __init__(self, *, owner: str, meant: Sequence[str] = ()) -> None:
        """
        Say who is not there.

        Args:
            owner: Who was asked for.
            meant: Owners who are called so, or nearly.
        """
        hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
        super().__init__(
            f"Nobody called '{owner}' has anything here.{hint} `image2model admin status` lists "
            "the owners.",
            owner=owner,
            meant=list(meant),
        )


class ArtifactNotFound(NotFoundError):
    """The store holds nothing under that id."""

    code = "artifact_not_found"

    def __init__(self, *, artifact: str) -> None:
        super().__init__(f"There is no stored file {artifact}.", artifact=artifact)


class ResultExpired(NotFoundError):
    """
    Only the provider had the file, and its URL has ended.

    `expired_at` among the details is None where the provider removed it before its time.
    """

    code = "result_expired"

    def __init__(self, *, name: str, expired_at: str | None) -> None:
        until = f"until {expired_at}" if expired_at else "and is not there any more"
        super().__init__(
            f"'{name}' was kept by the provider only, {until}. Make the item again, "
            "with `keep` set to `keep` for results that stay.",
            name=name,
            expired_at=expired_at,
        )


# --- Not now ----------------------------------------------------------------------------------


class ConflictError(Image2ModelError):
    """The request does not fit the present state."""


class WrongState(ConflictError):
    """The job or item is not in a state that allows this."""

    code = "wrong_state"

    def __init__(self, *, what: str, state: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{what} is {state}; this is possible only while it is {' or '.join(allowed)}.",
            what=what,
            state=state,
            allowed=list(allowed),
        )


class IdempotencyKeyReused(ConflictError):
    """The same Idempotency-Key came with another request."""

    code = "idempotency_key_reused"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            "This Idempotency-Key was used for a different request. Use a new key.", key=key
        )


class AlreadyRunning(ConflictError):
    """The same pictures are being made, or are paid for and not fetched yet, by other jobs."""

    code = "already_running"

    def __init__(self, *, jobs: Sequence[str]) -> None:
        super().__init__(
            "Some of these pictures are being made with the same settings right now, or are paid "
            "for and still to be fetched. Wait for those jobs, or retry what has failed there "
            "(which is free), then ask again; nothing is made twice.",
            jobs=list(jobs),
        )


class SpendingStopped(ConflictError):
    """Nothing that costs money is started now; what waits for it goes on afterwards."""

    code = "spending_stopped"

    def __init__(self, *, reason: str, everything: bool = False) -> None:
        self.everything = everything
        what = "Nothing" if everything else "Nothing that costs money"
        super().__init__(
            f"{what} is started now: {reason}. It waits, and goes on by itself when the operator "
            "lets it.",
            reason=reason,
            everything=everything,
        )


class LeaseLost(ConflictError):
    """Somebody else works on the item now; nothing was written."""

    code = "lease_lost"

    def __init__(self, *, job: str, index: int) -> None:
        super().__init__(
            f"Another worker has taken over item {index} of job {job}.", job=job, index=index
        )


# --- Not you ----------------------------------------------------------------------------------


class AccessError(Image2ModelError):
    """Who asks is not known, or must not ask this way."""


class NotAuthenticated(AccessError):
    """The API key is unknown, revoked or expired, or one is needed and was not sent."""

    code = "not_authenticated"

    def __init__(self, *, expired_at: datetime | None = None) -> None:
        if expired_at is None:
            super().__init__(
                "A valid API key is needed: send 'Authorization: Bearer KEY'. The server's "
                "operator makes keys with `image2model keys create`. If you sent one, it is "
                "unknown or was revoked."
            )
        else:
            super().__init__(
                f"This API key expired on {expired_at:%Y-%m-%d at %H:%M} UTC. Ask for a new one; "
                "`image2model keys create` makes it.",
                expired_at=expired_at.isoformat(),
            )


class ScopeMissing(AccessError):
    """The caller is known, but may not do this."""

    code = "scope_missing"

    def __init__(self, *, scope: str) -> None:
        super().__init__(
            f"This needs the right '{scope}', which you do not have here. "
            f"Use an API key with the scope '{scope}'.",
            scope=scope,
        )


class AccessEnded(AccessError):
    """The API key or session that a job belongs to has ended before an item was sent."""

    code = "access_ended"

    def __init__(self) -> None:
        super().__init__(
            "The API key or session of this job has ended, so what was not sent yet is not made. "
            "Nothing was paid for it. Make the job again with a key that works."
        )


class SignInRefused(AccessError):
    """The organisation's service did not say who somebody is, or it could not be believed."""

    code = "sign_in_refused"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"You could not be signed in: {reason}. Try once more.")


class SignInNotOffered(AccessError):
    """Nobody has set up a sign-in through an organisation's service."""

    code = "sign_in_not_offered"

    def __init__(self) -> None:
        super().__init__(
            "This server does not offer to sign in that way: IMAGE2MODEL_OPENID__ISSUER and "
            "IMAGE2MODEL_PUBLIC_URL are not both set."
        )


class SignInUnavailable(AccessError):
    """The organisation's service does not answer, or not as it should."""

    code = "sign_in_unavailable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"The service that signs people in cannot be used now: {reason}. Try again in a while."
        )


class CrossSiteRequest(AccessError):
    """A browser sent this from another site."""

    code = "cross_site_request"

    def __init__(self) -> None:
        super().__init__("Requests that change something must come from this site's own pages.")


class GeneratorNotAllowed(AccessError):
    """The operator does not let this caller use the generator."""

    code = "generator_not_allowed"

    def __init__(self, *, generator: str, of_key: Sequence[str] | None = None) -> None:
        """
        Say who may change that.

        Args:
            generator: Which.
            of_key: What the caller's API key may use, where that is the reason.
        """
        if of_key is None:
            why = (
                f"The generator {generator} may not be used here. `GET /generators` lists those "
                "that you may use; the operator names others in IMAGE2MODEL_ALLOWED_GENERATORS."
            )
        else:
            why = (
                f"Your API key may not use the generator {generator}, only "
                f"{', '.join(of_key) or 'none'}. The operator names others with "
                "`image2model keys change`."
            )
        super().__init__(why, generator=generator, of_key=None if of_key is None else list(of_key))


class PaymentNotAllowed(AccessError):
    """The caller may use only what costs nothing."""

    code = "payment_not_allowed"

    def __init__(self, *, generator: str, usd: float) -> None:
        super().__init__(
            f"A model of {generator} costs ${usd:.2f}, and only those who have signed in may "
            "spend money here. Sign in with an API key, or choose a generator that costs nothing.",
            generator=generator,
            usd=usd,
        )


class WebhookRefused(AccessError):
    """What came to a webhook's address is not the provider's, or not about work of ours."""

    code = "webhook_refused"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"This webhook is refused: {reason}.", reason=reason)


class WebhookNotVerified(AccessError):
    """What a receiver was sent is not signed with its secret, or is too old."""

    code = "webhook_not_verified"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"This webhook cannot be trusted: {reason}.", reason=reason)


class ProxyNotAnnounced(AccessError):
    """A server that is set up for its own machine alone was asked from elsewhere."""

    code = "proxy_not_announced"

    def __init__(self, *, sign: str) -> None:
        super().__init__(
            "This server is set up for its own machine alone, where whoever asks may do "
            f"everything, and this request came through a proxy ({sign}). "
            "The operator can set IMAGE2MODEL_SERVE__BEHIND_PROXY=true.",
            sign=sign,
        )


class HostNotAllowed(AccessError):
    """The request is addressed to a name that this server does not go by."""

    code = "host_not_allowed"

    def __init__(self, *, host: str) -> None:
        super().__init__(
            f"This server does not answer to the name '{host}'. "
            "The operator can add it to IMAGE2MODEL_SERVE__ALLOWED_HOSTS.",
            host=host,
        )


# --- Too much ---------------------------------------------------------------------------------


class LimitError(Image2ModelError):
    """A limit set by the owner or the operator is reached."""


class BudgetExceeded(LimitError):
    """The next submission would go over a budget."""

    code = "budget_exceeded"

    def __init__(
        self,
        *,
        budget_usd: float,
        needed_usd: float,
        scope: BudgetScope,
        frees_at: datetime | None = None,
    ) -> None:
        spent, whose, raised = _BUDGETS[scope]
        wait = f"Wait until {frees_at:%Y-%m-%d %H:%M} UTC, or " if frees_at else ""
        super().__init__(
            f"With this model {spent} would cost ${needed_usd:.2f}, but {whose} is "
            f"${budget_usd:.2f}. {_capitalised(wait + raised)}, then make the model again, or "
            "choose a cheaper generator; what is made already is not paid for again.",
            budget_usd=budget_usd,
            needed_usd=needed_usd,
            period=scope.rpartition("_")[2],
            scope=scope.value,
            frees_at=frees_at.isoformat() if frees_at else None,
        )


_ASK = "have the operator raise it"
_BUDGETS: Mapping[BudgetScope, tuple[str, str, str]] = {
    BudgetScope.JOB: ("the job", "its budget", "raise it"),
    BudgetScope.OWNER_JOB: ("the job", "the most that a job of yours may cost", _ASK),
    BudgetScope.OWNER_DAY: ("your last 24 hours", "your budget of a day", _ASK),
    BudgetScope.OWNER_MONTH: ("your last 30 days", "your budget of 30 days", _ASK),
    BudgetScope.DAY: (
        "the last 24 hours",
        "the budget of a day",
        "have the operator raise IMAGE2MODEL_BUDGET__DAY_USD",
    ),
    BudgetScope.MONTH: (
        "the last 30 days",
        "the budget of 30 days",
        "have the operator raise IMAGE2MODEL_BUDGET__MONTH_USD",
    ),
}
"""What was spent, what the budget is called, and who may change it."""


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


class QuotaExceeded(LimitError):
    """The caller, or all callers together, would have more here than allowed."""

    code = "quota_exceeded"

    def __init__(self, *, limit: str, used: int, allowed: int) -> None:
        who, what, advice = _QUOTAS.get(limit, _QUOTAS["bytes"])
        in_bytes = "bytes" in limit
        have, may = (f"{n / 1e6:,.1f} MB" if in_bytes else f"{n}" for n in (used, allowed))
        super().__init__(
            f"{who} {have} of at most {may} of {what}, and this would be too much. {advice} "
            f"The operator can raise IMAGE2MODEL_LIMITS__{limit.upper()}.",
            limit=limit,
            used=used,
            allowed=allowed,
        )


_QUOTAS: Mapping[str, tuple[str, str, str]] = {
    "bytes_per_owner": ("You have", "pictures and results", "Delete jobs that you need no more."),
    "anonymous_bytes": (
        "All visitors without an API key have",
        "pictures and results",
        "Delete jobs that you need no more, or use an API key.",
    ),
    "bytes": (
        "The server has",
        "pictures and results",
        "Delete jobs that you need no more.",
    ),
    "drafts_per_owner": ("You have", "drafts", "Start or delete one."),
    "items_per_owner": (
        "You have",
        "unfinished items",
        "Wait until some are made, or send fewer at once.",
    ),
}
"""Of each limit: who has too much, of what, and what helps."""


class TooManyJobs(LimitError):
    """
    The owner has as many unfinished jobs as allowed.

    Attributes:
        retry_after_s: When one of them may be finished, in seconds from now.
    """

    code = "too_many_jobs"
    retry_after_s = 60.0

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"You already have {limit} unfinished jobs. Wait for one to finish or cancel one.",
            limit=limit,
        )


class TooManyWebhooks(LimitError):
    """The owner has as many webhooks as allowed."""

    code = "too_many_webhooks"

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"You already have {limit} webhooks. Remove one first.", limit=limit)


class TooManyRequests(LimitError):
    """
    The caller asks for something expensive more often, or more at a time, than allowed.

    Attributes:
        retry_after_s: When it may be asked for again, in seconds from now.
    """

    code = "too_many_requests"

    def __init__(self, *, retry_after_s: float, limit: str) -> None:
        """
        Say when to come again.

        Args:
            retry_after_s: In how many seconds.
            limit: The name of the limit, as its setting has it, in lower case.
        """
        super().__init__(
            f"That is more than the limit {limit} allows. Try again in "
            f"{math.ceil(retry_after_s)} s.",
            retry_after_s=retry_after_s,
            limit=limit,
        )
        self.retry_after_s = retry_after_s


class ItemTimedOut(LimitError):
    """The item was worked on for longer than the operator allows."""

    code = "item_timed_out"

    def __init__(self, *, limit_s: float) -> None:
        super().__init__(
            f"This took longer than {limit_s:g} s and was stopped. Retry it; if it happens again, "
            "choose quicker options. The operator can raise IMAGE2MODEL_ITEM_SOFT_LIMIT_S.",
            limit_s=limit_s,
        )


# --- The model maker --------------------------------------------------------------------------


class ProviderError(Image2ModelError):
    """A provider could not make the model."""


class ProviderRejected(ProviderError):
    """
    The provider refuses this work for good; the same again would be refused again.

    Its `kind` among the details is the provider's own word for the reason, or None.
    """

    code = "provider_rejected"

    def __init__(self, *, provider: str, reason: str, kind: str | None = None) -> None:
        super().__init__(f"{provider} refused this item: {reason}", provider=provider, kind=kind)


class ProviderUnavailable(ProviderError):
    """
    The provider cannot be reached or is busy; nothing was started there.

    Attributes:
        retry_after_s: How long the provider asked us to wait, in seconds; None: it did not say.
    """

    code = "provider_unavailable"

    def __init__(self, *, provider: str, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(
            f"{provider} is not available now: {reason}. It is tried again by itself.",
            provider=provider,
            retry_after_s=retry_after_s,
        )
        self.retry_after_s = retry_after_s


class ProviderAccountBlocked(ProviderError):
    """The account cannot be used (bad key, no credit): nothing of the job can go on."""

    code = "provider_account_blocked"

    def __init__(self, *, provider: str, reason: str, advice: str) -> None:
        super().__init__(f"{provider}: {reason}. {advice}", provider=provider)


class GeneratorRetired(ProviderError):
    """The provider no longer offers the generator: nothing of the job can go on."""

    code = "generator_retired"

    def __init__(self, *, provider: str, generator: str) -> None:
        super().__init__(
            f"{provider} no longer offers {generator}, or never did. Nothing was charged. Choose "
            "another generator; `image2model generators list` shows them.",
            provider=provider,
            generator=generator,
        )


class ProviderResultInvalid(ProviderError):
    """
    The provider says it is done, but what it delivered cannot be used, or is not there.

    Attributes:
        cause: `gone`: the provider says that it does not have it any more. `refused`: our own
            rules forbid reading it. None: what came is no 3D model.
        sha256: Of what came, hex, where that is all of it; None: not known, or cut short.
    """

    code = "provider_result_invalid"

    def __init__(
        self,
        *,
        provider: str,
        reason: str,
        cause: str | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__(
            f"{provider} delivered something that is not usable: {reason.rstrip('.')}.",
            provider=provider,
            cause=cause,
            sha256=sha256,
        )
        self.cause = cause
        self.sha256 = sha256


class SubmissionUncertain(ProviderError):
    """The request may or may not have reached the provider; it is never sent again by itself."""

    code = "submission_uncertain"

    def __init__(self, *, provider: str, reason: str) -> None:
        super().__init__(
            f"{provider} may have accepted (and charged for) this item, but its answer was lost: "
            f"{reason}. Check your account there, then choose to submit it again or to give it up.",
            provider=provider,
        )


# --- Our own parts ----------------------------------------------------------------------------


class StorageError(Image2ModelError):
    """Files could not be kept."""


class ArtifactTooLarge(StorageError):
    """
    More bytes came than accepted; nothing was stored.

    Attributes:
        limit_bytes: The largest size accepted, in bytes.
    """

    code = "artifact_too_large"

    def __init__(self, *, limit_bytes: int) -> None:
        super().__init__(
            f"The file is larger than {limit_bytes / 1e6:g} MB.", limit_bytes=limit_bytes
        )
        self.limit_bytes = limit_bytes


class StorageFull(StorageError):
    """No space is left; nothing half-written was left behind."""

    code = "storage_full"

    def __init__(
        self, *, where: str, free_bytes: int | None = None, reserve_bytes: int | None = None
    ) -> None:
        """
        Say what is full.

        Args:
            where: Which folder or disk.
            free_bytes: What is still free there; None: nothing.
            reserve_bytes: What is kept free there for what is under way; None: nothing is.
        """
        if free_bytes is None or reserve_bytes is None:
            message = f"No space is left on {where}. Free some space and retry."
            super().__init__(message, where=where)
            return
        super().__init__(
            f"Only {free_bytes / 1e6:.0f} MB are free on {where}, and {reserve_bytes / 1e6:.0f} MB "
            "are kept for models that are on their way (IMAGE2MODEL_RESERVE_BYTES). Nothing new is "
            "begun until more space is free.",
            where=where,
            free_bytes=free_bytes,
            reserve_bytes=reserve_bytes,
        )


class StorageUnavailable(StorageError):
    """The place files are kept cannot be read or written."""

    code = "storage_unavailable"

    def __init__(self, *, where: str, reason: str) -> None:
        super().__init__(f"Cannot use {where}: {reason}.", where=where, reason=reason)


class DatabaseUnavailable(StorageError):
    """The job store cannot be read or written now; what was under way goes on later."""

    code = "database_unavailable"

    def __init__(self, *, reason: str, wrong: str = "", advice: str = "") -> None:
        """
        Say what is wrong.

        Args:
            reason: What the database, or what reaches it, says.
            wrong: The part of its URL that may be wrong, such as `host or port`; "": not known.
            advice: What to do, as a sentence; "": what follows from *wrong*.
        """
        if not advice:
            advice = "Nothing is lost; try again."
        if wrong:
            advice = f"Check the {wrong} in IMAGE2MODEL_DATABASE_URL; nothing is lost."
        super().__init__(
            f"The database of IMAGE2MODEL_DATABASE_URL cannot be used now: {reason}. {advice}",
            reason=reason,
            **({"wrong": wrong} if wrong else {}),
        )


class FetchError(Image2ModelError):
    """A file could not be read from its URL."""


class FetchRefused(FetchError):
    """The URL leads where nothing is read from: not https, not public, or no URL at all."""

    code = "fetch_refused"

    def __init__(self, *, host: str, reason: str) -> None:
        super().__init__(
            f"Nothing is read from '{host}': {reason}. The operator can allow a host of their own "
            "with IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS.",
            host=host,
            reason=reason,
        )


class FetchGone(FetchError):
    """The server says that the file is not there, or not for us."""

    code = "fetch_gone"

    def __init__(self, *, host: str, status: int) -> None:
        super().__init__(
            f"The file is no longer at {host} (HTTP {status}).", host=host, status=status
        )


class FetchBroken(FetchError):
    """The file cannot be read now, or not to its end."""

    code = "fetch_broken"

    def __init__(self, *, host: str, reason: str) -> None:
        super().__init__(
            f"The file cannot be read from {host} now: {reason}. Try again.",
            host=host,
            reason=reason,
        )


class ComputeError(Image2ModelError):
    """A computation did not come to its end."""


class ComputeCrashed(ComputeError):
    """The process that computed died (out of memory, killed, a bug in native code)."""

    code = "compute_crashed"

    def __init__(self, *, function: str) -> None:
        super().__init__(
            "The computation broke off, most likely for lack of memory. "
            "Try a smaller picture or fewer faces.",
            function=function,
        )


class ComputeTimedOut(ComputeError):
    """The computation took longer than allowed and was stopped."""

    code = "compute_timed_out"

    def __init__(self, *, function: str, limit_s: float) -> None:
        super().__init__(
            f"The computation took longer than {limit_s:g} s and was stopped. "
            "Try a smaller picture or fewer faces.",
            function=function,
            limit_s=limit_s,
        )


class ConfigurationError(Image2ModelError):
    """The product is not set up for what was asked."""


class InvalidSetting(ConfigurationError):
    """A setting has a value that cannot work."""

    code = "invalid_setting"

    def __init__(self, *, setting: str, reason: str) -> None:
        super().__init__(f"{setting}: {reason}", setting=setting, reason=reason)


class ExtraMissing(ConfigurationError):
    """A part that is installed on request only is needed."""

    code = "extra_missing"

    def __init__(self, *, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an extra part. {how_to_install(extra)}", feature=feature, extra=extra
        )


class ServerError(Image2ModelError):
    """A client cannot make use of the server it speaks to."""


class ServerUnreachable(ServerError):
    """No server answers at that address."""

    code = "server_unreachable"

    def __init__(self, *, url: str, reason: str) -> None:
        super().__init__(
            f"No image2model server answers at {url} ({reason}). "
            "Start one with `image2model serve`, or check the address.",
            url=url,
            reason=reason,
        )


class ServerAnswerUnknown(ServerError):
    """
    What answered is no image2model server of this version, or has failed.

    Attributes:
        status: The HTTP status.
    """

    code = "server_answer_unknown"

    def __init__(self, *, url: str, status: int, reason: str) -> None:
        super().__init__(f"The server at {url} answered {status}: {reason}", url=url, status=status)
        self.status = status
