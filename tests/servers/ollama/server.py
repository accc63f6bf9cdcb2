"""The loopback Ollama server: routes, shapes and errors of the original."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.servers.loopback import Loopback
from tests.servers.ollama.answers import (
    Answer,
    Broken,
    Calls,
    Failure,
    Hang,
    Interrupted,
    JsonObject,
    Late,
    Prompt,
    Script,
    truthful,
)

MODEL = "llama3.2:latest"
_NDJSON = "application/x-ndjson"


class Refused(Exception):
    """A request Ollama answers with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class OllamaServer(Loopback):
    """An Ollama with some models. Point `ollama.AsyncClient(host=...)` at `base_url`."""

    def __init__(self, *models: str, answer: Script = truthful, version: str = "0.12.6") -> None:
        super().__init__()
        self.models = [_full_name(name) for name in models or (MODEL,)]
        self.version = version
        self.prompts: list[Prompt] = []
        self._answer = answer
        self._next: list[Answer] = []
        self._released = asyncio.Event()

    @property
    def base_url(self) -> str:
        """The address a client takes as its host."""
        return self.address

    def answer_with(self, script: Script) -> None:
        """Answer every prompt from now on with this function."""
        self._answer = script

    def answer_next(self, *answers: Answer) -> None:
        """Answer the next prompts with these, one each, before the function is asked again."""
        self._next.extend(answers)

    def release(self) -> None:
        """Let every hanging answer end, with an error."""
        self._released.set()
        self._released = asyncio.Event()

    def application(self) -> web.Application:
        """Return Ollama's routes."""
        app = web.Application(middlewares=[_refusals], client_max_size=64 * 1024 * 1024)
        app.router.add_get("/", _alive)
        app.router.add_get("/api/version", self._get_version)
        app.router.add_get("/api/tags", self._tags)
        app.router.add_get("/api/ps", self._running)
        app.router.add_post("/api/show", self._show)
        app.router.add_post("/api/chat", self._complete)
        app.router.add_post("/api/generate", self._complete)
        return app

    async def _get_version(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"version": self.version})

    async def _tags(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"models": [_model(name) for name in self.models]})

    async def _running(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"models": []})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name = self._known(str(body.get("model") or body.get("name") or ""))
        shown = {key: value for key, value in _model(name).items() if key in {"details", "modified_at"}}
        information = {"general.architecture": "llama", "llama.context_length": 131072}
        details = {"modelfile": f"FROM {name}", "parameters": "", "template": "{{ .Prompt }}", "license": ""}
        return web.json_response(
            {**shown, **details, "model_info": information, "capabilities": ["completion", "tools"]}
        )

    def _known(self, name: str) -> str:
        if not name:
            raise Refused(400, "model is required")
        if _full_name(name) not in self.models:
            raise Refused(404, f"model '{name}' not found")
        return _full_name(name)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        self._known(str(body.get("model") or ""))
        chat = request.path == "/api/chat"
        prompt = _prompt(body, chat=chat)
        if not prompt.messages:
            return web.json_response(_last(prompt, chat=chat, reason="load" if body.get("keep_alive", 1) else "unload"))
        self.prompts.append(prompt)
        answer = self._next.pop(0) if self._next else self._answer(prompt)
        match answer:
            case Failure(status, message):
                raise Refused(status, message)
            case Hang():
                await self._released.wait()
                raise Refused(500, "context canceled")
            case Broken(text):
                return web.Response(text=text, content_type=_NDJSON if prompt.stream else "application/json")
            case Late(seconds, text):
                await asyncio.sleep(seconds)
                answer = text
            case _:
                pass
        return await _deliver(request, prompt, answer, chat=chat)


async def _deliver(request: web.Request, prompt: Prompt, answer: Answer, *, chat: bool) -> web.StreamResponse:
    text = answer if isinstance(answer, str) else answer.text if isinstance(answer, Interrupted) else ""
    calls = answer.calls if isinstance(answer, Calls) else ()
    if not prompt.stream:
        if isinstance(answer, Interrupted):
            raise Refused(500, answer.message)
        return web.json_response(_last(prompt, chat=chat, text=text, calls=calls))
    response = web.StreamResponse(headers={"Content-Type": _NDJSON})
    await response.prepare(request)
    async for line in _chunks(prompt, text, calls, chat=chat):
        await response.write(json.dumps(line).encode() + b"\n")
    end = {"error": answer.message} if isinstance(answer, Interrupted) else _last(prompt, chat=chat, spoken=text)
    await response.write(json.dumps(end).encode() + b"\n")
    await response.write_eof()
    return response


async def _chunks(
    prompt: Prompt, text: str, calls: tuple[tuple[str, JsonObject], ...], *, chat: bool
) -> AsyncIterator[JsonObject]:
    for piece in re.findall(r"\s*\S+\s*$|\s*\S+", text):
        yield _head(prompt) | _spoken(piece, (), chat=chat) | {"done": False}
        await asyncio.sleep(0)
    if calls:
        yield _head(prompt) | _spoken("", calls, chat=chat) | {"done": False}


def _head(prompt: Prompt) -> JsonObject:
    return {"model": prompt.model, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}


def _spoken(text: str, calls: tuple[tuple[str, JsonObject], ...], *, chat: bool) -> JsonObject:
    if not chat:
        return {"response": text}
    message: JsonObject = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    return {"message": message}


def _last(
    prompt: Prompt,
    *,
    chat: bool,
    text: str = "",
    calls: tuple[tuple[str, JsonObject], ...] = (),
    spoken: str = "",
    reason: str = "stop",
) -> JsonObject:
    body = _head(prompt) | _spoken(text, calls, chat=chat) | {"done": True, "done_reason": reason}
    if reason != "stop":
        return body
    evaluated = max(len((text or spoken).split()), 1)
    return body | {
        "total_duration": 5_043_500_667,
        "load_duration": 5_025_959,
        "prompt_eval_count": len(prompt.text.split()),
        "prompt_eval_duration": 325_953_000,
        "eval_count": evaluated,
        "eval_duration": 15_000_000 * evaluated,
    }


def _prompt(body: JsonObject, *, chat: bool) -> Prompt:
    schema = body.get("format") or None
    if schema is not None and schema != "json" and not isinstance(schema, dict):
        raise Refused(400, f'invalid format: {json.dumps(schema)}; expected "json" or a valid JSON Schema object')
    if chat:
        messages = tuple((str(m["role"]), str(m.get("content") or "")) for m in body.get("messages") or [])
    else:
        told = (("system", body.get("system")), ("user", body.get("prompt")))
        messages = tuple((role, str(content)) for role, content in told if content)
    return Prompt(
        model=str(body["model"]),
        messages=messages,
        schema={"type": "object"} if schema == "json" else schema,
        options=body.get("options") or {},
        tools=tuple(body.get("tools") or ()),
        stream=body.get("stream") is not False,
    )


async def _body(request: web.Request) -> JsonObject:
    raw = await request.text()
    if not raw.strip():
        raise Refused(400, "missing request body")
    try:
        body = json.loads(raw)
    except ValueError:
        raise Refused(400, f"invalid character '{raw.strip()[0]}' looking for beginning of value") from None
    if not isinstance(body, dict):
        raise Refused(400, "json: cannot unmarshal value into Go value")
    return body


async def _alive(_: web.Request) -> web.StreamResponse:
    return web.Response(text="Ollama is running")


@web.middleware
async def _refusals(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except Refused as refused:
        return web.json_response({"error": refused.message}, status=refused.status)
    except web.HTTPNotFound:
        return web.Response(text="404 page not found", status=404)
    return response


def _full_name(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _model(name: str) -> JsonObject:
    details = {"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"]}
    return {
        "name": name,
        "model": name,
        "modified_at": "2025-05-04T17:37:44.706015396-07:00",
        "size": 2_019_393_189,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": details | {"parameter_size": "3.2B", "quantization_level": "Q4_K_M"},
    }
