"""The queue host: submit, status, stream, result, cancel."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from image2model.testing.fal_simulator.apis.routes import Route
from image2model.testing.fal_simulator.behaviour import Account
from image2model.testing.fal_simulator.catalog import Endpoint
from image2model.testing.fal_simulator.endpoints import ENDPOINTS
from image2model.testing.fal_simulator.exchange import Call, Refusal, Reply, json_reply, refuse
from image2model.testing.fal_simulator.faults.canned import NOT_FOUND
from image2model.testing.fal_simulator.generation import Generation
from image2model.testing.fal_simulator.inputs import picture_urls
from image2model.testing.fal_simulator.ledger import Submit, key_of, public_headers
from image2model.testing.fal_simulator.progress_log import log_window
from image2model.testing.fal_simulator.world import World

_LARGE_RESULT_BYTES = 10_000

_Handler = Callable[[Call, Generation], Awaitable[Reply]]


class QueueApi:
    """Speaks for the queue host."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._followers: Mapping[tuple[str, str], tuple[str, _Handler]] = {
            ("GET", "status"): ("status", self._status),
            ("GET", "status/stream"): ("stream", self._stream),
            ("GET", ""): ("result", self._result),
            ("GET", "response"): ("result", self._result),
            ("PUT", "cancel"): ("cancel", self._cancel),
        }

    def find(self, method: str, segments: Sequence[str]) -> Route | None:
        """Return where a path of the queue host leads."""
        if "requests" in segments:
            return self._find_follower(method, segments, segments.index("requests"))
        path = "/".join(segments)
        if method != "POST" or not path:
            return None
        return Route(operation="submit", endpoint=path, handle=partial(self._submit, path))

    def _find_follower(self, method: str, segments: Sequence[str], at: int) -> Route | None:
        name = "/".join(segments[at + 2 :])
        if (method, name) not in self._followers or len(segments) < at + 2:
            return None
        operation, handler = self._followers[method, name]
        request_id = segments[at + 1]
        known = self._world.generations.get(request_id)
        follow = partial(self._follow, handler, request_id, "/".join(segments[:at]))
        return Route(
            operation=operation,
            endpoint=known.endpoint.id if known else "",
            request_id=request_id,
            handle=follow,
        )

    async def _follow(self, handler: _Handler, request_id: str, path: str, call: Call) -> Reply:
        account = self._world.authenticate(call)
        generation = self._world.find(request_id, account)
        if generation is None or path not in (generation.endpoint.id, _alias(generation.endpoint)):
            raise refuse(404, NOT_FOUND)
        return await handler(call, generation)

    async def _submit(self, path: str, call: Call) -> Reply:
        try:
            generation = await self._accept(path, call)
        except Refusal:
            self.note(call, path, outcome="refused")
            raise
        self.note(call, path, outcome="accepted", request_id=generation.request_id)
        position = self._world.engine.position(generation)
        answer = {"status": "IN_QUEUE", **self._urls(generation), "queue_position": position}
        return json_reply(answer, headers={"x-fal-request-id": generation.request_id})

    def note(self, call: Call, path: str, **facts: Any) -> None:
        """Write a submit into the ledger, with what is known of its body."""
        endpoint = ENDPOINTS.get(path)
        arguments = _as_object(call.body)
        self._world.ledger.submits.append(
            Submit(
                endpoint=path,
                key=key_of(call.headers),
                pictures=picture_urls(endpoint, arguments) if endpoint else (),
                webhook_url=call.argument("fal_webhook"),
                headers=public_headers(call.headers),
                **facts,
            )
        )

    async def _accept(self, path: str, call: Call) -> Generation:
        arguments = await call.read_json()
        account = self._world.authenticate(call)
        endpoint = _admit(path, account)
        self._check_headers(call, endpoint)
        if not isinstance(arguments, dict):
            raise refuse(422, {"detail": "Input should be an object"})
        return await self._world.accept(
            endpoint,
            account,
            arguments=arguments,
            headers=call.headers,
            webhook_url=call.argument("fal_webhook"),
        )

    def _check_headers(self, call: Call, endpoint: Endpoint) -> None:
        longest = call.argument("fal_max_queue_length")
        if longest.isdigit() and self._world.engine.waiting(endpoint.id) > int(longest):
            raise refuse(429, {"detail": "The queue is full"}, headers={"x-fal-needs-retry": "1"})
        timeout_s = call.headers.get("x-fal-request-timeout", "1")
        if not _is_positive_number(timeout_s):
            detail = {"detail": "Invalid request timeout", "error_type": "bad_request"}
            raise refuse(400, detail, headers={"x-fal-error-type": "bad_request"})

    async def _status(self, call: Call, generation: Generation) -> Reply:
        script = generation.script
        generation.status_polls += 1
        if generation.status_polls <= script.hidden_polls:
            raise refuse(404, NOT_FOUND)
        body = self._status_body(generation, logs=_wants_logs(call))
        if body is None:
            raise refuse(404, NOT_FOUND)
        if generation.status_polls <= script.hidden_polls + script.odd_polls:
            return json_reply({**body, "status": script.odd_status}, status=202)
        return json_reply(body, status=200 if generation.state == "COMPLETED" else 202)

    def _status_body(self, generation: Generation, *, logs: bool) -> Mapping[str, Any] | None:
        if generation.cancelled and self._world.behaviour.cancelled_answer == "not_found":
            return None
        body: dict[str, Any] = {"status": generation.state, **self._urls(generation)}
        if generation.state == "IN_QUEUE":
            return {**body, "queue_position": self._world.engine.position(generation)}
        lines = self._world.behaviour.log_lines
        body["logs"] = log_window(generation, lines=lines) if logs else None
        if generation.state == "COMPLETED":
            assert generation.outcome is not None
            body["metrics"] = {"inference_time": generation.inference_s}
            if generation.outcome.error_type is not None:
                body["error"] = generation.outcome.error
                body["error_type"] = generation.outcome.error_type
        return body

    async def _stream(self, call: Call, generation: Generation) -> Reply:
        headers = {"content-type": "text/event-stream", "cache-control": "no-store"}
        events = self._events(generation, logs=_wants_logs(call))
        return Reply(status=200, headers=headers, events=events)

    async def _events(self, generation: Generation, *, logs: bool) -> AsyncIterator[bytes]:
        alive = True
        while alive:
            body = self._status_body(generation, logs=logs)
            yield b"data: " + json.dumps(body or NOT_FOUND).encode() + b"\n\n"
            alive = (
                generation.state != "COMPLETED" and generation.request_id in self._world.generations
            )
            if alive:
                await generation.changed(timeout_s=1.0)

    async def _result(self, _call: Call, generation: Generation) -> Reply:
        outcome, script = generation.outcome, generation.script
        if outcome is None or script.early_results > 0:
            script.early_results -= outcome is not None
            raise refuse(400, {"detail": "Request is still in progress"})
        headers = {"x-fal-request-id": generation.request_id, **outcome.headers}
        if not script.units_unknown:
            headers["x-fal-billable-units"] = f"{outcome.units:g}"
        answer = json_reply(outcome.body, status=outcome.status, headers=headers)
        behaviour = self._world.behaviour
        large = answer.size_bytes >= _LARGE_RESULT_BYTES
        life_s = behaviour.large_result_life_s if large else behaviour.result_life_s
        assert generation.ended_at is not None
        if script.result_gone or time.time() > generation.ended_at + life_s:
            raise refuse(404, {"detail": "Request not found"})
        return answer

    async def _cancel(self, _call: Call, generation: Generation) -> Reply:
        answer = self._world.engine.cancel(generation)
        if answer == "LEGACY":
            return json_reply({"success": True})
        return json_reply({"status": answer}, status=400 if answer == "ALREADY_COMPLETED" else 202)

    def _urls(self, generation: Generation) -> dict[str, Any]:
        url = (
            f"{self._world.queue_url}/{_alias(generation.endpoint)}"
            f"/requests/{generation.request_id}"
        )
        return {
            "request_id": generation.request_id,
            "response_url": url,
            "status_url": f"{url}/status",
            "cancel_url": f"{url}/cancel",
        }


def _admit(path: str, account: Account) -> Endpoint:
    if account.exhausted:
        detail = "User is locked. Reason: Exhausted balance. Top up your balance to continue."
        raise refuse(403, {"detail": detail})
    endpoint = ENDPOINTS.get(path)
    if endpoint is None or endpoint.retired:
        raise refuse(404, {"detail": f"Application {path} not found"})
    return endpoint


def _alias(endpoint: Endpoint) -> str:
    """Return the first two segments: real status URLs leave the rest of the id out."""
    return "/".join(endpoint.id.split("/")[:2])


def _wants_logs(call: Call) -> bool:
    return call.argument("logs").lower() in ("1", "true")


def _is_positive_number(text: str) -> bool:
    try:
        return float(text) > 0.1
    except ValueError:
        return False


def _as_object(body: bytes | None) -> Mapping[str, Any]:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
