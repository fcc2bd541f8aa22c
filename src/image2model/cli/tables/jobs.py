"""What people see of jobs and generators: tables on standard output."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from rich import box
from rich.table import Table

from image2model.cli.outputs.saving import Outcome
from image2model.cli.terminal.consoles import output_console, shown
from image2model.cli.terminal.printing import say, say_json
from image2model.core.money import SpendingLimits
from image2model.core.scopes import Scope
from image2model.ports.sessions import ApiKey
from image2model.wire.generators import EstimateOut, GeneratorOut
from image2model.wire.inspection import FidelityOut
from image2model.wire.items import ItemOut
from image2model.wire.jobs import JobOut, JobSummary
from image2model.wire.ledger import LedgerEntryOut
from image2model.wire.model import ReplyModel
from image2model.wire.webhooks import DeliveryOut, WebhookOut

_MOST_ROWS = 30

Listed = TypeVar("Listed", bound=ReplyModel)


def show_list(
    name: str,
    found: Sequence[Listed],
    table: Callable[[Sequence[Listed]], Table],
    nothing: str,
    *,
    as_json: bool,
) -> None:
    """
    Print a list in either form.

    Args:
        name: What it is called in JSON.
        found: What is in it.
        table: Makes what people see of it.
        nothing: What they see where it is empty.
        as_json: Print JSON for programs.
    """
    if as_json:
        say_json({name: [one.model_dump(mode="json") for one in found]})
    elif found:
        output_console().print(table(found))
    else:
        say(nothing)


def new_table(*columns: str) -> Table:
    """Make a table without lines yet."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def add_row(table: Table, *cells: object) -> None:
    """Add a line whose texts are fit for a terminal."""
    table.add_row(*map(shown, cells))


def outcomes_table(outcomes: Mapping[int, Outcome]) -> Table:
    """List what became of a job's items; of many, only those that went wrong."""
    shown = [outcomes[index] for index in sorted(outcomes)]
    if len(shown) > _MOST_ROWS:
        shown = [outcome for outcome in shown if outcome.trouble]
    table = new_table("Item", "State", "Time", "Files, or what went wrong")
    names: dict[str, str] = {}
    for outcome in shown:
        item = outcome.item
        told = outcome.trouble or ", ".join(outcome.files)
        if outcome.trouble:
            # What stops a whole job, such as an empty account, is told once.
            first = names.setdefault(outcome.trouble, item.name)
            told = told if first == item.name else f"for the reason of {first}"
        add_row(table, item.name, item.state, _time_of(item), told)
    return table


def _time_of(item: ItemOut) -> str:
    ended = [a for a in item.attempts if a.finished_at is not None]
    if not item.attempts:
        return "made before" if item.state == "succeeded" else ""
    if not ended or ended[-1].finished_at is None:
        return ""
    return duration((ended[-1].finished_at - ended[-1].submitted_at).total_seconds())


def duration(seconds: float) -> str:
    """Write a duration for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def dollars(usd: float) -> str:
    """Write an amount of US dollars; nothing is `free`."""
    return f"${usd:,.2f}" if usd else "free"


def count_fitting(estimate: EstimateOut, pictures: Sequence[int], limit_usd: float | None) -> int:
    """
    Count the items that a budget pays for, one after the other.

    Args:
        estimate: What all of them cost.
        pictures: How many pictures each has.
        limit_usd: The budget, in US dollars; None: there is none.
    """
    if limit_usd is None:
        return len(pictures)
    several = sum(count > 1 for count in pictures)
    item_usd, total_usd = (Decimal(str(usd)) for usd in (estimate.item_usd, estimate.total_usd))
    more_usd = (total_usd - item_usd * len(pictures)) / several if several else Decimal(0)
    left_usd, fit = Decimal(str(limit_usd)), 0
    for count in pictures:
        price_usd = item_usd + (more_usd if count > 1 else 0)
        if price_usd <= left_usd:
            left_usd -= price_usd
            fit += 1
    return fit


def plan_lines(
    estimate: EstimateOut, names: Iterable[str], limits: Mapping[str, float], *, fit: int
) -> Iterable[str]:
    """
    Tell what an order would make, cost and take.

    Args:
        estimate: The forecast.
        names: What it is made of.
        limits: What may be spent, in US dollars: `budget_usd`, `day_left_usd`.
        fit: How many items that pays for.
    """
    for name in names:
        yield f"  {name}"
    options = ", ".join(f"{name}={value}" for name, value in estimate.options.items())
    yield f"Generator: {estimate.generator} ({options or 'no options'})"
    price = dollars(estimate.total_usd)
    if estimate.total_usd:
        price = (
            f"{price} for {estimate.items} at {dollars(estimate.item_usd)} each; what was made "
            "before is not paid again"
        )
    yield f"Price: {price}"
    for name, usd in limits.items():
        what = "Budget" if name == "budget_usd" else "Left of the budget of a day"
        yield f"{what}: ${usd:,.2f}"
    if limits and fit < estimate.items:
        left = estimate.items - fit
        yield f"The budget pays for {fit} of {estimate.items}; {left} would be left."
    if estimate.note:
        yield f"Note: {estimate.note}"
    yield f"Time: about {duration(estimate.typical_s)} for one"


def ledger_table(entries: Sequence[LedgerEntryOut]) -> Table:
    """List what was sent to providers, one try a line."""
    table = new_table("Sent", "Job", "Item", "Generator", "Try", "State", "Estimate", "Cost")
    for entry in entries:
        add_row(
            table,
            f"{entry.time:%Y-%m-%d %H:%M:%S}",
            entry.job[:8],
            entry.item,
            entry.generator,
            entry.attempt,
            entry.state,
            dollars(entry.estimated_usd),
            "?" if entry.cost_usd is None else dollars(entry.cost_usd),
        )
    return table


def webhooks_table(webhooks: Sequence[WebhookOut]) -> Table:
    """List webhooks, one a line."""
    table = new_table("Webhook", "URL", "Events", "Jobs", "State")
    for webhook in webhooks:
        add_row(
            table,
            webhook.id,
            webhook.url,
            ", ".join(webhook.events) or "all",
            "that name it" if webhook.named_only else "all",
            _webhook_state(webhook),
        )
    return table


def _webhook_state(webhook: WebhookOut) -> str:
    if webhook.switched_off is not None:
        return f"off ({webhook.switched_off.replace('_', ' ')})"
    if webhook.failing_since is not None:
        return f"failing since {webhook.failing_since:%Y-%m-%d %H:%M}"
    return "on"


def deliveries_table(deliveries: Sequence[DeliveryOut]) -> Table:
    """List what was sent to a webhook, one event a line."""
    table = new_table(
        "Delivery", "Happened", "Event", "Job", "Item", "State", "Tries", "Answer", ""
    )
    for delivery in deliveries:
        again = f"again {delivery.next_at:%Y-%m-%d %H:%M:%S}" if delivery.next_at else ""
        add_row(
            table,
            delivery.id,
            f"{delivery.created_at:%Y-%m-%d %H:%M:%S}",
            delivery.type,
            (delivery.job or "")[:8],
            "" if delivery.item is None else delivery.item,
            delivery.state,
            delivery.tries,
            delivery.status or "",
            "; ".join(part for part in (delivery.note, again) if part),
        )
    return table


def jobs_table(jobs: Sequence[JobSummary]) -> Table:
    """List jobs, one a line."""
    table = new_table("Job", "Name", "State", "Made", "Failed", "Generator", "Cost", "Created")
    for job in jobs:
        add_row(
            table,
            job.id[:8],
            job.name or "(unnamed)",
            job.state,
            f"{job.counts.succeeded}/{job.counts.total}",
            job.counts.failed + job.counts.uncertain or "",
            job.generator,
            dollars(job.cost.booked_usd),
            local_time(job.created_at),
        )
    return table


def job_lines(job: JobOut) -> Iterable[str]:
    """Tell about a job as a whole."""
    yield f"{job.name or '(unnamed)'}  {job.id}"
    counts = job.counts
    parts = [f"{counts.succeeded} of {counts.total} made"]
    parts += [
        f"{count} {state}"
        for state, count in counts.model_dump().items()
        if count and state not in {"succeeded", "total"}
    ]
    yield f"State: {job.state}; {', '.join(parts)}"
    options = ", ".join(f"{name}={value}" for name, value in job.options.items())
    yield f"Generator: {job.generator} ({options or 'no options'})"
    budget = "" if job.cost.budget_usd is None else f" of a budget of ${job.cost.budget_usd:,.2f}"
    yield f"Cost: {dollars(job.cost.booked_usd)}{budget}"
    lost = [item.resubmit_usd for item in job.items if item.resubmit_usd is not None]
    if lost:
        yield (
            f"Lost: {len(lost)} paid for; `image2model jobs retry {job.id[:8]} --resubmit` makes "
            f"them again for about ${sum(lost):,.2f}"
        )
    yield f"Created: {local_time(job.created_at)}"
    if job.finished_at is not None:
        yield f"Finished: {local_time(job.finished_at)}"
    if job.expires_at is not None:
        yield f"Deleted: {local_time(job.expires_at)}"
    for item in job.items:
        if _is_in_doubt(item):
            yield (
                f"Item {item.index} ({item.name}) may have been accepted by the provider, whose "
                f"answer was lost. Decide: `image2model jobs resolve {job.id[:8]} {item.index} "
                "resubmit` (it may be charged twice) or `give-up`."
            )


def _is_in_doubt(item: ItemOut) -> bool:
    """Tell whether a person may decide about it; also while its lost answer is searched for."""
    if item.state == "submitting":
        return bool(item.attempts) and item.attempts[-1].state == "uncertain"
    return item.state == "uncertain"


def items_table(job: JobOut) -> Table:
    """List the items of a job."""
    table = new_table("Item", "Name", "State", "Progress", "Tries", "About it")
    for item in job.items:
        about = item.error.message if item.error and item.state != "succeeded" else _facts(item)
        percent = f"{item.progress.fraction:.0%}"
        add_row(table, item.index, item.name, item.state, percent, len(item.attempts), about)
    return table


def scores_table(scores: Sequence[tuple[ItemOut, FidelityOut]]) -> Table:
    """List how well models match their photos."""
    table = new_table("Item", "Name", "Score", "Outline", "Colours", "Meaning")
    for item, one in scores:
        shown = ["–" if one.score is None else f"{one.score:.2f}"]
        shown.append("–" if one.iou is None else f"{one.iou:.0%}")
        shown.append("–" if one.color_difference is None else f"{one.color_difference:.0f} off")
        add_row(table, item.index, item.name, *shown, one.meaning)
    return table


def _facts(item: ItemOut) -> str:
    if item.result is None:
        return item.progress.phase
    faces = item.result.facts.get("faces")
    return "" if faces is None else f"{faces:,} faces"


def generators_table(generators: Sequence[GeneratorOut]) -> Table:
    """List generators, one a line."""
    table = new_table("Generator", "Price", "Takes", "Views", "Good for")
    for one in generators:
        views = "1" if one.max_views == 1 else f"{one.min_views}-{one.max_views}"
        name = f"{one.id} (default)" if one.default else one.id
        good_for = ", ".join(one.good_for)
        add_row(table, name, _price(one), duration(one.typical_s), views, good_for)
    return table


def _price(generator: GeneratorOut) -> str:
    price = generator.price
    varies = bool(price.surcharges or price.more_views_usd)
    return f"from {dollars(price.base_usd)}" if varies else dollars(price.base_usd)


def generator_lines(generator: GeneratorOut) -> Iterable[str]:
    """Tell about one generator."""
    yield f"{generator.id}: {generator.title}{' (default)' if generator.default else ''}"
    yield generator.summary
    yield f"Good for: {', '.join(generator.good_for)}"
    yield f"Poor for: {', '.join(generator.poor_for)}"
    yield f"Price of an item: {dollars(generator.price.base_usd)}"
    for extra in generator.price.surcharges:
        sign = "+" if extra.usd >= 0 else "-"
        value = "… (any value)" if extra.given else extra.equals
        yield f"  {sign}${abs(extra.usd):,.2f} with {extra.option}={value}"
    if generator.price.more_views_usd:
        yield f"  +${generator.price.more_views_usd:,.2f} with more than one picture"
    if generator.price.note:
        yield f"  {generator.price.note}"
    yield f"Takes: about {duration(generator.typical_s)}, on {generator.runs_on}"
    views = [*generator.required_views, *(f"[{view}]" for view in generator.optional_views)]
    yield f"Views: {', '.join(views)} ({generator.min_views} to {generator.max_views} pictures)"
    yield f"Delivers: {', '.join(generator.output_formats)}"
    yield f"Licence: {generator.licence}"
    yield from generator.notes
    if generator.missing:
        yield f"Cannot be used yet. {generator.missing}"


def options_table(generator: GeneratorOut) -> Table:
    """List a generator's options, with their ranges and defaults."""
    table = new_table("Option", "Values", "Default", "What it does")
    for name, schema in generator.options_schema.get("properties", {}).items():
        default = schema.get("default", "")
        add_row(table, name, _values(schema), default, schema.get("description", ""))
    return table


def _values(schema: Mapping[str, object]) -> str:
    choices = schema.get("enum")
    if isinstance(choices, list | tuple):
        return ", ".join(str(choice) for choice in choices)
    low, high = schema.get("minimum"), schema.get("maximum")
    kind = schema.get("type", "any")
    kinds = ", ".join(kind) if isinstance(kind, list) else str(kind)
    bounds = "" if low is None and high is None else f" {low if low is not None else ''}…"
    return f"{kinds}{bounds}{high if high is not None else ''}"


def keys_table(keys: Sequence[ApiKey], *, now: datetime) -> Table:
    """List API keys, one a line."""
    table = new_table("Key", "Name", "May", "Spend at most", "Generators", "Made", "Used", "State")
    for key in keys:
        used = "never" if key.last_used_at is None else local_time(key.last_used_at)
        generators = "all" if key.generators is None else ", ".join(key.generators) or "none"
        may = ", ".join(scope for scope in Scope if scope in key.scopes)
        made, state = local_time(key.created_at), _state_of_key(key, now)
        add_row(table, key.id, key.name, may, _spending(key.limits), generators, made, used, state)
    return table


def _spending(limits: SpendingLimits) -> str:
    given = {"a job": limits.job_usd, "a day": limits.day_usd, "30 days": limits.month_usd}
    return ", ".join(f"${usd:.2f} {what}" for what, usd in given.items() if usd is not None)


def _state_of_key(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {local_time(key.revoked_at)}"
    if key.expires_at is None:
        return "works"
    return f"{'expired' if key.is_expired(now) else 'until'} {local_time(key.expires_at)}"


def local_time(moment: datetime) -> str:
    """Tell a time as the clocks here show it."""
    return f"{moment.replace(tzinfo=moment.tzinfo or UTC).astimezone():%Y-%m-%d %H:%M}"


def note_lines(job: JobOut) -> Iterator[str]:
    """Say of each item what there is to say of its pictures and its model, each once."""
    for item in job.items:
        facts = item.result.facts if item.result else {}
        about_model = facts.get("notes")
        notes = [note for view in item.views for note in view.notes]
        notes += about_model if isinstance(about_model, list) else []
        for note in dict.fromkeys(notes):
            yield f"{item.name}: {note}."
