"""Turn options and picture URLs into the body of a request."""

from collections.abc import Collection, Mapping
from decimal import Decimal

from image2model.core.errors import InvalidViews, JsonValue
from image2model.core.generator import Options, View
from image2model.providers.fal.catalogue.row import Row
from image2model.providers.fal.catalogue.rows import PICTURE_FIELD


def build_body(row: Row, options: Options, urls: Mapping[View, str]) -> Mapping[str, JsonValue]:
    """
    Build the request's body.

    Every option is sent with its value, defaults too: what a service does with a field that is
    left out changes with its versions, and some of that costs extra.

    Args:
        row: The endpoint.
        options: Checked, with defaults filled in.
        urls: Where each view's picture is.
    """
    effective = effective_options(row, options)
    body: dict[str, JsonValue] = dict(row.fixed)
    for name, value in effective.items():
        body |= row.encode[name][value] if name in row.encode else {name: value}
    return {**body, **_picture_fields(row, options, urls)}


def effective_options(row: Row, options: Options) -> Options:
    """Leave out or replace the options that make no sense with the others."""
    effective = {
        name: value
        for name, value in options.items()
        if value is not None and name != PICTURE_FIELD
    }
    for rule in row.rules:
        if rule.option not in effective or options.get(rule.other) in rule.among:
            continue
        if rule.otherwise is None:
            del effective[rule.option]
        else:
            effective[rule.option] = rule.otherwise
    return effective


def estimate_usd(row: Row, options: Options, *, pictures: int) -> Decimal:
    """Tell what a request should cost, in US dollars."""
    return row.price.of(effective_options(row, options), pictures=pictures)


def _picture_fields(
    row: Row, options: Options, urls: Mapping[View, str]
) -> Mapping[str, JsonValue]:
    pictures = row.pictures
    if not pictures.list_field:
        return {pictures.fields[view]: url for view, url in urls.items()}
    views = [view for view in pictures.views if view in urls]
    ordered = [urls[view] for view in views]
    if pictures.list_field != PICTURE_FIELD:
        return {pictures.list_field: ordered}
    field = str(options.get(PICTURE_FIELD, "image_url"))
    return {field: ordered if field.endswith("s") else ordered[0]}


def check_order(row: Row, views: Collection[View]) -> None:
    """
    Check that no view is left out where its place in the list says which one it is.

    Raises:
        InvalidViews: One is.
    """
    if not row.pictures.no_gaps:
        return
    wanted = row.pictures.views[: len(views)]
    if set(wanted) != set(views):
        order = ", ".join(row.pictures.views)
        raise InvalidViews(reason=f"fal/{row.short} takes views in the order {order}, without gaps")
