"""Schemathesis tests the running sandbox by its own OpenAPI."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from hotfolder.sandbox.requestledger import ENDPOINTS
from tests.sandbox.conftest import Caller
from tests.support.reference import EXAMPLES

CALLS = [
    ("POST", "/api/projects"),
    ("POST", "/api/hdr-image-group"),
    ("POST", "/api/hdr-upload-url"),
    ("POST", "/api/hdr-enhance"),
    ("GET", "/api/hdr-image-group/{groupId}"),
    ("POST", "/api/image"),
    *(("POST", f"/api/images/{{imageId}}/{operation}") for operation in EXAMPLES),
]


@pytest.fixture(scope="module")
def known(caller: Caller) -> dict[str, str]:
    """Existing ids, so that generated requests reach the endpoints' code."""
    project = caller.project()
    return {"projectId": project, "groupId": caller.group(project), "imageId": caller.image()}


@pytest.fixture(scope="module")
def schema(caller: Caller) -> Any:
    import schemathesis  # here, since importing it takes more than a second in every process

    return schemathesis.openapi.from_url(f"{caller.api.base_url}/openapi.json")


def test_every_call_of_the_api_is_recorded_and_can_be_made_to_go_wrong(caller: Caller) -> None:
    """The calls of the reference and nothing else. A missing endpoint would count as free, and meet no
    fault."""
    paths = caller.api.get("/openapi.json").json()["paths"]
    offered = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert offered == set(CALLS)
    recorded = [call for call in ENDPOINTS.values() if call.origin == "api"]
    assert offered == {(call.method, route) for call in recorded for route in call.routes}


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_no_generated_request_breaks_it(
    schema: Any, known: dict[str, str], method: str, path: str, mode: str
) -> None:
    """There is no 5xx; wrong data is refused; status, content type and shape of each answer are
    documented."""
    import schemathesis
    from schemathesis.specs.openapi import checks

    promises = [
        schemathesis.checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.negative_data_rejection,
    ]

    @given(case=schema[path][method].as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def play(case: Any) -> None:
        if mode == "positive":
            for holder in (case.path_parameters, case.body):
                if isinstance(holder, dict):
                    holder.update({name: known[name] for name in known.keys() & holder.keys()})
        case.call_and_validate(headers={"stager-api-key": "any-key"}, checks=promises)

    play()


def test_the_schema_knows_every_key_and_refusal(caller: Caller) -> None:
    """Each with its key and its refusals."""
    paths = caller.api.get("/openapi.json").json()["paths"]
    for call in (call for calls in paths.values() for call in calls.values()):
        assert call["security"] == [{"APIKeyHeader": []}]
        assert "401" in call["responses"]
        for status, answer in call["responses"].items():
            reference = answer["content"]["application/json"]["schema"]["$ref"]
            assert reference.endswith("/ErrorAnswer") == (status != "200")
