"""
The names of keys.

All have one hash tag, so that in a cluster they are on one node: changes span several of them.

| key | holds |
|---|---|
| `job:ID` | hash: `job`, `version`, `spent`, and for each item `item:N` and `lease:N` |
| `job:ID:versions` | sorted set: the items by the version that last touched them |
| `job:ID:counts` | hash: how many items are in each state |
| `due`, `uncertain` | sorted sets of items: by when they may be claimed, by when they were sent |
| `owners` | set: who has jobs |
| `jobs:OWNER`, `unfinished:OWNER` | the jobs of an owner: by when they were made; a set |
| `expiring`, `drafts` | sorted sets of jobs: by when they end, by when they were last touched |
| `idempotency:OWNER` | hash: the jobs by their idempotency keys |
| `made:OWNER:KEY` | set of items that were to become the same |
| `attempts`, `charges` | hashes: lines of the ledger, and what they cost |
| `requests` | hash: which attempt a provider's request belongs to |
| `ledger`, `ledger:OWNER` | sorted sets of submit keys, by when they were started |
| `named`, `sources`, `made-of:ARTIFACT` | how often a file is named; what is made of which |
| `derived`, `derived-used` | hash: whose a derived file is and its size; by when it was used |
| `failures`, `failures-until` | hash: what failed lately; sorted set by how long that counts |
| `spending-stop` | why nothing that costs money may start; absent: it may |
| `turns` | hash: whose turn it is at duties that one process does |
| `facts` | hash: what was learnt about providers |
| `owner-ends` | hash: from when on nothing of an owner's is sent any more |
| `sessions`, `session-owners` | tokens: by their end; hash of their sessions |
| `browser-sessions`, `api-keys` | hashes |
| `webhooks`, `webhooks:OWNER` | hash: all webhooks; set: those of an owner |
| `webhook-events` | list of what happened and was not handed on yet |
| `webhook:ID:deliveries` | hash: the deliveries of a webhook |
| `webhook:ID:log`, `webhook:ID:waiting` | sorted sets of them: by their event, by their next try |
| `audit`, `audit-entries` | the audit log: sorted set by when; hash |
| `shared-links`, `link-ends`, `links-to:JOB` | hash, sorted set by their end; sets |
| `lock:NAME`, `receipt:ID` | gone within seconds |
"""

from image2model.core.ids import ArtifactId, JobId, OwnerId
from image2model.core.webhooks import WebhookId
from image2model.ports.dispatcher import ItemRef

PREFIX = "{image2model}:"

DUE = f"{PREFIX}due"
UNCERTAIN = f"{PREFIX}uncertain"
EXPIRING = f"{PREFIX}expiring"
DRAFTS = f"{PREFIX}drafts"
ATTEMPTS = f"{PREFIX}attempts"
CHARGES = f"{PREFIX}charges"
REQUESTS = f"{PREFIX}requests"
LEDGER = f"{PREFIX}ledger"
NAMED = f"{PREFIX}named"
SOURCES = f"{PREFIX}sources"
MADE_OF = f"{PREFIX}made-of:"
OWNERS = f"{PREFIX}owners"
DERIVED = f"{PREFIX}derived"
DERIVED_USED = f"{PREFIX}derived-used"
FAILURES = f"{PREFIX}failures"
FAILURES_UNTIL = f"{PREFIX}failures-until"
FACTS = f"{PREFIX}facts"
TURNS = f"{PREFIX}turns"
SPENDING_STOP = f"{PREFIX}spending-stop"
CHECKS = f"{PREFIX}checks"
AUDIT = f"{PREFIX}audit"
AUDIT_ENTRIES = f"{PREFIX}audit-entries"
OWNER_ENDS = f"{PREFIX}owner-ends"
WEBHOOKS = f"{PREFIX}webhooks"
WEBHOOK_EVENTS = f"{PREFIX}webhook-events"
SESSIONS = f"{PREFIX}sessions"
BROWSER_SESSIONS = f"{PREFIX}browser-sessions"
SESSION_OWNERS = f"{PREFIX}session-owners"
API_KEYS = f"{PREFIX}api-keys"
SHARED_LINKS = f"{PREFIX}shared-links"
LINK_ENDS = f"{PREFIX}link-ends"


def job_key(job: JobId) -> str:
    """Name the hash of *job*."""
    return f"{PREFIX}job:{job}"


def versions_key(job: JobId) -> str:
    """Name where the versions of its items are."""
    return f"{job_key(job)}:versions"


def counts_key(job: JobId) -> str:
    """Name where its items are counted by state."""
    return f"{job_key(job)}:counts"


def links_to(job: JobId) -> str:
    """Name the set of links through which *job* is shared, by the hashes of their tokens."""
    return f"{PREFIX}links-to:{job}"


def jobs_of(owner: OwnerId) -> str:
    """Name the list of *owner*'s jobs."""
    return f"{PREFIX}jobs:{owner}"


def unfinished_of(owner: OwnerId) -> str:
    """Name the set of *owner*'s drafts, running and paused jobs."""
    return f"{PREFIX}unfinished:{owner}"


def idempotency_of(owner: OwnerId) -> str:
    """Name where *owner*'s jobs are by their idempotency keys."""
    return f"{PREFIX}idempotency:{owner}"


def made_by(owner: OwnerId, made_key: str) -> str:
    """Name the set of *owner*'s items that were to become the same."""
    return f"{PREFIX}made:{owner}:{made_key}"


def ledger_of(owner: OwnerId) -> str:
    """Name the list of the attempts of *owner*'s jobs."""
    return f"{PREFIX}ledger:{owner}"


def webhooks_of(owner: OwnerId) -> str:
    """Name the set of *owner*'s webhooks."""
    return f"{WEBHOOKS}:{owner}"


def deliveries_of(webhook: WebhookId) -> str:
    """Name the hash of the deliveries of *webhook*."""
    return f"{PREFIX}webhook:{webhook}:deliveries"


def delivery_log_of(webhook: WebhookId) -> str:
    """Name where the deliveries of *webhook* are by the time of their event."""
    return f"{PREFIX}webhook:{webhook}:log"


def waiting_of(webhook: WebhookId) -> str:
    """Name where the waiting deliveries of *webhook* are by their next try."""
    return f"{PREFIX}webhook:{webhook}:waiting"


def made_of(source: ArtifactId) -> str:
    """Name the set of what is made of *source*."""
    return f"{MADE_OF}{source}"


def lock_of(name: str) -> str:
    """Name the lock on *name*."""
    return f"{PREFIX}lock:{name}"


def receipt_of(change: str) -> str:
    """Name where the answer to *change* is kept."""
    return f"{PREFIX}receipt:{change}"


def member_of(ref: ItemRef) -> str:
    """Write *ref* so that items of one job sort by their index."""
    return f"{ref.job} {ref.index:06d}"


def ref_of(member: str) -> ItemRef:
    """Read what `member_of` wrote."""
    job, _, index = member.partition(" ")
    return ItemRef(JobId(job), int(index))
