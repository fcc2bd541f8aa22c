"""Routes about generators and what they cost."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from image2model.api.answers import problems
from image2model.api.packing import send_json
from image2model.api.parts import ContextIn
from image2model.api.translate import estimate_out, generator_out
from image2model.core import errors
from image2model.core.generator import GeneratorId
from image2model.jobs.estimate import estimate_job
from image2model.wire.models import EstimateIn, EstimateOut, GeneratorList, GeneratorOut

router = APIRouter(tags=["generators"])


@router.get(
    "/generators",
    operation_id="listGenerators",
    summary="List the generators",
    response_model=GeneratorList,
    response_description="The generators, the default one first.",
    responses=problems(),
)
async def list_generators(request: Request, context: ContextIn) -> Response:
    """Return what can make models here, with options, prices and typical times."""
    catalogue = context.catalogue
    found = GeneratorList(
        generators=[
            generator_out(card, default=card.id == catalogue.default) for card in catalogue.cards()
        ]
    )
    return send_json(request, found)


@router.get(
    "/generators/{generator:path}",
    operation_id="getGenerator",
    summary="Read about one generator",
    response_model=GeneratorOut,
    response_description="The generator.",
    responses=problems(errors.GeneratorNotFound),
)
async def get_generator(
    generator: Annotated[
        str, Path(description="The generator's id, slashes and all.", examples=["local/puff"])
    ],
    request: Request,
    context: ContextIn,
) -> Response:
    """Return one generator's options, price and typical time."""
    card = context.catalogue.card(GeneratorId(generator))
    return send_json(request, generator_out(card, default=card.id == context.catalogue.default))


@router.post(
    "/estimate",
    operation_id="estimateJob",
    summary="Forecast a job's price and time",
    response_description="The forecast.",
    responses=problems(errors.GeneratorNotFound, errors.InvalidOptions, changes=True),
)
async def estimate(wanted: EstimateIn, context: ContextIn) -> EstimateOut:
    """Forecast what a job would cost by the price list; nothing is made or reserved."""
    generator = GeneratorId(wanted.generator) if wanted.generator else None
    return estimate_out(
        estimate_job(
            context.catalogue,
            generator=generator,
            options=wanted.options,
            items=wanted.items,
            items_with_views=wanted.items_with_views,
        )
    )
