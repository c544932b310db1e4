"""Schemathesis plays against the running sandbox by its own OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

if TYPE_CHECKING:
    from tests.sandbox.conftest import Caller

CALLS = [
    ("POST", "/api/projects"),
    ("POST", "/api/hdr-image-group"),
    ("POST", "/api/hdr-upload-url"),
    ("POST", "/api/hdr-enhance"),
    ("GET", "/api/hdr-image-group/{groupId}"),
    ("POST", "/api/image"),
    ("POST", "/api/images/{imageId}/stage"),
    ("POST", "/api/images/{imageId}/lawn-replace"),
    ("POST", "/api/images/{imageId}/sky-replace"),
]

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


@pytest.fixture(scope="module")
def known(caller: Caller) -> dict[str, str]:
    """Ids that exist, so that what is generated also gets past the door."""
    project = caller.project()
    return {"projectId": project, "groupId": caller.group(project), "imageId": caller.image()}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_no_generated_request_breaks_it(
    caller: Caller, known: dict[str, str], method: str, path: str, mode: GenerationMode
) -> None:
    """No 5xx; wrong data is refused; status, kind and shape of each answer are the documented ones."""
    schema = schemathesis.openapi.from_url(f"{caller.api.base_url}/openapi.json")

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def play(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            for holder in (case.path_parameters, case.body):
                if isinstance(holder, dict):
                    holder.update({name: known[name] for name in known.keys() & holder.keys()})
        case.call_and_validate(headers={"stager-api-key": "any-key"}, checks=CHECKS)

    play()


def test_the_schema_knows_every_call(caller: Caller) -> None:
    """The nine calls of the reference and nothing else, each with its key and its refusals."""
    document = caller.api.get("/openapi.json").json()
    calls = {
        (method.upper(), path): call
        for path, item in document["paths"].items()
        for method, call in item.items()
    }
    assert sorted(calls) == sorted(CALLS)
    for call in calls.values():
        assert call["security"] == [{"APIKeyHeader": []}]
        assert "401" in call["responses"]
        for status, answer in call["responses"].items():
            reference = answer["content"]["application/json"]["schema"]["$ref"]
            assert reference.endswith("/ErrorAnswer") == (status != "200")
