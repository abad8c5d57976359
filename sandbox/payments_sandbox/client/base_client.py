"""Owns what the blocking client and that for asyncio have in common."""

from payments_sandbox.client.messages import parse_address


class BaseClient:
    """A client of the control API of one server, for the world of one API key.

    Args:
        url: where the server is, such as `http://127.0.0.1:8080`; a path is ignored.
        api_key: names the world; None will do for routes that need no key.

    Attributes:
        url: the server's address.
        api_key: names the world.

    Raises:
        ValueError: `url` is no address.
    """

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = parse_address(url)
        self.api_key = api_key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.api_key or 'no world'} at {self.url}>"
