"""Request parameters, in every encoding the Bot API accepts: query, urlencoded, multipart, JSON."""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from tests.servers.telegram.refusals import bad_request, too_large
from tests.servers.telegram.words import JsonObject

MAX_BODY = 50 * 1024 * 1024
_TRUE = {"true", "yes", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that came with a multipart request."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """Named values of one request; nested objects may come as JSON text or, in a JSON body, as they are."""

    values: JsonObject = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a text, empty where it is missing."""
        value = self.values.get(name, "")
        if isinstance(value, str):
            return value
        return json.dumps(value) if isinstance(value, bool | dict | list) else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number; what is none counts as missing, as in the original."""
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def flag(self, name: str) -> bool:
        """Return a truth value, false where it is missing."""
        return self.text(name).strip().lower() in _TRUE

    def given(self, name: str) -> bool:
        """Return whether the request names this parameter at all."""
        return name in self.values or name in self.uploads

    def nested(self, name: str, what: str) -> Any:
        """Return a nested object or list, None where it is missing; `what` names it in the refusal."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {what} JSON object") from None

    def recorded(self) -> JsonObject:
        """Return the parameters for the record of calls: nested JSON decoded, uploads by name and size."""
        shown = {name: _decoded(value) for name, value in self.values.items()}
        return shown | {name: f"<{file.name}, {len(file.content)} bytes>" for name, file in self.uploads.items()}


def _decoded(value: object) -> object:
    if not isinstance(value, str) or value[:1] not in {"{", "["}:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


async def read_parameters(request: web.Request) -> Parameters:
    """Read the query and the body of a request."""
    values: JsonObject = dict(request.query)
    if (request.content_length or 0) > MAX_BODY:
        raise too_large()
    if request.content_type == "application/json":
        return Parameters(values | await _json_body(request))
    uploads: dict[str, Upload] = {}
    try:
        form = await request.post()
    except web.HTTPRequestEntityTooLarge:
        raise too_large() from None
    for name, value in form.items():
        if isinstance(value, FileField):
            uploads[name] = Upload(name=value.filename, content=value.file.read())
            value.file.close()
        elif isinstance(value, bytes | bytearray):
            values[name] = bytes(value).decode()
        else:
            values[name] = value
    return Parameters(values, uploads)


async def _json_body(request: web.Request) -> JsonObject:
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(body, dict):
        raise bad_request("object expected as JSON")
    return body
