"""The control API: order faults and read the ledger while the simulator runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from image2model.core.errors import Image2ModelError
from image2model.testing.fal_simulator.apis.routes import Route
from image2model.testing.fal_simulator.behaviour import Latency
from image2model.testing.fal_simulator.exchange import Call, Reply, json_reply, refuse
from image2model.testing.fal_simulator.faults.rules import parse_rules
from image2model.testing.fal_simulator.generation import Generation, iso
from image2model.testing.fal_simulator.world import World

_Answer = Callable[[Call, Mapping[str, Any]], Awaitable[Any]]


class ControlApi:
    """Speaks for the simulator itself, under /_control; needs no key."""

    def __init__(
        self,
        world: World,
        *,
        refuse_connections: Callable[[float], None],
        drop_connections: Callable[[], None],
    ) -> None:
        self._world = world
        self._refuse_connections = refuse_connections
        self._drop_connections = drop_connections
        self._routes: Mapping[tuple[str, str], _Answer] = {
            ("GET", "ledger"): self._ledger,
            ("GET", "calls"): self._calls,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._remove_faults,
            ("GET", "requests"): self._requests,
            ("POST", "latency"): self._latency,
            ("POST", "account"): self._account,
            ("POST", "expire"): self._expire,
            ("POST", "refuse"): self._refuse,
            ("POST", "disconnect"): self._disconnect,
            ("POST", "rotate_webhook_key"): self._rotate,
            ("POST", "reset"): self._reset,
        }

    def find(self, method: str, segments: Sequence[str]) -> Route | None:
        """Return where a path of the control API leads."""
        match (method, *segments):
            case ("POST", "requests", request_id, ("start" | "finish" | "requeue") as verb):
                move = partial(self._move, request_id, verb)
                return Route(operation="", handle=partial(self._answer, move))
        answer = self._routes.get((method, "/".join(segments)))
        return answer and Route(operation="", handle=partial(self._answer, answer))

    async def _answer(self, answer: _Answer, call: Call) -> Reply:
        text = await call.read()
        try:
            data = json.loads(text) if text else {}
            return json_reply(await answer(call, data))
        except Image2ModelError as error:
            raise refuse(422, {"code": error.code, "message": error.message}) from error
        except (TypeError, ValueError) as error:
            raise refuse(422, {"code": "invalid_request", "message": str(error)}) from error

    async def _ledger(self, _call: Call, _data: Mapping[str, Any]) -> Any:
        return self._world.ledger.report()

    async def _calls(self, call: Call, _data: Mapping[str, Any]) -> Any:
        operation = call.argument("operation")
        at_least, wait_s = int(call.argument("at_least", "0")), float(call.argument("wait_s", "0"))
        ledger = self._world.ledger
        reached = await ledger.reached(operation, at_least, timeout_s=wait_s)
        return {"operation": operation, "count": ledger.calls[operation], "reached": reached}

    async def _faults(self, _call: Call, _data: Mapping[str, Any]) -> Any:
        return self._world.faults.report()

    async def _add_faults(self, _call: Call, data: Any) -> Any:
        return {"ids": [self._world.faults.add(rule) for rule in parse_rules(data)]}

    async def _remove_faults(self, call: Call, _data: Mapping[str, Any]) -> Any:
        rule_id = call.argument("id")
        self._world.faults.remove(int(rule_id) if rule_id else None)
        return self._world.faults.report()

    async def _requests(self, _call: Call, _data: Mapping[str, Any]) -> Any:
        return [_describe(one) for one in self._world.generations.values()]

    async def _move(self, request_id: str, verb: str, _call: Call, _data: Mapping[str, Any]) -> Any:
        generation = self._world.generations.get(request_id)
        if generation is None:
            raise refuse(404, {"code": "not_found", "message": "No such request."})
        moves = {
            "start": self._world.engine.start,
            "finish": self._world.engine.finish,
            "requeue": self._world.engine.requeue,
        }
        moves[verb](generation)
        return _describe(generation)

    async def _latency(self, _call: Call, data: Mapping[str, Any]) -> Any:
        wanted = dict(data)
        endpoint = wanted.pop("endpoint", "*")
        latency = Latency(**wanted)
        self._world.set_latency(latency, endpoint=endpoint)
        return {"endpoint": endpoint, **asdict(latency)}

    async def _account(self, _call: Call, data: Mapping[str, Any]) -> Any:
        key = data.get("key") or next(iter(self._world.accounts))
        account = self._world.account(key)
        unknown = data.keys() - {"key", "balance_usd", "concurrency", "revoked"}
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        account.balance_usd = data.get("balance_usd", account.balance_usd)
        account.concurrency = data.get("concurrency", account.concurrency)
        account.revoked = data.get("revoked", account.revoked)
        self._world.engine.fill_slots()
        return asdict(account)

    async def _expire(self, _call: Call, data: Mapping[str, Any]) -> Any:
        if "url" in data:
            return {"expired": self._world.files.expire(data["url"])}
        if "request_id" in data:
            self._world.generations[data["request_id"]].script.result_gone = True
        else:
            self._world.files.expire_all()
        return {"expired": True}

    async def _refuse(self, _call: Call, data: Mapping[str, Any]) -> Any:
        for_s = float(data.get("for_s", 1.0))
        # The answer to this very request has to leave first.
        asyncio.get_running_loop().call_later(0.05, self._refuse_connections, for_s)
        return {"for_s": for_s}

    async def _disconnect(self, _call: Call, _data: Mapping[str, Any]) -> Any:
        asyncio.get_running_loop().call_later(0.05, self._drop_connections)
        return {}

    async def _rotate(self, _call: Call, _data: Mapping[str, Any]) -> Any:
        self._world.signer.rotate()
        return self._world.signer.key_set()

    async def _reset(self, _call: Call, _data: Mapping[str, Any]) -> Any:
        self._world.faults.remove()
        self._world.forget_requests()
        self._world.ledger.clear()
        return {}


def _describe(generation: Generation) -> Mapping[str, Any]:
    return {
        "request_id": generation.request_id,
        "endpoint": generation.endpoint.id,
        "state": generation.state,
        "runs": generation.runs,
        "status_polls": generation.status_polls,
        "cancelled": generation.cancelled,
        "submitted_at": iso(generation.submitted_at),
        "started_at": iso(generation.started_at),
        "ended_at": iso(generation.ended_at),
        "status_code": generation.outcome.status if generation.outcome else None,
        "billable_units": generation.outcome.units if generation.outcome else None,
        "arguments": generation.arguments,
    }
