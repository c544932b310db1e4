"""What an answer to a paid call may look like, and what it is taken for when it doesn't."""

from __future__ import annotations

import json

import pytest

from hotfolder.errors import OutcomeUnknown
from hotfolder.stager.answers import Answer, parse_acceptance, parse_results

RESULT = {
    "success": True,
    "data": [
        {
            "id": "res_9823192",
            "imageUrl": "https://storage.googleapis.com/bucket/staged_output.png?X-Goog-Signature=secret",
            "width": 1920,
            "height": 1280,
        }
    ],
}


def without(name: str) -> dict:
    return {
        "success": True,
        "data": [{key: value for key, value in RESULT["data"][0].items() if key != name}],
    }


def with_(**fields: object) -> dict:
    return {"success": True, "data": [RESULT["data"][0] | fields]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        {"success": True},
        {"success": False, "data": RESULT["data"]},
        {"success": "true", "data": RESULT["data"]},
        {"data": RESULT["data"]},
        {"success": True, "data": []},
        {"success": True, "data": RESULT["data"][0]},
        {"success": True, "data": [None]},
        {"success": True, "data": [*RESULT["data"], {}]},
        *(without(name) for name in ("id", "imageUrl", "width", "height")),
        *(with_(width=value) for value in (0, -1, True, "1920", 1.5, None, 10**9)),
        *(with_(id=value) for value in (7, "", "..", "a/b", "x" * 201)),
        *(with_(imageUrl=value) for value in ("", "/x", "file:///etc/passwd", "https://", "https://h/ x", 7)),
    ],
)
def test_an_odd_answer_to_a_paid_call_may_have_cost(body) -> None:
    """Nothing but what the reference describes counts as a result, and nothing of it is shown."""
    with pytest.raises(OutcomeUnknown) as caught:
        parse_results(Answer(200, json.dumps(body)))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("body", ["", "{", "[" * 100_000, '{"a":' * 50_000, "\ud800", "<html>"])
def test_an_answer_that_is_no_json_may_have_cost(body) -> None:
    """Nesting too deep for the parser included."""
    with pytest.raises(OutcomeUnknown):
        parse_results(Answer(200, body))


@pytest.mark.parametrize("body", ["[]", "7", "no", '{"success": false}', '{"success": null}', "[" * 100_000])
def test_an_odd_acceptance_may_have_cost(body) -> None:
    """A merge is taken as accepted only when the answer doesn't say otherwise."""
    with pytest.raises(OutcomeUnknown):
        parse_acceptance(Answer(200, body))


def test_unknown_fields_are_tolerated_and_order_is_kept() -> None:
    """An API may add fields; several pictures stay in their order."""
    second = RESULT["data"][0] | {"id": "res_2", "credits": 3}
    answer = Answer(200, "\ufeff" + json.dumps(RESULT | {"data": [*RESULT["data"], second], "meta": {}}))
    assert [image.id for image in parse_results(answer)] == ["res_9823192", "res_2"]


@pytest.mark.parametrize("body", ["", "{}", "nul\0 \ud800 \u2028 ü", '{"a": "https://h/x?secret"}'])
def test_an_answer_survives_the_store(body) -> None:
    """It is kept as it came, as one ASCII line, and its repr shows none of it."""
    answer = Answer(200, body)
    text = answer.as_json()
    assert text.isascii() and "\n" not in text
    assert Answer.from_json(text) == answer
    assert "secret" not in repr(answer)
    with pytest.raises(ValueError):
        Answer.from_json('{"status": "200"}')
