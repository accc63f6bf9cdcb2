"""Every way the Bot API says no, in its own words."""

from tests.servers.telegram.words import JsonObject

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Refusal(Exception):
    """A request answered with ok=false."""

    def __init__(self, status: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after

    def wire(self) -> JsonObject:
        """Return the JSON body of the answer."""
        body: JsonObject = {"ok": False, "error_code": self.status, "description": self.description}
        if self.retry_after is not None:
            body["parameters"] = {"retry_after": self.retry_after}
        return body


def bad_request(reason: str) -> Refusal:
    """Return a 400, with the reason worded after "Bad Request: "."""
    return Refusal(400, f"Bad Request: {reason}")


def unauthorized() -> Refusal:
    """Return the 401 of a token nobody issued."""
    return Refusal(401, "Unauthorized")


def blocked() -> Refusal:
    """Return the 403 of a person who blocked the bot."""
    return Refusal(403, "Forbidden: bot was blocked by the user")


def not_found() -> Refusal:
    """Return the 404 of an unknown method or a malformed token."""
    return Refusal(404, "Not Found")


def conflict() -> Refusal:
    """Return the 409 of a poller that another one replaced."""
    return Refusal(409, OTHER_POLLER)


def too_large() -> Refusal:
    """Return the 413 of an upload beyond what the server reads."""
    return Refusal(413, "Request Entity Too Large")


def too_many_requests(retry_after: int) -> Refusal:
    """Return the 429 of a flooded chat."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after)
