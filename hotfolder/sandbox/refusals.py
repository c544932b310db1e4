"""What the API says when it says no: always `{"error": "..."}` with a 4xx."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

SHOWN_CHARACTERS = 80
SHOWN_PROBLEMS = 10


class Refusal(HTTPException):
    """A request that is understood and refused. `message` goes to the caller as it is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status_code=status, detail=message)


def shown(value: Any) -> str:
    """A value as an error message may show it: one short line of ASCII, however odd the value is."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value if isinstance(value, str | int | float | bool | None) else str(value))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def problem(error: dict[str, Any]) -> str:
    """One of pydantic's errors as a sentence that names the field, the value and what is allowed."""
    kind, value, context = error["type"], error.get("input"), error.get("ctx") or {}
    place = [str(part) for part in error["loc"] if part != "body"]
    if kind == "json_invalid":
        return f"the body isn't JSON: {context.get('error', 'it ends too soon')}"
    if not place:
        if kind == "unknown_field":
            return str(error["msg"])
        return (
            "the body is missing; it must be a JSON object"
            if value is None
            else "the body must be a JSON object"
        )
    name = ".".join(place)
    if kind == "missing":
        return f"{name} is missing"
    if kind == "enum":
        return (
            f"{name}: {shown(value)} isn't allowed; allowed: {str(context['expected']).replace(' or ', ', ')}"
        )
    if kind == "bool_type":
        return f"{name}: {shown(value)} isn't allowed; it must be true or false"
    message = str(error["msg"])
    return f"{name}: {shown(value)} isn't allowed; {message[:1].lower()}{message[1:]}"


def problems(errors: Sequence[Any]) -> str:
    """All problems of a request in one line."""
    sentences = [problem(error) for error in errors[:SHOWN_PROBLEMS]]
    more = len(errors) - len(sentences)
    return "; ".join(sentences) + (f"; and {more} more" if more > 0 else "")


def answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Make `app` answer every refusal in the one documented shape."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(400, problems(error.errors()))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> JSONResponse:
        return answer(500, f"the sandbox itself failed ({type(error).__name__}); its log says more")
