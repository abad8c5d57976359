"""Owns what a route of the control API is."""

from typing import Literal, NamedTuple


class ControlRoute(NamedTuple):
    """One route of the control API.

    Attributes:
        name: the route's name everywhere, its OpenAPI `operationId` among others.
        path: below `/_sandbox`, in URI-template form.
        tag: the chapter of the OpenAPI document.
        summary: what it does, in a few words.
        description: what else there is to know, in whole sentences.
        success: the HTTP status of a success.
        also: further statuses that are answered with the same body.
        request: name of the body's schema, or None when there is no body.
        query: name of the query's schema, or None when no parameter is known.
        response: name of the success body's schema, or None when it has none.
        media_type: what a success is sent as.
        needs_key: whether an API key names the world that the route is about.
        needs_token: whether a server that has a control token asks for it.
        takes_yaml: whether the body may be YAML as well, sent as `application/yaml`.
        refusals: codes of its own, beside those that follow from the rest of the row.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    tag: str
    summary: str
    description: str
    success: int = 200
    also: tuple[int, ...] = ()
    request: str | None = None
    query: str | None = None
    response: str | None = None
    media_type: str = "application/json"
    needs_key: bool = True
    needs_token: bool = True
    takes_yaml: bool = False
    refusals: tuple[str, ...] = ()
