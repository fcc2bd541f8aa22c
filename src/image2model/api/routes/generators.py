"""Routes about generators and what they cost."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from image2model.api.access.callers import BuyerIn
from image2model.api.responses.compression import send_json
from image2model.api.responses.documented_errors import problems
from image2model.api.serializers.jobs import estimate_out, generator_out
from image2model.core import errors
from image2model.core.generator import GeneratorCard, GeneratorId
from image2model.jobs.spending.estimate import estimate_job
from image2model.jobs.spending.purchase import Buyer
from image2model.wire.generators import EstimateIn, EstimateOut, GeneratorList, GeneratorOut

router = APIRouter(tags=["generators"])


@router.get(
    "/generators",
    operation_id="listGenerators",
    summary="List the generators",
    response_model=GeneratorList,
    response_description="The generators, the default one first.",
    responses=problems(),
)
async def list_generators(request: Request, buyer: BuyerIn) -> Response:
    """Return what can make models for you here, with options, prices and typical times."""
    cards = buyer.context.catalogue.cards()
    found = GeneratorList(generators=[_shown(card, buyer) for card in cards if buyer.may_use(card)])
    return send_json(request, found)


def _shown(card: GeneratorCard, buyer: Buyer) -> GeneratorOut:
    is_default = card.id == buyer.context.catalogue.default
    return generator_out(card, default=is_default, may_pay=buyer.may_pay)


@router.get(
    "/generators/{generator:path}",
    operation_id="getGenerator",
    summary="Read about one generator",
    response_model=GeneratorOut,
    response_description="The generator.",
    responses=problems(errors.GeneratorNotFound, errors.GeneratorNotAllowed),
)
async def get_generator(
    generator: Annotated[
        str, Path(description="The generator's id, slashes and all.", examples=["local/puff"])
    ],
    request: Request,
    buyer: BuyerIn,
) -> Response:
    """Return one generator's options, price and typical time."""
    card = buyer.context.catalogue.card(GeneratorId(generator))
    buyer.check_use(card)
    return send_json(request, _shown(card, buyer))


@router.post(
    "/estimate",
    operation_id="estimateJob",
    summary="Forecast a job's price and time",
    response_description="The forecast.",
    responses=problems(
        errors.GeneratorNotFound,
        errors.GeneratorNotAllowed,
        errors.InvalidOptions,
        errors.PriceUnknown,
        changes=True,
    ),
)
async def estimate(wanted: EstimateIn, buyer: BuyerIn) -> EstimateOut:
    """Forecast what a job would cost by the price list; nothing is made or reserved."""
    generator = GeneratorId(wanted.generator) if wanted.generator else None
    return estimate_out(
        estimate_job(
            buyer,
            generator=generator,
            options=wanted.options,
            items=wanted.items,
            items_with_views=wanted.items_with_views,
        )
    )
