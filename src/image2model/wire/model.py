"""The bases of all request and response models."""

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """Base of everything sent: no unknown fields, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class ReplyModel(BaseModel):
    """Base of everything received from a server: newer servers may send more."""

    model_config = ConfigDict(extra="ignore", json_schema_serialization_defaults_required=True)
