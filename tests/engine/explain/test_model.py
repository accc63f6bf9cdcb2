"""A language model speaks only when the record bears out what it says."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import pytest

from data.decisions import Alternative, Decision, Input, Rule
from data.orders import Draft, OrderType, Purpose, RefusalCode, Refused
from data.values import Mode, Side
from engine.explain.model import OllamaExplainer, reachable
from tests.servers.ollama import (
    MODEL,
    Answer,
    Broken,
    Calls,
    Failure,
    Hang,
    Late,
    OllamaServer,
    Prompt,
    truthful,
    wrong_number,
    wrong_side,
    wrong_symbol,
)

PAIRED = Draft(
    client_id="bt-1-1-3s1",
    bot=1,
    slot=3,
    symbol="BTC/USDT",
    mode=Mode.SHADOW,
    side=Side.SELL,
    type=OrderType.LIMIT_MAKER,
    purpose=Purpose.GRID,
    price=Decimal("27500"),
    quantity=Decimal("0.00125"),
)
DECISION = Decision(
    id="103",
    at=1_772_352_300_000,
    bot=1,
    rule=Rule.PAIR_SLOT,
    event="OrderFilled",
    inputs=(Input("side", "buy"), Input("price", "27000.5", 12), Input("quantity", "0.00125"), Input("sell_all", "no")),
    alternatives=(Alternative("wait", "the slot holds inventory"),),
    approved=(PAIRED,),
    refused=(Refused(draft=PAIRED, code=RefusalCode.ABOVE_BOT_BUDGET, facts={"budget": "1000", "needed": "1034.38"}),),
)
FACTS = ("Bot 1: a slot filled", "Ordered: sell 0.00125 BTC @ 27500")
TRUE = "The buy of 0.00125 BTC at 27,000.50 filled, so a sell was placed at 27,500 USDT."


@pytest.fixture
async def server() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as one:
        yield one


@pytest.fixture
async def explainer(server: OllamaServer) -> AsyncIterator[OllamaExplainer]:
    one = explainer_for(server.base_url)
    yield one
    await one.close()


def explainer_for(base_url: str, *, model: str = MODEL, timeout_seconds: float = 10) -> OllamaExplainer:
    """Return an explainer that asks the server at ``base_url``."""
    return OllamaExplainer(
        base_url=base_url, model=model, timeout_seconds=timeout_seconds, temperature=0.2, max_tokens=200
    )


async def test_truthful_answer_is_passed_on(server: OllamaServer, explainer: OllamaExplainer) -> None:
    server.answer_with(truthful)
    said = await explainer.explain(DECISION, FACTS)
    assert said is not None
    assert "27500" in said
    assert "0.00125" in said


async def test_good_sentence_loses_its_thoughts_and_its_line_breaks(
    server: OllamaServer, explainer: OllamaExplainer
) -> None:
    server.answer_next("<think>\nmaybe 99999?\n</think>\n\n" + TRUE.replace(", so", ",\n so"))
    assert await explainer.explain(DECISION, FACTS) == TRUE


async def test_model_is_told_the_record_and_nothing_else(server: OllamaServer, explainer: OllamaExplainer) -> None:
    await explainer.explain(DECISION, ("line\nbreaks become\tspaces", *FACTS))
    (prompt,) = server.prompts
    (system, task), (user, record) = prompt.messages
    assert (system, user) == ("system", "user")
    assert not any(letter.isdigit() for letter in task)
    assert record.splitlines() == [
        "Rule: pair slot",
        "Cause: order filled",
        "Known: side buy, price 27000.5, quantity 0.00125",
        "Not done: wait, because the slot holds inventory",
        "Orders placed: 1",
        "Orders refused: 1",
        "Refused by risk: sell 0.00125 BTC/USDT at 27500, limit maker, grid, shadow: above bot budget "
        "budget 1000, needed 1034.38",
        "Ordered: sell 0.00125 BTC/USDT at 27500, limit maker, grid, shadow",
        "line breaks become spaces",
        "Bot 1: a slot filled",
        "Ordered: sell 0.00125 BTC @ 27500",
    ]
    assert prompt.options == {"temperature": 0.2, "num_predict": 200}
    assert prompt.tools == ()
    assert not prompt.stream


async def test_long_facts_are_cut_between_words(server: OllamaServer, explainer: OllamaExplainer) -> None:
    await explainer.explain(DECISION, ("x" * 395 + " 27000",))
    assert server.prompts[0].text.splitlines()[-1] == "x" * 395


@pytest.mark.parametrize("lie", [wrong_number, wrong_side, wrong_symbol])
async def test_lie_is_dropped(
    server: OllamaServer, explainer: OllamaExplainer, lie: Callable[[Prompt], Answer]
) -> None:
    server.answer_with(lie)
    # A record of one side only, quoted with one word changed.
    bought = Decision(id="7", at=0, bot=1, rule=Rule.OPEN_GRID, event="BotStarted", inputs=())
    assert await explainer.explain(bought, ("Ordered: buy 0.00125 BTC at 27500",)) is None
    assert await explainer.explain(bought, ("Ordered: sell 0.00125 BTC at 27500",)) is None
    server.answer_next("Ordered: buy 0.00125 BTC at 27500")
    assert await explainer.explain(bought, ("Ordered: buy 0.00125 BTC at 27500",)) is not None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The buy at 27,000.50 filled, so a sell was placed at 27,600.",
        "It sold at 27,000.50.",
        "It bought ETH/USDT.",
        "**The slot was paired.**",
        "The slot was paired, see https://example.org/more",
        "The slot was paired. /stop",
        "The slot was paired and " * 20,
        Failure(500, "out of memory"),
        Failure(404, "model not found"),
        Broken(),
        Broken("[]"),
        Broken('{"message": {"role": "assistant", "content": 5}}'),
        Calls((("stop_bot", {"bot": 1}),)),
    ],
    ids=lambda answer: str(answer)[:40],
)
async def test_unusable_answer_is_dropped_and_the_next_good_one_is_not(
    server: OllamaServer, explainer: OllamaExplainer, answer: Answer
) -> None:
    server.answer_next(answer, TRUE)
    assert await explainer.explain(DECISION, FACTS) is None
    assert await explainer.explain(DECISION, FACTS) == TRUE


@pytest.mark.parametrize("answer", [Hang(), Late(20, TRUE)], ids=["hang", "late"])
async def test_slow_model_is_not_waited_for(server: OllamaServer, answer: Answer) -> None:
    explainer = explainer_for(server.base_url, timeout_seconds=0.1)
    server.answer_next(answer)
    async with asyncio.timeout(5):
        assert await explainer.explain(DECISION, FACTS) is None
    await explainer.close()


async def test_server_that_is_away_is_no_error_and_its_return_is_noticed(server: OllamaServer) -> None:
    explainer = explainer_for(server.base_url)
    await server.stop()
    assert await explainer.explain(DECISION, FACTS) is None
    await server.start()
    server.answer_next(TRUE)
    assert await explainer.explain(DECISION, FACTS) == TRUE
    await explainer.close()


async def test_unknown_model_and_nonsense_address_are_no_errors(server: OllamaServer) -> None:
    for base_url, model in ((server.base_url, "no-such-model"), ("http://[nonsense", MODEL)):
        explainer = explainer_for(base_url, model=model)
        assert await explainer.explain(DECISION, FACTS) is None
        await explainer.close()


async def test_cancelling_the_question_is_not_swallowed(server: OllamaServer, explainer: OllamaExplainer) -> None:
    asked = asyncio.Event()

    def hang(_: Prompt) -> Answer:
        asked.set()
        return Hang()

    server.answer_with(hang)
    asking = asyncio.create_task(explainer.explain(DECISION, FACTS))
    await asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_installed_model_is_reachable(server: OllamaServer) -> None:
    assert await reachable(server.base_url, MODEL, 5) == (True, f"Ollama {server.version} with {MODEL}")
    assert (await reachable(server.base_url + "/", MODEL.removesuffix(":latest"), 5))[0]
    assert not server.prompts


async def test_missing_model_is_told_with_the_remedy(server: OllamaServer) -> None:
    ok, words = await reachable(server.base_url, "qwen3:0.6b", 5)
    assert not ok
    assert server.version in words
    assert words.endswith("ollama pull qwen3:0.6b")
    ok, words = await reachable(server.base_url, "", 5)
    assert (ok, "ai_agent.model_presets" in words) == (False, True)


async def test_server_that_is_away_is_told_with_the_remedy(server: OllamaServer) -> None:
    await server.stop()
    for base_url in (server.base_url, "http://[nonsense", "nonsense", ""):
        ok, words = await reachable(base_url, MODEL, 5)
        assert not ok
        assert words.startswith(f"no Ollama at {base_url}: ")
        assert words.endswith("ollama serve")


@pytest.mark.parametrize(
    "body", ["<html>", "[]", "{}", '{"version": "1", "models": 5}', '{"version": "1", "models": [{}]}', "\xff"]
)
async def test_server_that_is_something_else_is_told_so(body: str) -> None:
    async with somewhere(lambda writer: writer.write(http(body))) as base_url:
        ok, words = await reachable(base_url, MODEL, 5)
    assert not ok
    assert "not that of Ollama" in words


async def test_silent_server_is_not_waited_for() -> None:
    async with somewhere(lambda writer: None) as base_url, asyncio.timeout(5):
        ok, words = await reachable(base_url, MODEL, 0.1)
    assert not ok
    assert "within 0.1 seconds" in words


@asynccontextmanager
async def somewhere(answer: Callable[[asyncio.StreamWriter], None]) -> AsyncIterator[str]:
    """Serve on a port of this machine; yield its address."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.readuntil(b"\r\n\r\n"):
            answer(writer)

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)

    server = await asyncio.start_server(quietly, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    for writer in writers:
        writer.close()
    server.close()
    await server.wait_closed()


def http(body: str) -> bytes:
    """Return a complete answer with a body."""
    content = body.encode("latin-1")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


def test_library_is_not_loaded_before_the_first_question() -> None:
    code = (
        "import sys; from engine.explain.model import OllamaExplainer as E; "
        "E(base_url='', model='', timeout_seconds=1, temperature=0, max_tokens=1); sys.exit('ollama' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
