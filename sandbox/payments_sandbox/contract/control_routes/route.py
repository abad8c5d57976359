"""Owns the row that describes one route of the control API."""

from dataclasses import dataclass
from typing import Final, Literal

from payments_sandbox.core.strict_json import MAX_DEPTH

NO_QUERY: Final = "control/queries/none"
PAGE_QUERY: Final = "control/queries/page"

TEXT: Final = "text/plain"
"""The media type of a success that is plain text."""

SCENARIO_BYTES: Final = 1024 * 1024
"""How many bytes a body with scenarios may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRoute:
    """One route of the control API.

    The server, the OpenAPI document, the client and the tables of the documentation are made from
    these rows. The handler is the function with the route's name in `server/control`.

    Attributes:
        name: the route's name everywhere, also its OpenAPI `operationId`.
        path: its path below `/_sandbox`, as a URI template.
        tag: its chapter in the OpenAPI document.
        summary: what it does, in a few words.
        description: what else there is to know, in whole sentences.
        success: the HTTP status of a success.
        also: other statuses with the same body.
        request: the name of the body's schema, or None if there is no body.
        query: the name of the query's schema. None stands for that of a page if `page_of` is given,
            else for the schema without parameters.
        response: the name of the schema of a success body, or None if there is none.
        page_of: the items of the page that is returned: a schema in `control/objects`, such as
            `event`.
        body_name: the client's parameter for the whole body; None if each field is a parameter.
        raw_body: whether the body may be any bytes, with the sender's own headers.
        body_limit: how many bytes the body may have; None for the limit of the emulated API.
        body_depth: how deeply the body may be nested.
        media_type: the media type of a success.
        also_as: other media types, which `Accept` can ask for.
        needs_key: whether an API key names the world that the route is about.
        makes_world: whether a key without a world gets a new one.
        needs_token: whether the route requires the control token, if the server has one.
        takes_yaml: whether the body may also be YAML, sent as `application/yaml`.
        refusals: error codes in addition to those that follow from the rest of the row.
        otherwise: a sentence with other routes to use if the world's state rules the request out.
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
        """The name of the schema of a success body; None if there is no body."""
        return self.response if self.page_of is None else f"control/pages/{self.page_of}"
