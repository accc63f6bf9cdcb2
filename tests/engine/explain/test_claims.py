"""What a text may say beside a record, and what it may not."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.explain.claims import objection

RECORD = (
    "Rule: pair slot",
    "Known: side buy, price 27000.50, quantity 0.00125, fee 0.0337, profit -5.20, spread 0.05",
    "Known: below range, take profit 8%, drawdown -3.4 %, volume 27123.45",
    "Not done: wait, because the 2 other slots are full",
    "Ordered: sell 0.00125 BTC/USDT at 27500, limit maker, grid, shadow",
    "Refused by risk: none",
    "sell inventory: no",
    "When: 2026-03-01 08:05 UTC, timeframe 5m, order bt-1-1-0b1",
)


@pytest.mark.parametrize(
    "text",
    [
        "A buy at 27,000.50 filled, so the engine placed a sell at 27,500.",
        "It bought 0.00125 BTC at 27000.5 and then offered to sell it for 27500 USDT.",
        "The slot of BTC/USDT was paired.",
        "BTCUSDT and bitcoin are the same market here.",
        "The loss was 5.20 and the drawdown 3.4 percent.",
        "Profit stood at -5.20, or −5.2, with a drawdown of -3.40%.",
        "Volume was 27.12k, about 27,123.",
        "The take profit is 8 %.",
        "The spread of 5% was ignored.",
        "Two other slots are full.",
        "At 08:05 UTC on 2026-03-01, in shadow, order bt-1-1-0b1 of the 5m chart.",
        "The fee came to 0.0337; nothing else happened.",
        "The price is below the range…",
    ],
)
def test_what_the_record_bears_out_passes(text: str) -> None:
    assert objection(text, RECORD) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A buy at 27,002 filled.", "number"),
        ("It cost 27,0 USDT.", "cannot be read"),
        ("It cost 27.000,50 USDT.", "cannot be read"),
        ("Volume was 27k.", "number"),
        ("Volume was 27.13k.", "number"),
        ("Volume was 27.12M.", "number"),
        ("Volume was 2.7e4.", "number"),
        ("It sold at 27,000.50.", r"number.*\(sell\)"),
        ("It bought at 27,500.", r"number.*\(buy\)"),
        ("Profit stood at 5.20.", "number"),
        ("The fee was -0.0337.", "number"),
        ("The drawdown was +3.4 %.", "number"),
        ("The price fell by 27500 %.", "number"),
        ("The volume is 0.", "number"),
        ("Fourteen slots are full.", "fourteen"),
        ("The price doubled.", "doubled"),
        ("It cost a million.", "million"),
        ("It bought ETH.", "ETH"),
        ("It bought ETH/USDT.", "ETH/USDT"),
        ("It bought some dogecoin.", "dogecoin"),
        ("It bought eth/usdt.", "eth/usdt"),
        ("It runs in production.", "production"),
        ("The stop loss fired.", "stop loss"),
        ("The order was cancelled.", "cancelled"),
        ("The price is above the range.", "opposite"),
        ("The 15m chart says so.", "cannot be read"),
        ("Order bt-1-1-0b2 filled.", "cannot be read"),
        ("It cost ½ of it.", "cannot be checked"),
        ("It cost ٢٧ of it.", "cannot be checked"),
        ("Se vendió todo.", "cannot be checked"),
        ("It was В\u0422С.", "cannot be checked"),
        ("Quiet\u200bly done.", "cannot be checked"),
        ("Done\x1b.", "control"),
        ("", "empty"),
        (" \n ", "empty"),
        ("word " * 61, "too long"),
        ("w" * 601, "too long"),
        ("It was **paired**.", "markup"),
        ("It was `paired`.", "markup"),
        ("<b>Paired</b>", "markup"),
        ("- paired\n- done", "markup"),
        ("2. paired", "markup"),
        ("See https://example.org", "address"),
        ("See example.org now", "address"),
        ("Ask @somebody", "address"),
        ("Type /stop now", "command"),
    ],
)
def test_what_the_record_does_not_bear_out_is_objected_to(text: str, reason: str) -> None:
    problem = objection(text, RECORD)
    assert problem is not None
    assert re.search(reason, problem)


def test_a_denial_is_no_ground_for_a_claim() -> None:
    assert objection("Everything was sold.", ("Rule: stop bot", "sell: no")) is not None
    assert objection("Everything was sold.", ("Rule: stop bot", "sell: yes")) is None


@given(price=st.decimals(min_value="0.00000001", max_value="999999", places=8, allow_nan=False, allow_infinity=False))
def test_a_number_bears_itself_out_and_no_other(price: Decimal) -> None:
    record = (f"Known: price {price:f}",)
    assert objection(f"The price was {price:,f}.", record) is None
    assert objection(f"The price was 1{price:f}.", record) is not None


@given(text=st.text())
def test_any_text_can_be_judged(text: str) -> None:
    assert objection(text, RECORD) is None or objection(text, RECORD)
