"""The platform API: models, prices, and the list of own requests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from image2model.testing.fal_simulator.apis.routes import Handler, Route
from image2model.testing.fal_simulator.catalog import Endpoint
from image2model.testing.fal_simulator.endpoints import ENDPOINTS
from image2model.testing.fal_simulator.exchange import Call, Refusal, Reply, json_reply
from image2model.testing.fal_simulator.faults.canned import platform_error
from image2model.testing.fal_simulator.generation import Generation, iso
from image2model.testing.fal_simulator.ledger import key_of
from image2model.testing.fal_simulator.world import World

_MOST_IDS = 50
_MOST_ITEMS = 100


class PlatformApi:
    """Speaks for the platform API; every list is answered in pages."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._routes: Mapping[tuple[str, str], tuple[str, Handler]] = {
            ("GET", "models"): ("models", self._models),
            ("GET", "models/pricing"): ("pricing", self._pricing),
            ("POST", "models/pricing/estimate"): ("estimate", self._estimate),
            ("GET", "models/requests/by-endpoint"): ("requests", self._requests),
            ("GET", "meta"): ("meta", self._meta),
        }

    def find(self, method: str, segments: Sequence[str]) -> Route | None:
        """Return where a path of the platform API leads."""
        found = self._routes.get((method, "/".join(segments)))
        return None if found is None else Route(operation=found[0], handle=found[1])

    def _authenticate(self, call: Call) -> str:
        account = self._world.accounts.get(key_of(call.headers))
        if account is None or account.revoked:
            message = "Authentication is required to access this endpoint."
            raise Refusal(platform_error(401, "authorization_error", message))
        return account.key

    async def _models(self, call: Call) -> Reply:
        status = call.argument("status", "active")
        text = call.argument("q").lower()
        ids = call.query.get("endpoint_id", ())
        found = [
            _describe_model(row)
            for row in ENDPOINTS.values()
            if (not ids or row.id in ids)
            and row.retired == (status == "deprecated")
            and text in f"{row.id} {row.title}".lower()
        ]
        return _page(call, "models", found)

    async def _pricing(self, call: Call) -> Reply:
        self._authenticate(call)
        prices = [
            {
                "endpoint_id": row.id,
                "unit_price": row.price.unit_price_usd,
                "unit": row.price.unit,
                "currency": "USD",
            }
            for row in _rows(call.query.get("endpoint_id", ()))
        ]
        return _page(call, "prices", prices)

    async def _estimate(self, call: Call) -> Reply:
        wanted = await call.read_json()
        self._authenticate(call)
        try:
            kind, endpoints = wanted["estimate_type"], wanted["endpoints"]
            price = _ESTIMATES[kind]
            rows = {row.id: row for row in _rows(list(endpoints))}
            total = sum(price(rows[name], counts) for name, counts in endpoints.items())
        except (TypeError, KeyError, AttributeError) as error:
            message = f"The estimate cannot be made: {error}."
            raise Refusal(platform_error(400, "validation_error", message)) from error
        return json_reply({"estimate_type": kind, "total_cost": round(total, 6), "currency": "USD"})

    async def _requests(self, call: Call) -> Reply:
        key = self._authenticate(call)
        ids = call.query.get("endpoint_id", ())
        if not ids:
            message = "At least one endpoint_id is needed."
            raise Refusal(platform_error(400, "validation_error", message))
        day_ago = datetime.now(UTC) - timedelta(days=1)
        start, end = _moment(call, "start", day_ago), _moment(call, "end", None)
        status, request_id = call.argument("status"), call.argument("request_id")
        payloads = "payloads" in ",".join(call.query.get("expand", ()))
        found = [
            _describe_request(one, payloads=payloads)
            for one in reversed(self._world.generations.values())
            if one.key == key
            and not one.script.unlisted
            and one.endpoint.id in ids
            and start <= one.submitted_at
            and (not end or one.submitted_at < end)
            and status in ("", _verdict(one))
            and request_id in ("", one.request_id)
        ]
        return _page(call, "items", found)

    async def _meta(self, _call: Call) -> Reply:
        return json_reply({"webhook_ip_ranges": ["127.0.0.1/32"]})


_ESTIMATES: Mapping[str, Callable[[Endpoint, Mapping[str, Any]], float]] = {
    "historical_api_price": lambda row, counts: (
        row.billable_units({}) * row.price.unit_price_usd * counts["call_quantity"]
    ),
    "unit_price": lambda row, counts: row.price.unit_price_usd * counts["unit_quantity"],
}


def _rows(ids: Sequence[str]) -> Iterable[Endpoint]:
    if len(ids) > _MOST_IDS:
        message = f"At most {_MOST_IDS} endpoint ids."
        raise Refusal(platform_error(400, "validation_error", message))
    unknown = [name for name in ids if name not in ENDPOINTS]
    if unknown:
        message = f"Not found: {', '.join(unknown)}."
        raise Refusal(platform_error(404, "not_found", message))
    return [ENDPOINTS[name] for name in ids] if ids else list(ENDPOINTS.values())


def _page(call: Call, name: str, found: Sequence[Any]) -> Reply:
    cursor, limit = call.argument("cursor", "0"), call.argument("limit", "50")
    if not (cursor.isdigit() and limit.isdigit() and 0 < int(limit) <= _MOST_ITEMS):
        message = f"limit must be 1 to {_MOST_ITEMS}, cursor one that was handed out."
        raise Refusal(platform_error(400, "validation_error", message))
    begin = int(cursor)
    end = begin + int(limit)
    more = end < len(found)
    next_cursor = str(end) if more else None
    return json_reply({name: found[begin:end], "next_cursor": next_cursor, "has_more": more})


def _moment(call: Call, name: str, default: datetime | None) -> float:
    text = call.argument(name)
    if not text:
        return default.timestamp() if default else 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{name} must be a time in ISO 8601."
        raise Refusal(platform_error(400, "validation_error", message)) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _describe_model(row: Endpoint) -> Mapping[str, Any]:
    return {
        "endpoint_id": row.id,
        "metadata": {
            "display_name": row.title,
            "category": "image-to-3d",
            "description": f"{row.title}, simulated.",
            "status": "deprecated" if row.retired else "active",
            "tags": ["3d"],
            "kind": "inference",
        },
    }


def _verdict(generation: Generation) -> str:
    if generation.outcome is None:
        return "running"
    status = generation.outcome.status
    return "success" if status < 400 else "user_error" if status < 500 else "error"


def _describe_request(generation: Generation, *, payloads: bool) -> Mapping[str, Any]:
    started, ended, outcome = generation.started_at, generation.ended_at, generation.outcome
    item: dict[str, Any] = {
        "request_id": generation.request_id,
        "endpoint_id": generation.endpoint.id,
        "sent_at": iso(generation.submitted_at),
        "started_at": iso(started),
        "ended_at": iso(ended),
        "status_code": None if outcome is None else outcome.status,
        "duration": None if ended is None or started is None else round(ended - started, 3),
    }
    if payloads and generation.headers.get("x-fal-store-io") != "0":
        item["json_input"] = generation.arguments
        item["json_output"] = None if outcome is None else outcome.body
    return item
