"""The real Ollama client talks to the loopback Ollama."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx
import ollama
import pytest

from tests.servers.ollama import (
    Broken,
    Calls,
    Failure,
    Hang,
    Interrupted,
    Late,
    OllamaServer,
    Prompt,
    truthful,
    wrong_number,
    wrong_side,
    wrong_symbol,
)

ASKED = [
    {"role": "system", "content": "Cite only the record."},
    {"role": "user", "content": "Bot 3 bought 0.015 BTC/USDT at 64,250.10 because RSI was 28.4"},
]
SCHEMA = {
    "type": "object",
    "properties": {
        "side": {"enum": ["sell", "buy", "bought"]},
        "price": {"type": "number"},
        "reasons": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/reason"}},
        "sure": {"type": "boolean"},
    },
    "required": ["side", "price"],
    "$defs": {"reason": {"type": "object", "properties": {"text": {"type": "string"}}}},
}


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with OllamaServer("llama3.2", "qwen3:8b") as server:
        yield server


@pytest.fixture
async def client(server: OllamaServer) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(host=server.base_url, timeout=2) as client:
        yield client


async def _said(client: ollama.AsyncClient) -> str:
    answer = await client.chat("llama3.2", messages=ASKED)
    return answer.message.content or ""


async def test_lists_and_shows_models(client: ollama.AsyncClient) -> None:
    assert [model.model for model in (await client.list()).models] == ["llama3.2:latest", "qwen3:8b"]
    shown = await client.show("qwen3:8b")
    assert shown.details is not None
    assert shown.details.format == "gguf"
    assert (await client.ps()).models == []


async def test_version_and_unknown_route(server: OllamaServer) -> None:
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        assert (await http.get("/api/version")).json() == {"version": "0.12.6"}
        assert (await http.get("/")).text == "Ollama is running"
        missing = await http.get("/api/nothing")
        assert (missing.status_code, missing.text) == (404, "404 page not found")
        assert (await http.post("/api/chat", content=b"")).json() == {"error": "missing request body"}
        assert (await http.post("/api/chat", json={})).json() == {"error": "model is required"}
        format_error = await http.post("/api/chat", json={"model": "llama3.2", "format": "yaml"})
        assert format_error.json()["error"].startswith('invalid format: "yaml"')
        garbage = await http.post("/api/chat", content=b"no json")
        assert garbage.json() == {"error": "invalid character 'n' looking for beginning of value"}


async def test_unknown_model_is_worded_as_by_ollama(client: ollama.AsyncClient) -> None:
    for call in (client.chat("mistral", messages=ASKED), client.generate("mistral", "hi"), client.show("mistral")):
        with pytest.raises(ollama.ResponseError, match="model 'mistral' not found") as caught:
            await call
        assert caught.value.status_code == 404


async def test_chat_without_streaming(server: OllamaServer, client: ollama.AsyncClient) -> None:
    answer = await client.chat("llama3.2", messages=ASKED, options={"temperature": 0})
    assert answer.message.content == "The record shows 3, 0.015, 64,250.10, 28.4."
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert answer.eval_count
    assert server.prompts[-1].messages[0] == ("system", "Cite only the record.")
    assert server.prompts[-1].options == {"temperature": 0}


async def test_chat_streams_word_by_word(client: ollama.AsyncClient) -> None:
    parts = [part async for part in await client.chat("llama3.2", messages=ASKED, stream=True)]
    assert "".join(part.message.content or "" for part in parts) == "The record shows 3, 0.015, 64,250.10, 28.4."
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    times = [part.created_at or "" for part in parts]
    assert all(one <= other for one, other in pairwise(times))


async def test_generate_both_ways(client: ollama.AsyncClient) -> None:
    whole = await client.generate("llama3.2", "It fell 7 %")
    assert whole.response == "The record shows 7."
    parts = [part async for part in await client.generate("llama3.2", "It fell 7 %", stream=True)]
    assert "".join(part.response or "" for part in parts) == whole.response


async def test_a_schema_is_kept_to(client: ollama.AsyncClient) -> None:
    answer = await client.chat("llama3.2", messages=ASKED, format=SCHEMA)
    content = json.loads(answer.message.content or "")
    assert content["side"] == "bought"
    assert content["price"] == 3
    assert content["reasons"][0]["text"].startswith("The record shows")
    assert content["sure"] is False
    assert json.loads((await client.chat("llama3.2", messages=ASKED, format="json")).message.content or "") == {}


async def test_lies(server: OllamaServer, client: ollama.AsyncClient) -> None:
    server.answer_with(wrong_number)
    assert "64,250.11" in await _said(client)
    assert "64,250.10" not in await _said(client)
    server.answer_with(wrong_side)
    assert "Bot 3 sold 0.015" in await _said(client)
    server.answer_with(wrong_symbol)
    assert "DOGE/USDT" in await _said(client)


async def test_a_function_of_the_prompt(server: OllamaServer, client: ollama.AsyncClient) -> None:
    def counted(prompt: Prompt) -> str:
        return f"{len(prompt.messages)} messages"

    server.answer_with(counted)
    server.answer_next("first")
    assert [await _said(client), await _said(client)] == ["first", "2 messages"]


async def test_tool_calls(server: OllamaServer, client: ollama.AsyncClient) -> None:
    server.answer_next(Calls((("get_price", {"market": "BTC/USDT"}),)))
    answer = await client.chat("llama3.2", messages=ASKED)
    assert answer.message.tool_calls is not None
    assert answer.message.tool_calls[0].function.arguments == {"market": "BTC/USDT"}


async def test_an_error_status(server: OllamaServer, client: ollama.AsyncClient) -> None:
    server.answer_next(Failure(), Failure(503, "server busy, please try again.  maximum pending requests exceeded"))
    with pytest.raises(ollama.ResponseError, match="the model failed to generate a response") as caught:
        await _said(client)
    assert caught.value.status_code == 500
    with pytest.raises(ollama.ResponseError, match="server busy"):
        await _said(client)


async def test_a_hanging_answer_times_out(server: OllamaServer) -> None:
    server.answer_with(lambda _: Hang())
    async with ollama.AsyncClient(host=server.base_url, timeout=0.1) as client:
        with pytest.raises(httpx.ReadTimeout):
            await _said(client)


async def test_a_hanging_answer_can_be_released(server: OllamaServer, client: ollama.AsyncClient) -> None:
    asked = asyncio.Event()

    def hang(_: Prompt) -> Hang:
        asked.set()
        return Hang()

    server.answer_with(hang)
    asking = asyncio.create_task(_said(client))
    await asked.wait()
    await asyncio.sleep(0)
    server.release()
    with pytest.raises(ollama.ResponseError):
        await asking


async def test_a_late_answer_arrives(server: OllamaServer, client: ollama.AsyncClient) -> None:
    server.answer_next(Late(0.1, "sorry"))
    assert await _said(client) == "sorry"


async def test_broken_json(server: OllamaServer, client: ollama.AsyncClient) -> None:
    server.answer_next(Broken())
    with pytest.raises(json.JSONDecodeError):
        await _said(client)
    server.answer_next(Broken())
    with pytest.raises(json.JSONDecodeError):
        [part async for part in await client.chat("llama3.2", messages=ASKED, stream=True)]


async def test_a_stream_breaks_off(server: OllamaServer, client: ollama.AsyncClient) -> None:
    server.answer_next(Interrupted("It bought because"))
    heard: list[str] = []

    async def listen() -> None:
        async for part in await client.chat("llama3.2", messages=ASKED, stream=True):
            heard.append(part.message.content or "")

    with pytest.raises(ollama.ResponseError, match="an error was encountered while running the model"):
        await listen()
    assert "".join(heard) == "It bought because"


async def test_an_outage_ends(server: OllamaServer, client: ollama.AsyncClient) -> None:
    address = server.base_url
    await server.stop()
    with pytest.raises(ConnectionError):
        await _said(client)
    await server.start()
    assert server.base_url == address
    assert await _said(client)


def test_a_truthful_answer_without_numbers() -> None:
    assert truthful(Prompt(model="m", messages=(("user", "why?"),))) == "The record shows no numbers."
