"""Owns the row that describes one route of the control API."""

from dataclasses import dataclass
from typing import Final, Literal

from payments_sandbox.core.strict_json import MAX_DEPTH

NO_QUERY: Final = "control/queries/none"
PAGE_QUERY: Final = "control/queries/page"

TEXT: Final = "text/plain"
"""The media type of a success that is no JSON."""

SCENARIO_BYTES: Final = 1024 * 1024
"""Bytes that a body with scenarios may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRoute:
    """One route of the control API.

    The server, the OpenAPI document, the client and the tables of the documentation are made from
    these rows; the handler is the function of the route's name in `server/control`.

    Attributes:
        name: the route's name everywhere, its OpenAPI `operationId` among others.
        path: below `/_sandbox`, in URI-template form.
        tag: the chapter of the OpenAPI document.
        summary: what it does, in a few words.
        description: what else there is to know, in whole sentences.
        success: the HTTP status of a success.
        also: further statuses that are answered with the same body.
        request: name of the body's schema, or None when there is no body.
        query: name of the query's schema; None for that of a page where `page_of` is given, else
            for the one without parameters.
        response: name of the success body's schema, or None when it has none.
        page_of: what the response is a page of: a schema in `control/objects`, such as `event`.
        body_name: the client's parameter that is the whole body; None where each field is one.
        raw_body: whether the body may be any bytes, with the sender's own headers.
        body_limit: bytes that the body may have; None for as many as one of the emulated API.
        body_depth: how deep the body may be nested.
        media_type: what a success is sent as.
        also_as: as what else, where `Accept` asks for it.
        needs_key: whether an API key names the world that the route is about.
        makes_world: whether a key that has no world yet gets one.
        needs_token: whether a server that has a control token asks for it.
        takes_yaml: whether the body may be YAML as well, sent as `application/yaml`.
        refusals: codes of its own, beside those that follow from the rest of the row.
        otherwise: the routes that would do where what there is refuses the request, in a sentence.
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
    page_of: str | None = None
    body_name: str | None = None
    raw_body: bool = False
    body_limit: int | None = None
    body_depth: int = MAX_DEPTH
    media_type: str = "application/json"
    also_as: tuple[str, ...] = ()
    needs_key: bool = True
    makes_world: bool = True
    needs_token: bool = True
    takes_yaml: bool = False
    refusals: tuple[str, ...] = ()
    otherwise: str = ""

    @property
    def query_schema(self) -> str:
        """The name of the query's schema."""
        if self.query is not None:
            return self.query
        return NO_QUERY if self.page_of is None else PAGE_QUERY

    @property
    def response_schema(self) -> str | None:
        """The name of the success body's schema; None when there is no body."""
        return self.response if self.page_of is None else f"control/pages/{self.page_of}"
