"""JSON read more strictly than the language's own reader does: no field twice, no NaN."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute


def strict_json(body: bytes) -> Any:
    """The value of `body`. Raises json.JSONDecodeError for anything that isn't sound JSON in UTF-8."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise json.JSONDecodeError("a field is there twice", "", 0)
        return fields

    def no_constant(name: str) -> NoReturn:
        raise json.JSONDecodeError(f"{name} is no JSON", "", 0)

    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=no_constant)
    except UnicodeDecodeError:
        raise json.JSONDecodeError("it is not in UTF-8", "", 0) from None
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from None
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise json.JSONDecodeError("a number is too long", "", 0) from None


class StrictRequest(Request):
    async def json(self) -> Any:
        return strict_json(await self.body())


class StrictRoute(APIRoute):
    """A route whose JSON body is read by `strict_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly
