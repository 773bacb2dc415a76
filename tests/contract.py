"""What an OpenAPI document promises, compared with what was really asked and answered."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from openapi_schema_validator import OAS31Validator, oas31_format_checker

JSON = "application/json"
PROBLEM = "application/problem+json"
EVENTS = "text/event-stream"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. A body is None where it is not known."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes | None = None
    sent: bytes | None = None

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]


@dataclass(frozen=True)
class Contract:
    """A document, to which exchanges are held."""

    document: dict[str, Any]
    _validators: dict[str, Any] = field(default_factory=dict)

    def check(self, exchange: Exchange) -> None:
        """Fail where the document does not know this answer, or says of the request that it cannot be accepted."""
        operations = self.operations_at(exchange.path)
        if operations is None:
            return
        method = "get" if exchange.method == "HEAD" else exchange.method.lower()
        if method not in operations:
            self._check_not_allowed({*operations} | ({"head"} if "get" in operations else set()), exchange)
            return
        where = f"{exchange.method} {exchange.path}: {exchange.status}"
        answers = operations[method]["responses"]
        assert str(exchange.status) in answers, f"{where} is not documented: {exchange.body!r}"
        self._check_answer(where, self.resolve(answers[str(exchange.status)]), exchange)
        if exchange.status < 300 and exchange.sent is not None:
            request = operations[method].get("requestBody", {}).get("content", {})
            if JSON in request:
                self.validate(request[JSON]["schema"], json.loads(exchange.sent), f"{where}: what was accepted")

    def operations_at(self, path: str) -> dict[str, Any] | None:
        """What can be done at an address. What is written out goes before what is a parameter."""
        for template in sorted(self.document["paths"], key=lambda one: one.count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", template), path):
                found: dict[str, Any] = self.document["paths"][template]
                return found
        return None

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Each method, address and operation."""
        for path, found in self.document["paths"].items():
            for method, operation in found.items():
                yield method, path, operation

    def resolve(self, found: dict[str, Any]) -> dict[str, Any]:
        """What a reference refers to; anything else is itself."""
        while "$ref" in found:
            place: Any = self.document
            for step in found["$ref"].removeprefix("#/").split("/"):
                place = place[step]
            found = place
        return found

    def validate(self, schema: dict[str, Any], value: Any, where: str) -> None:
        """Fail where a value does not fit a schema of the document."""
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = OAS31Validator(whole, format_checker=oas31_format_checker)
        errors = [f"{error.json_path}: {error.message[:300]}" for error in self._validators[key].iter_errors(value)]
        assert not errors, f"{where} does not fit the document: {errors}"

    def _check_not_allowed(self, methods: set[str], exchange: Exchange) -> None:
        assert exchange.status in (400, 404, 405, 414, 431), exchange
        assert exchange.media_type == PROBLEM, exchange
        if exchange.status == 405:
            allowed = {method.strip().lower() for method in exchange.headers["Allow"].split(",")}
            assert allowed == methods, f"{exchange.method} {exchange.path} is told to use {allowed}"

    def _check_answer(self, where: str, answer: dict[str, Any], exchange: Exchange) -> None:
        for name, header in answer.get("headers", {}).items():
            header = self.resolve(header)
            assert name in exchange.headers or not header.get("required"), f"{where} has no {name}"
            if name in exchange.headers:
                text = exchange.headers[name]
                value = int(text) if header["schema"].get("type") == "integer" and text.isdigit() else text
                self.validate(header["schema"], value, f"{where}: {name}")
        content = answer.get("content", {})
        if not content:
            assert not exchange.body, f"{where} has a body"
            return
        known = content.get(exchange.media_type) or content.get("*/*")
        assert known is not None, f"{where} is {exchange.media_type}, not {[*content]}"
        if exchange.media_type in (JSON, PROBLEM) and exchange.body:
            value = json.loads(exchange.body)
            self.validate(known.get("schema", {}), value, where)
            if exchange.media_type == PROBLEM:
                assert value["code"] in known["examples"], f"{where}: its code {value['code']} is not documented"
