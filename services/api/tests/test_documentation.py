import io
import json
import re
from typing import Any

import pytest
from contract import EVENTS, PROBLEM, Contract
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from penstock_api import examples
from penstock_api.problems import PROBLEMS

NOT_FOR_PROGRAMS = {"/registrations/confirm", "/docs", "/openapi.json"}
EXPRESSION = re.compile(r"\$response\.body#/(.+)")


@pytest.fixture
def contract(api: FlaskClient) -> Contract:
    return Contract(api.get("/openapi.json").get_json())


def bodies(contract: Contract) -> list[tuple[str, dict[str, Any]]]:
    """Where a body is described, and how: of requests and answers, of operations and webhooks."""
    found = []
    hooks = [(name, "webhook", hook["post"]) for name, hook in contract.document["webhooks"].items()]
    for method, path, operation in [*contract.operations(), *hooks]:
        described = [contract.resolve(answer) for answer in operation["responses"].values()]
        for one in [operation.get("requestBody", {}), *described]:
            found += [(f"{method} {path} {kind}", body) for kind, body in one.get("content", {}).items()]
    return found


def test_every_route_is_in_the_document(api: FlaskClient, contract: Contract) -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in api.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if not rule.endpoint.endswith("static") and rule.rule not in NOT_FOR_PROGRAMS
    }
    assert routes == {(method, path) for method, path, _ in contract.operations()}


def test_the_document_is_valid_openapi_3_1(contract: Contract) -> None:
    assert contract.document["openapi"].startswith("3.1.")
    validate(contract.document)
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(contract.document))):
        assert contract.resolve({"$ref": reference})


def test_every_operation_says_what_it_does_what_it_takes_and_what_can_go_wrong(contract: Contract) -> None:
    names = [operation["operationId"] for _, _, operation in contract.operations()]
    assert len(names) == len(set(names))
    for method, path, operation in contract.operations():
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["tags"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])
        for status, found in operation["responses"].items():
            answer = contract.resolve(found)
            assert answer["description"], (path, status)
            assert "X-Request-Id" in answer["headers"], (path, status)
            if int(status) >= 400:
                assert [*answer["content"]] == [PROBLEM], (path, status)
        if "security" in operation:
            assert {"401", "403", "503"} <= operation["responses"].keys()
        if method == "post":
            assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]


def test_every_body_has_examples_and_they_are_valid(contract: Contract) -> None:
    for where, body in bodies(contract):
        assert body["examples"], where
        for example in body["examples"].values():
            value = contract.resolve(example)["value"]
            contract.validate(body.get("schema", {}), value, where)
            if EVENTS in where:
                kind = {"state": "StateEvent", "end": "EndEvent"}[value["event"]]
                data = contract.document["components"]["schemas"][kind]["properties"]["data"]
                contract.validate(data["contentSchema"], json.loads(value["data"]), where)
    for _, path, operation in contract.operations():
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                contract.validate(parameter["schema"], parameter["example"], f"{path} {parameter['name']}")


def test_every_example_of_a_request_is_accepted(api: FlaskClient, contract: Contract) -> None:
    for method, path, operation in contract.operations():
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            for example in body["examples"].values():
                value = example["value"]
                if kind == "application/json":
                    answer = api.open(path, method=method.upper(), json=value)
                else:
                    data = value | {"file": (io.BytesIO(value["file"].encode()), value["name"])}
                    answer = api.open(path, method=method.upper(), data=data, content_type=kind)
                assert answer.status_code == 202, (path, answer.text)


def test_a_link_leads_to_an_operation_and_its_places_are_in_the_example(contract: Contract) -> None:
    known = {operation["operationId"]: operation for _, _, operation in contract.operations()}
    for _, path, operation in contract.operations():
        for answer in map(contract.resolve, operation["responses"].values()):
            for name, link in answer.get("links", {}).items():
                where = f"{path} {name}"
                target = {parameter["name"] for parameter in known[link["operationId"]].get("parameters", [])}
                given = link.get("parameters", {})
                assert given.keys() <= target, where
                shown = [one["value"] for one in answer["content"]["application/json"]["examples"].values()]
                for expression in [*given.values(), *link.get("requestBody", {}).values()]:
                    assert any(stands_in(value, expression) for value in shown), where


def stands_in(value: Any, expression: str) -> bool:
    """Whether the place that a runtime expression of OpenAPI names holds something."""
    found = EXPRESSION.fullmatch(expression)
    assert found, expression
    for step in found[1].split("/"):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return value is not None


def test_every_problem_has_an_example() -> None:
    assert examples.DETAILS.keys() == PROBLEMS.keys()


def test_every_route_that_starts_a_job_says_where_the_job_is(contract: Contract) -> None:
    for path in ("/v1/reports", "/v1/datasets", "/v1/user-actions", "/v1/jobs"):
        answer = contract.document["paths"][path]["post"]["responses"]["202"]
        assert "Location" in answer["headers"]
        assert {"show", "follow", "cancel", "retry"} <= answer["links"].keys()


def test_a_parameter_says_its_bounds_and_is_never_null(contract: Contract) -> None:
    parameters = {
        (path, parameter["name"]): parameter["schema"]
        for _, path, operation in contract.operations()
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
