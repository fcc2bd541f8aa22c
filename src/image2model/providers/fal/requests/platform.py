"""fal's platform API: the list of own requests, and prices."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

import anyio

from image2model.core.errors import Image2ModelError, JsonValue, ProviderUnavailable
from image2model.core.values.bounded_dict import BoundedDict
from image2model.ports.clock import Clock
from image2model.providers.fal.config import FalConfig
from image2model.providers.fal.requests.http import PROVIDER, FalHttp, as_object
from image2model.providers.fal.requests.retrying import ask

_PAGE = "100"
_MOST_PRICES = 1_000
"""Callers may name endpoints that the catalogue does not list."""

_MOST_PAGES = 50
_PRICE_LIFE_S = 3_600.0
_NO_PRICE_LIFE_S = 60.0
"""A price that could not be had is not asked for again with every item."""


class Platform:
    """The platform API."""

    def __init__(self, http: FalHttp, config: FalConfig, clock: Clock) -> None:
        self._http = http
        self._config = config
        self._clock = clock
        self._prices = BoundedDict[str, tuple[float, Decimal | None]](_MOST_PRICES)
        self._one_asks = anyio.Lock()

    async def requests(
        self,
        endpoint: str,
        *,
        start: datetime,
        request_id: str | None = None,
        patience_s: float | None = None,
    ) -> AsyncIterator[Mapping[str, JsonValue]]:
        """
        List own requests to *endpoint* since *start*, with what went in and what came out.

        Args:
            endpoint: Its id.
            start: Only requests sent later.
            request_id: Only this one.
            patience_s: How long to try, in seconds; None: as usual.

        Raises:
            ProviderUnavailable: The list cannot be read to its end.
            ProviderAccountBlocked: The key is not accepted.
        """
        query = {
            "endpoint_id": endpoint,
            "start": start.isoformat(),
            "expand": "payloads",
            "limit": _PAGE,
        }
        if request_id is not None:
            query["request_id"] = request_id
        url = f"{self._config.api_url}/models/requests/by-endpoint"
        for _ in range(_MOST_PAGES):
            answer = await ask(
                self._http, self._config.pace, "GET", url, query=query, patience_s=patience_s
            )
            items = answer.fields.get("items")
            if not answer.ok or not isinstance(items, list):
                reason = f"its list of requests cannot be read (HTTP {answer.status})"
                raise ProviderUnavailable(provider=PROVIDER, reason=reason)
            for item in items:
                yield as_object(item)
            cursor = answer.fields.get("next_cursor")
            if not cursor:
                return
            query["cursor"] = str(cursor)
        reason = "its list of requests has no end"
        raise ProviderUnavailable(provider=PROVIDER, reason=reason)

    async def unit_price_usd(self, endpoint: str) -> Decimal | None:
        """Tell what a billable unit of *endpoint* costs; None: that cannot be had now."""
        async with self._one_asks:  # A job's items end together, and all want to know.
            ends_at_s, price = self._prices.get(endpoint, (0.0, None))
            if ends_at_s > self._clock.monotonic_s():
                return price
            price = await self._ask_price(endpoint)
            life_s = _NO_PRICE_LIFE_S if price is None else _PRICE_LIFE_S
            self._prices[endpoint] = (self._clock.monotonic_s() + life_s, price)
            return price

    async def cost_usd(self, endpoint: str, units: Decimal | None) -> Decimal | None:
        """Tell what *units* of *endpoint* cost; None: nobody says how many, or what one costs."""
        if not units:
            return units
        unit_price = await self.unit_price_usd(endpoint)
        return None if unit_price is None else units * unit_price

    async def usual_price_usd(self, endpoint: str) -> Decimal | None:
        """Tell what requests to *endpoint* have usually cost; None: that cannot be had now."""
        try:
            answer = await ask(
                self._http,
                self._config.pace,
                "POST",
                f"{self._config.api_url}/models/pricing/estimate",
                body={
                    "estimate_type": "historical_api_price",
                    "endpoints": {endpoint: {"call_quantity": 1}},
                },
                patience_s=self._config.pace.patience_s / 10,
            )
        except Image2ModelError:
            return None
        return _decimal(answer.fields.get("total_cost")) if answer.ok else None

    async def _ask_price(self, endpoint: str) -> Decimal | None:
        url = f"{self._config.api_url}/models/pricing"
        try:
            answer = await ask(
                self._http,
                self._config.pace,
                "GET",
                url,
                query={"endpoint_id": endpoint},
                patience_s=self._config.pace.patience_s / 10,
            )
        except Image2ModelError:
            return None
        prices = answer.fields.get("prices")
        for one in prices if isinstance(prices, list) else []:
            fields = as_object(one)
            if fields.get("endpoint_id") == endpoint and fields.get("currency", "USD") == "USD":
                return _decimal(fields.get("unit_price"))
        return None


def _decimal(value: JsonValue) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None


def read_units(text: str | None) -> Decimal | None:
    """Read the header of billable units; None: it is missing or makes no sense."""
    return _decimal(text.strip()) if text else None
