"""Routes about API keys, for callers with the scope `admin`."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from image2model.api.dependencies import ContextIn
from image2model.api.responses.documented_errors import problems
from image2model.api.serializers.jobs import usd_out
from image2model.core import errors
from image2model.core.errors import ApiKeyNotFound, InvalidRequest
from image2model.core.money import SpendingLimits
from image2model.core.scopes import Scope
from image2model.jobs.access import change_api_key, create_api_key, find_api_key
from image2model.jobs.context import Context
from image2model.jobs.lifecycle.owner_end import revoke_api_key
from image2model.ports.sessions import ApiKey
from image2model.wire.keys import KeyIn, KeyLimitsOut, KeyList, KeyMade, KeyOut, KeyPatch

router = APIRouter(prefix="/keys", tags=["keys"])

_KeyParam = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{8}$",
        description="The key's `id`: its public part.",
        examples=["0badcafe"],
    ),
]


@router.get(
    "",
    operation_id="listKeys",
    summary="List the API keys",
    response_description="The keys, newest first, without their secrets.",
    responses=problems(),
)
async def list_keys(context: ContextIn) -> KeyList:
    """Return all keys, those that were revoked or have expired, too."""
    keys = await context.sessions.list_keys()
    return KeyList(keys=[_key_out(context, key) for key in keys])


@router.post(
    "",
    operation_id="createKey",
    summary="Make an API key",
    status_code=201,
    response_description="The key, shown this once.",
    responses=problems(changes=True),
)
async def create_key(given: KeyIn, context: ContextIn) -> KeyMade:
    """Make a key with jobs of its own. Only a hash of its secret is kept."""
    text = await create_api_key(
        context,
        name=given.name,
        scopes={Scope(scope) for scope in given.scopes},
        expires_at=given.expires_at,
        limits=SpendingLimits(**_usd(given.limits.model_dump())),
        generators=given.generators,
    )
    key = await find_api_key(context, text.split("_")[1])
    return KeyMade(**_key_out(context, key).model_dump(), key=text)


@router.get(
    "/{id}",
    operation_id="getKey",
    summary="Read about an API key",
    response_description="The key, without its secret.",
    responses=problems(errors.ApiKeyNotFound),
)
async def get_key(id: _KeyParam, context: ContextIn) -> KeyOut:  # noqa: A002 - its name in the path
    """Return one key, even if it works no more."""
    key = await context.sessions.find_key(id)
    if key is None:
        raise ApiKeyNotFound(key=id)
    return _key_out(context, key)


@router.patch(
    "/{id}",
    operation_id="changeKey",
    summary="Change what an API key may do",
    response_description="The key as changed.",
    responses=problems(errors.ApiKeyNotFound, changes=True),
)
async def change_key(id: _KeyParam, patch: KeyPatch, context: ContextIn) -> KeyOut:  # noqa: A002
    """Change what is given and leave the rest; it counts from the next request on."""
    key = await find_api_key(context, id)
    return _key_out(context, await change_api_key(context, _changed(key, patch)))


@router.delete(
    "/{id}",
    operation_id="revokeKey",
    summary="Revoke an API key",
    status_code=204,
    response_class=Response,
    response_description="The key works no more, and nothing that waited is sent.",
    responses=problems(errors.ApiKeyNotFound, changes=True),
)
async def revoke_key(id: _KeyParam, context: ContextIn) -> None:  # noqa: A002
    """
    Stop a key from working for ever, with the browser sessions that were begun with it.

    Its items that wait fail with the code `access_ended`, and cost nothing. What was sent goes on
    and is kept with its jobs.
    """
    await revoke_api_key(context, id)


def _changed(key: ApiKey, patch: KeyPatch) -> ApiKey:
    given = {name: getattr(patch, name) for name in patch.model_fields_set}
    for name in ("name", "scopes", "limits"):
        if name in given and given[name] is None:
            raise InvalidRequest(field=name, reason="cannot be taken away.")
    if "scopes" in given:
        given["scopes"] = frozenset(Scope(scope) for scope in given["scopes"])
    if patch.limits is not None:
        limits = patch.limits.model_dump(exclude_unset=True)
        given["limits"] = replace(key.limits, **_usd(limits))
    if patch.generators is not None:
        given["generators"] = tuple(patch.generators)
    return replace(key, **given)


def _usd(limits: dict[str, float | None]) -> dict[str, Any]:
    return {name: None if usd is None else Decimal(str(usd)) for name, usd in limits.items()}


def _key_out(context: Context, key: ApiKey) -> KeyOut:
    state = "expired" if key.is_expired(context.clock.now()) else "works"
    return KeyOut(
        id=key.id,
        name=key.name,
        state="revoked" if key.revoked_at else state,
        scopes=[scope.value for scope in Scope if scope in key.scopes],
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
        limits=KeyLimitsOut(
            job_usd=usd_out(key.limits.job_usd),
            day_usd=usd_out(key.limits.day_usd),
            month_usd=usd_out(key.limits.month_usd),
        ),
        generators=None if key.generators is None else list(key.generators),
    )
