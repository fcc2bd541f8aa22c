"""The part of the SDK for operators: keys with the scope `admin`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from image2model.client.connection import Connection
from image2model.wire.admin import (
    ActionName,
    AuditEntryOut,
    AuditList,
    CancelledOut,
    OverviewOut,
    OwnedJob,
    OwnedJobList,
    PurgeableName,
    PurgeOut,
    StopOut,
)

_PAGE = 500


class AdminClient:
    """
    What operators see and do on a server; `Client.admin`.

    Every method raises ScopeMissing where the caller is no operator.
    """

    def __init__(self, server: Connection) -> None:
        self._server = server

    def overview(self) -> OverviewOut:
        """See how everything stands."""
        return self._server.ask(OverviewOut, "GET", "/admin/overview")

    def stop(self, reason: str, *, everything: bool = False) -> StopOut:
        """
        Have no process send anything that costs money, from when this has returned.

        Args:
            reason: Why, for people: whoever has an item that waits reads it.
            everything: Let nothing be sent that costs nothing, either.
        """
        body = {"reason": reason, "everything": everything}
        return self._server.ask(StopOut, "POST", "/admin/stop", json=body)

    def go(self) -> None:
        """Let what was stopped go on."""
        self._server.send("POST", "/admin/go")

    def jobs(
        self, *, text: str = "", state: str | None = None, owner: str | None = None
    ) -> Iterator[OwnedJob]:
        """Yield everybody's jobs, or one owner's, newest first, without their items."""
        given = {"q": text, "state": state, "owner": owner, "limit": "100"}
        query = {name: value for name, value in given.items() if value}
        for page in self._server.pages(OwnedJobList, "/admin/jobs", query):
            yield from page.jobs

    def cancel_job(self, job_id: str) -> OwnedJob:
        """Cancel anybody's job."""
        return self._server.ask(OwnedJob, "POST", f"/admin/jobs/{job_id}/cancel")

    def delete_job(self, job_id: str) -> None:
        """Delete anybody's job with its pictures and results."""
        self._server.send("DELETE", f"/admin/jobs/{job_id}")

    def cancel_owner(self, owner: str) -> Sequence[str]:
        """Cancel all running and paused jobs of an owner. Returns their ids."""
        path = f"/admin/owners/{quote(owner, safe='')}/cancel"
        return self._server.ask(CancelledOut, "POST", path).jobs

    def purge(self, what: Sequence[PurgeableName] = (), *, dry_run: bool = False) -> PurgeOut:
        """
        Remove now what is over or can be made again.

        Args:
            what: Of `jobs`, `orphans`, `sessions` and `derived`; none: all of these.
            dry_run: Tell how much there is, and remove nothing.
        """
        body: dict[str, Any] = {"dry_run": dry_run, **({"what": list(what)} if what else {})}
        return self._server.ask(PurgeOut, "POST", "/admin/purge", json=body)

    def audit(
        self,
        *,
        action: ActionName | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntryOut]:
        """Yield who changed what about money and access, newest first; times with a time zone."""
        given = {
            "action": action,
            "actor": actor,
            "from": since and since.isoformat(),
            "to": until and until.isoformat(),
            "limit": str(_PAGE),
        }
        query = {name: value for name, value in given.items() if value}
        for page in self._server.pages(AuditList, "/admin/audit", query):
            yield from page.entries
