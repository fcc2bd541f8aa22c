"""Tell all about an item's model, and whether it prints."""

from collections.abc import Mapping
from pathlib import Path

from image2model.core.errors import JsonValue
from image2model.core.ids import OwnerId
from image2model.jobs.context import Context
from image2model.jobs.results.download import find_shown, shown_file
from image2model.ports.dispatcher import ItemRef


async def report_item(
    context: Context, owner: OwnerId, ref: ItemRef, *, printer_min_mm: float
) -> Mapping[str, JsonValue]:
    """
    Inspect an item's model: faces, size, materials, textures, and whether it prints.

    Args:
        context: The ports.
        owner: Who asks.
        ref: Which item.
        printer_min_mm: The thinnest wall a printer makes, in millimetres.

    Raises:
        FormatUnsupported: It is of a kind that cannot be read here.
        JobNotFound, ItemNotFound, FileNotInResult, ResultExpired, FetchError, StorageError: It
            cannot be had.
        InvalidMesh: It cannot be understood.
        ComputeError: The inspection did not come to its end.
    """
    async with shown_file(context, await find_shown(context, owner, ref)) as model:
        limit_s = context.rules.compute_s
        return await context.compute.run(limit_s, report_model, model, printer_min_mm)


def report_model(model: Path, printer_min_mm: float) -> Mapping[str, JsonValue]:
    """
    Inspect a model in a worker process.

    Raises:
        InvalidMesh: It cannot be read.
    """
    # The server only refers to this function, and starts in half the time without numpy.
    from image2model.geometry.inspection.report import report_file  # noqa: PLC0415

    return report_file(model.read_bytes(), printer_min_mm=printer_min_mm)
