"""Schemathesis plays against the running sandbox by its own OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller


@pytest.fixture(scope="module")
def api_schema(caller: Caller) -> Any:
    return schemathesis.openapi.from_url(f"{caller.api.base_url}/openapi.json")


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_generated_request_breaks_it(case: schemathesis.Case) -> None:
    """No 5xx; and status, content type and body of each answer are the documented ones."""
    response = case.call(headers={"stager-api-key": "any-key"})
    assert response.status_code < 500
    case.validate_response(
        response,
        checks=[
            checks.not_a_server_error,
            schemathesis.openapi.checks.status_code_conformance,
            schemathesis.openapi.checks.content_type_conformance,
            schemathesis.openapi.checks.response_schema_conformance,
            schemathesis.openapi.checks.negative_data_rejection,
        ],
    )


def test_the_schema_knows_every_call(caller: Caller) -> None:
    """The nine calls of the reference and nothing else, each with its key and its refusals."""
    document = caller.api.get("/openapi.json").json()
    calls = {
        (method, path): call for path, item in document["paths"].items() for method, call in item.items()
    }
    assert set(calls) == {
        ("post", "/api/projects"),
        ("post", "/api/hdr-image-group"),
        ("post", "/api/hdr-upload-url"),
        ("post", "/api/hdr-enhance"),
        ("get", "/api/hdr-image-group/{groupId}"),
        ("post", "/api/image"),
        ("post", "/api/images/{imageId}/stage"),
        ("post", "/api/images/{imageId}/lawn-replace"),
        ("post", "/api/images/{imageId}/sky-replace"),
    }
    for call in calls.values():
        assert call["security"] == [{"APIKeyHeader": []}]
        assert "401" in call["responses"]
        for status, answer in call["responses"].items():
            reference = answer["content"]["application/json"]["schema"]["$ref"]
            assert reference.endswith("/ErrorAnswer") == (status != "200")
