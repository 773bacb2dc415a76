"""What models and routes say in the OpenAPI document besides their schemas."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

REQUEST_ID = "X-Request-Id"
RETRY_AFTER = "Retry-After"
CHALLENGE = "WWW-Authenticate"
LOCATION = "Location"
ETAG = "ETag"
ACCEPT_RANGES = "Accept-Ranges"
CONTENT_RANGE = "Content-Range"


def shown(*, headers: Any = None, links: Any = None, **examples: Any) -> ConfigDict:
    """What a model of a body says besides its schema: examples by name, the answer's headers, and where it leads."""
    said = {"headers": headers, "links": links, "examples": named(examples)}
    found = {name: value for name, value in said.items() if value}
    return ConfigDict(openapi_extra=found)  # type: ignore[typeddict-unknown-key]  # flask-openapi3's


def named(examples: Mapping[str, Any]) -> dict[str, Any]:
    """Examples as OpenAPI has them: under a name, with a summary made of it."""
    return {name: {"summary": name.replace("_", " "), "value": value} for name, value in examples.items()}


def link(operation: str, description: str, body: Any = None, **parameters: str) -> dict[str, Any]:
    """A way from an answer to another operation: its parameters or its body as places in the answer's body."""
    found = {"operationId": operation, "description": description}
    given = {name: f"$response.body#/{place}" for name, place in parameters.items()}
    return found | ({"parameters": given} if given else {}) | ({"requestBody": body} if body else {})


def job_links(place: str) -> dict[str, Any]:
    """What can be done with the job whose id stands in this place of an answer."""
    return {
        "show": link("show_job", "what became of the job", job_id=place),
        "follow": link("follow_job", "its changes as they happen", job_id=place),
        "cancel": link("cancel_job", "while it waits or runs", job_id=place),
        "retry": link("retry_job", "when it has failed", job_id=place),
    }


def header(name: str) -> dict[str, str]:
    """One of the headers that the document describes."""
    return {"$ref": f"#/components/headers/{name}"}


def problem_examples(codes: Iterable[str]) -> dict[str, Any]:
    """The examples of these problems."""
    return {code: {"$ref": f"#/components/examples/{code}"} for code in codes}


def reference(schema: str) -> dict[str, str]:
    """One of the schemas in the document."""
    return {"$ref": f"#/components/schemas/{schema}"}


def schemas_of(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of what these models answer and of the models within, by name."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(mode="serialization", ref_template=reference("{model}")["$ref"])
        found |= {**schema.pop("$defs", {}), model.__name__: schema}
    return found
