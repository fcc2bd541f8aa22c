"""Everything the simulated service knows: accounts, requests, files, rules and the ledger."""

import asyncio
import fnmatch
import random
import uuid
from collections.abc import Mapping
from typing import Any

from image2model.testing.fal_simulator.behaviour import Account, Behaviour, Latency
from image2model.testing.fal_simulator.catalog import Endpoint
from image2model.testing.fal_simulator.engine import QueueEngine
from image2model.testing.fal_simulator.exchange import Call, refuse
from image2model.testing.fal_simulator.faults.rules import FaultBook
from image2model.testing.fal_simulator.faults.run_faults import RUN_ACTIONS
from image2model.testing.fal_simulator.faults.webhook_faults import WEBHOOK_ACTIONS
from image2model.testing.fal_simulator.files import FileStore
from image2model.testing.fal_simulator.generation import Generation, Outcome, Script
from image2model.testing.fal_simulator.inputs import find_problems
from image2model.testing.fal_simulator.ledger import Ledger, key_of
from image2model.testing.fal_simulator.results import make_result
from image2model.testing.fal_simulator.webhooks import DeliveryPlan, WebhookSender, WebhookSigner


class World:
    """The state behind the HTTP interfaces."""

    def __init__(self, behaviour: Behaviour, *, key: str) -> None:
        self.behaviour = behaviour
        self.base_url = ""
        self.files = FileStore()
        self.faults = FaultBook(seed=behaviour.seed)
        self.ledger = Ledger()
        self.signer = WebhookSigner()
        self.generations: dict[str, Generation] = {}
        self.accounts: dict[str, Account] = {}
        self.account(key)
        self.engine = QueueEngine(
            account_of=self.account, conclude=self._conclude, completed=self._report
        )
        self._chance = random.Random(behaviour.seed)  # noqa: S311 - repeatable on purpose
        self._latencies: dict[str, Latency] = {"*": behaviour.latency}
        self._plans: dict[str, DeliveryPlan] = {}
        self._first_tries: dict[str, asyncio.Future[None]] = {}
        self._sender = WebhookSender(
            signer=self.signer,
            ledger=self.ledger,
            backoff_s=behaviour.webhook_backoff_s,
            timeout_s=behaviour.webhook_timeout_s,
        )

    @property
    def queue_url(self) -> str:
        """Where requests are submitted and followed."""
        return f"{self.base_url}/queue"

    @property
    def cdn_url(self) -> str:
        """Where files are uploaded to and downloaded from."""
        return f"{self.base_url}/cdn"

    def move_to(self, base_url: str) -> None:
        """Use *base_url* in every URL that is handed out from now on."""
        self.base_url = base_url
        self.files.base_url = self.cdn_url

    def account(self, key: str) -> Account:
        """Return the account of *key*; an unknown one is opened."""
        if key not in self.accounts:
            self.accounts[key] = Account(
                key=key,
                concurrency=self.behaviour.concurrency,
                balance_usd=self.behaviour.balance_usd,
            )
        return self.accounts[key]

    def authenticate(self, call: Call) -> Account:
        """
        Return the account that *call* comes from.

        Raises:
            Refusal: 401, its key is missing, unknown or revoked.
        """
        account = self.accounts.get(key_of(call.headers))
        if account is None or account.revoked:
            raise refuse(401, {"detail": "Cannot access application. Authentication is required."})
        return account

    def set_latency(self, latency: Latency, *, endpoint: str = "*") -> None:
        """Use *latency* for requests to come whose endpoint matches the glob *endpoint*."""
        self._latencies.pop(endpoint, None)
        self._latencies[endpoint] = latency

    async def accept(
        self,
        endpoint: Endpoint,
        account: Account,
        *,
        arguments: Mapping[str, Any],
        headers: Mapping[str, str],
        webhook_url: str,
    ) -> Generation:
        """Make a request of a submit and take it into the queue."""
        latency = self._latency_of(endpoint.id)
        generation = Generation(
            request_id=str(uuid.uuid4()),
            endpoint=endpoint,
            key=account.key,
            arguments=arguments,
            headers=headers,
            run_s=latency.draw_run_s(self._chance),
            held=latency.held,
            queue_s=0.0 if latency.held else latency.queue_s,
            others_ahead=latency.others_ahead,
            webhook_url=webhook_url,
        )
        self.generations[generation.request_id] = generation
        self._write_script(generation.script, endpoint.id)
        plan = self._plan_webhook(generation) if webhook_url else DeliveryPlan()
        self.engine.submit(generation)
        if plan.early:
            self.engine.finish(generation)
            await self._first_tries[generation.request_id]
        return generation

    def find(self, request_id: str, account: Account) -> Generation | None:
        """Return a request of *account*; None: it has no such request."""
        found = self.generations.get(request_id)
        return found if found is not None and found.key == account.key else None

    def forget_requests(self) -> None:
        """Drop every request and stop its timers."""
        for generation in self.generations.values():
            self.engine.forget(generation)
        self.generations.clear()

    async def close(self) -> None:
        """Stop every timer and delivery."""
        self.forget_requests()
        await self._sender.close()

    def _latency_of(self, endpoint_id: str) -> Latency:
        return next(
            latency
            for glob, latency in reversed(self._latencies.items())
            if fnmatch.fnmatchcase(endpoint_id, glob)
        )

    def _write_script(self, script: Script, endpoint_id: str) -> None:
        for rule in self.faults.take_all("run", endpoint=endpoint_id):
            RUN_ACTIONS[rule.action](script, **rule.options)

    def _plan_webhook(self, generation: Generation) -> DeliveryPlan:
        plan = self._plans[generation.request_id] = DeliveryPlan()
        for rule in self.faults.take_all("webhook", endpoint=generation.endpoint.id):
            WEBHOOK_ACTIONS[rule.action](plan, **rule.options)
        return plan

    def _conclude(self, generation: Generation) -> Outcome:
        problems = find_problems(generation.endpoint, generation.arguments, self.files.start_of)
        if problems:
            return Outcome(
                status=422, body={"detail": problems}, headers={"x-fal-retryable": "false"}
            )
        return make_result(generation, behaviour=self.behaviour, files=self.files)

    def _run_again(self, generation: Generation) -> None:
        """Run what *generation* was to make under another id, of which its client is not told."""
        again = Generation(
            request_id=str(uuid.uuid4()),
            endpoint=generation.endpoint,
            key=generation.key,
            arguments=generation.arguments,
            headers=generation.headers,
            run_s=generation.run_s,
            held=generation.held,
        )
        self.generations[again.request_id] = again
        self.engine.submit(again)

    def _report(self, generation: Generation) -> None:
        if generation.script.is_retried:
            self._run_again(generation)
        plan = self._plans.pop(generation.request_id, None)
        if plan is not None and not plan.dropped and not generation.cancelled:
            tried = self._sender.send(generation, plan)
            if plan.early:
                self._first_tries[generation.request_id] = tried
