import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from penstock_api.routes.registrations import RegistrationBody
from penstock_api.routes.reports import ReportBody
from penstock_api.routes.submissions import JobBody, JobsBody
from penstock_api.routes.user_actions import UserActionsBody

NOT_FOR_PROGRAMS = {"/registrations/confirm", "/docs", "/openapi.json"}


@pytest.fixture
def document(api: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/openapi.json").get_json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, found in document["paths"].items() for method, one in found.items()]


def test_every_route_is_in_the_document(api: FlaskClient, document: dict[str, Any]) -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in api.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if not rule.endpoint.endswith("static") and rule.rule not in NOT_FOR_PROGRAMS
    }
    assert routes == {(method, path) for method, path, _ in operations(document)}


def test_the_document_is_openapi_3_1_and_refers_to_nothing_that_is_not_in_it(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_operation_has_a_name_a_summary_and_its_problems(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"], path
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert [*answer["content"]] == ["application/problem+json"], (path, status)
        if "security" in operation:
            assert {"401", "503"} <= operation["responses"].keys()
        if method == "post":
            assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]


def test_every_route_that_starts_a_job_says_where_the_job_is(document: dict[str, Any]) -> None:
    for path in ("/v1/reports", "/v1/datasets", "/v1/user-actions", "/v1/jobs"):
        assert "Location" in document["paths"][path]["post"]["responses"]["202"]["headers"]


@pytest.mark.parametrize("model", [ReportBody, UserActionsBody, RegistrationBody, JobBody, JobsBody])
def test_the_examples_are_valid(document: dict[str, Any], model: Any) -> None:
    example = document["components"]["schemas"][model.__name__]["example"]

    assert model.model_validate_json(json.dumps(example))


def test_a_parameter_says_its_bounds_and_is_never_null(document: dict[str, Any]) -> None:
    parameters = {
        (path, parameter["name"]): parameter["schema"]
        for _, path, operation in operations(document)
        for parameter in operation.get("parameters", [])
    }
    assert "null" not in json.dumps([*parameters.values()])
    limit = parameters["/v1/jobs", "limit"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 200, 50)


def test_the_page_asks_no_other_host(api: FlaskClient) -> None:
    page = api.get("/docs")
    addresses = re.findall(r'(?:src|href|data-url)="([^"]+)"', page.text)

    assert len(addresses) == 5
    for address in addresses:
        if address != "data:,":
            assert address.startswith("/")
            with api.get(address) as answer:
                assert answer.status_code == 200
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
