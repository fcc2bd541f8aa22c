"""What the routes work with, handed to them by FastAPI instead of by globals."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from image2model.api.events.hub import Hub
from image2model.api.limits.key_uses import KeyUses
from image2model.api.limits.rates import Rate
from image2model.api.limits.watchers import Watchers
from image2model.api.limits.wrong_keys import WrongKeys
from image2model.api.middleware.forwarded import Proxies
from image2model.jobs.context import Context
from image2model.ports.sign_in import SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """
    What `create_api` was given and has made of it.

    Attributes:
        context: What the use cases take.
        hub: Where streams of events come from.
        requests_rate: How often a caller may ask for anything.
        jobs_rate: How often a caller may make a job.
        sessions_rate: How often sessions may be begun in one network.
        fetch_rate: How often a caller may have a picture fetched.
        watchers: Who waits for news now.
        keys_only: Whether callers without an API key are refused.
        failures: How often a caller may send a wrong API key.
        wrong_keys: How many came from where, for the audit log.
        key_uses: Where it is noted when keys were used.
        callers_are_operators: Whether callers without an API key may do everything.
        admins: Names of people who may do everything.
        base_path: The path below which browsers find the server; "": none.
        public_url: Where the internet finds the server; None: nobody has said.
        sign_in: The organisation's service that signs people in; None: there is none.
        proxies: The proxies before it.
    """

    context: Context
    hub: Hub
    requests_rate: Rate
    jobs_rate: Rate
    fetch_rate: Rate
    sessions_rate: Rate
    watchers: Watchers
    keys_only: bool
    failures: Rate
    wrong_keys: WrongKeys
    key_uses: KeyUses
    callers_are_operators: bool
    admins: Collection[str]
    base_path: str
    public_url: str | None
    sign_in: SignIn | None
    proxies: Proxies


async def parts_of(request: Request) -> Parts:
    """Find the parts of the app that handles *request*."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


async def context_of(request: Request) -> Context:
    """Find the context of the app that handles *request*."""
    return (await parts_of(request)).context


async def hub_of(request: Request) -> Hub:
    """Find the hub of the app that handles *request*."""
    return (await parts_of(request)).hub


PartsIn = Annotated[Parts, Depends(parts_of)]
ContextIn = Annotated[Context, Depends(context_of)]
HubIn = Annotated[Hub, Depends(hub_of)]
