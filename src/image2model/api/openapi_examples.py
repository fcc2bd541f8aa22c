"""Whole examples of what is sent and answered, put together from those of the fields."""

from typing import Any

_JSON = "application/json"


def add_examples(document: dict[str, Any]) -> None:
    """Give every JSON body in an OpenAPI *document* an example, where it has none."""
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            answers = operation["responses"].values()
            for body in (operation.get("requestBody", {}), *answers):
                media = body.get("content", {}).get(_JSON)
                if media is not None and "examples" not in media:
                    media.setdefault("example", example_of(media["schema"], schemas))


def example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """
    Make an example of *schema* from the examples of its parts.

    Args:
        schema: A JSON Schema.
        schemas: Those that it may refer to, by name.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    if "properties" in schema:
        return {name: example_of(part, schemas) for name, part in schema["properties"].items()}
    # An object of any members, whose own schema names none.
    return {}
