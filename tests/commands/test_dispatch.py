"""The way of a request, with everything that may be wrong with it."""

from __future__ import annotations

import pytest

from commands.reply import Failure, Text
from data.values import Millis
from tests.commands.house import House

STALE: Millis = 300_001


async def test_a_viewer_reads() -> None:
    house = House()
    assert await house.one("/peek symbol=ETH/USDT", "vera") == Text(text="seen ETH/USDT by Vera")


async def test_typed_options_are_used_instead_of_the_line() -> None:
    house = House()
    replies = await house.dispatcher.handle(house.request("/peek", arguments={"symbol": "SOL/USDT"}))
    assert replies == (Text(text="seen SOL/USDT by Tim"),)


async def test_several_replies_stay_several() -> None:
    house = House()
    assert [each.text for each in await house.say("/halt") if isinstance(each, Text)] == ["halted", "really"]


@pytest.mark.parametrize("line", ["/peek", "/buy", "/confirm abcdefgh", "/help", "hello", "/start@x", "", "/pair x"])
async def test_strangers_get_silence_in_groups(line: str) -> None:
    house = House()
    assert await house.say(line, "eve", private=False) == ()


@pytest.mark.parametrize("line", ["/peek", "/buy", "/confirm abcdefgh", "/help", "hello", "", 'start "open'])
async def test_strangers_get_silence_in_private_too(line: str) -> None:
    house = House()
    assert await house.say(line, "eve") == ()
    assert house.desk.asked == []


async def test_a_stranger_is_told_once_how_to_get_in_and_then_less_and_less() -> None:
    house = House()
    answers = [len(await house.say("/start", "eve")) for _ in range(8)]
    assert answers == [1, 1, 1, 1, 1, 0, 0, 0]
    house.clock.advance(600_000)
    assert len(await house.say("/start", "eve")) == 1


async def test_all_strangers_together_are_limited() -> None:
    house = House()
    answers = [len(await house.say("/start", f"eve{number}")) for number in range(40)]
    assert sum(answers) == 30


async def test_the_first_owner_gets_in_with_the_code_from_the_server() -> None:
    house = House()
    house.people.known.clear()
    await house.say("/start", "ada")
    code = house.announced[0].split()[-1]
    welcome = await house.one(f"/pair {code}", "ada")
    assert isinstance(welcome, Text)
    assert "owner" in welcome.text
    assert house.people.known["telegram:ada"].role.name == "OWNER"
    assert [notice.key for notice in house.told] == ["joined:telegram:ada"]
    await house.say("/start", "eve")
    assert len(house.announced) == 1


async def test_a_code_sent_as_a_typed_option_works() -> None:
    house = House()
    house.people.known.clear()
    code = house.pairing.first_code()
    assert code is not None
    replies = await house.dispatcher.handle(house.request("/pair", "ada", arguments={"code": code}))
    assert isinstance(replies[0], Text)


async def test_guessing_codes_ends_in_a_lock_and_the_owner_hears_of_it() -> None:
    house = House()
    answers = [await house.say(f"/pair {number:08}", "eve") for number in range(10)]
    said = [each[0].problem if each and isinstance(each[0], Failure) else "" for each in answers]
    assert said[:4] == ["This code does not work."] * 4
    assert said[4].startswith("Too many wrong codes")
    assert said[5:] == [""] * 5
    assert [notice.key for notice in house.told] == ["guessed:telegram:eve"]


async def test_a_known_person_is_told_when_locked() -> None:
    house = House()
    answers = [await house.one(f"/pair {number:08}", "vera") for number in range(7)]
    assert isinstance(answers[6], Failure)
    assert answers[6].problem.startswith("Too many wrong codes")


async def test_a_pairing_without_a_code_asks_for_one() -> None:
    (asked,) = await House().say("/pair", "eve")
    assert isinstance(asked, Failure)
    assert (asked.problem, asked.accepted) == ("A code is missing.", "/pair and the eight digits you were given")


async def test_codes_are_not_taken_in_groups() -> None:
    house = House()
    replies = await house.say("/pair 12345678", private=False)
    assert isinstance(replies[0], Failure)
    assert replies[0].accepted == "a private chat with me"


async def test_a_known_person_is_greeted_by_name() -> None:
    house = House()
    hello = await house.one("/start")
    assert isinstance(hello, Text)
    assert "Tim" in hello.text


async def test_nobody_is_known_while_people_cannot_be_read() -> None:
    house = House()
    house.people.broken = True
    assert await house.say("/peek", "olga") == ()
    assert await house.say("/buy", "olga") == ()
    assert house.desk.asked == []


async def test_an_error_while_a_stranger_pairs_is_silence() -> None:
    house = House()
    code = house.pairing.invite(house.people.known["telegram:tim"].role, "telegram:olga")
    house.people.broken = True
    assert await house.say(f"/pair {code}", "ada") == ()


async def test_a_role_too_low_is_named() -> None:
    house = House()
    refused = await house.one("/buy", "vera")
    assert isinstance(refused, Failure)
    assert (refused.field, refused.value, refused.accepted) == ("role", "viewer", "trader or more")


async def test_an_unknown_command_suggests_what_the_person_may_run() -> None:
    house = House()
    unknown = await house.one("/peak")
    assert isinstance(unknown, Failure)
    assert [button.line for button in unknown.buttons] == ["/peek"]
    unknown = await house.one("/bui", "vera")
    assert isinstance(unknown, Failure)
    assert [button.line for button in unknown.buttons] == ["/help"]
    chatter = await house.one("good morning")
    assert isinstance(chatter, Text)
    assert "/status" in chatter.text
    nothing = await house.one("")
    assert isinstance(nothing, Failure)
    assert nothing.problem == "That is not a command."


async def test_an_unknown_command_in_a_group_is_for_another_bot() -> None:
    house = House()
    assert await house.say("/weather", private=False) == ()


@pytest.mark.parametrize(
    ("line", "field"),
    [('/peek "open', ""), ("/peek a b", ""), ("/buy size=1,000", "size"), ("/buy amount=1", "amount")],
)
async def test_bad_input_is_a_failure_that_says_what_is_accepted(line: str, field: str) -> None:
    house = House()
    failure = await house.one(line)
    assert isinstance(failure, Failure)
    assert failure.field == field
    assert failure.accepted


async def test_a_replayed_update_is_answered_once() -> None:
    house = House()
    first = await house.dispatcher.handle(house.request("/halt", update="77"))
    again = await house.dispatcher.handle(house.request("/halt", update="77"))
    assert len(first) == 2
    assert again == ()
    assert len(house.desk.asked) == 1


async def test_the_memory_of_updates_is_bounded_and_the_newest_stay() -> None:
    house = House()
    for number in range(5000):
        await house.dispatcher.handle(house.request("/weather", private=False, update=str(number)))
    assert await house.dispatcher.handle(house.request("/halt", update="4999")) == ()
    assert len(await house.dispatcher.handle(house.request("/halt", update="0"))) == 2


@pytest.mark.parametrize("line", ["/buy size=2", "/halt", "/confirm abcdefgh"])
async def test_a_command_from_a_dead_hour_changes_nothing(line: str) -> None:
    house = House()
    (late,) = await house.say(line, age=STALE)
    assert isinstance(late, Failure)
    assert line in late.accepted
    assert late.buttons[0].line == line
    assert house.desk.asked == []


async def test_a_late_command_too_long_for_a_button_is_spelled_out_only() -> None:
    house = House()
    line = "/buy size=2" + " " * 60 + "x"
    (late,) = await house.say(line, age=STALE)
    assert isinstance(late, Failure)
    assert late.buttons == ()


async def test_reading_late_is_still_reading() -> None:
    house = House()
    assert isinstance((await house.say("/peek", age=STALE))[0], Text)


async def test_an_exception_shows_an_id_and_nothing_else() -> None:
    house = House()
    failure = await house.one("/boom")
    assert isinstance(failure, Failure)
    assert "secret" not in str(failure)
    assert "error" in failure.problem


async def test_an_exchange_that_does_not_answer_is_no_error_of_ours() -> None:
    house = House()
    house.desk.available = False
    failure = await house.one("/peek")
    assert isinstance(failure, Failure)
    assert "exchange does not answer" in failure.problem


async def test_an_unknown_market_names_its_neighbours() -> None:
    house = House()
    failure = await house.one("/peek BTCUSD")
    assert isinstance(failure, Failure)
    assert (failure.field, failure.value, failure.accepted) == ("symbol", "BTCUSD", "BTC/USDT")
    failure = await house.one("/peek NOSUCH")
    assert isinstance(failure, Failure)
    assert failure.accepted == "a market such as BTC/USDT"


def test_menus_hold_what_a_person_may_run() -> None:
    house = House()
    known = house.people.known
    names = {
        user: [each.name for each in house.dispatcher.visible(known[f"telegram:{user}"])] for user in ("vera", "tim")
    }
    assert names == {"vera": ["boom", "peek"], "tim": ["buy", "halt", "boom", "peek"]}
    assert house.dispatcher.visible(None) == ()


async def test_suggestions_need_the_right_to_run() -> None:
    house = House()
    found = await house.dispatcher.complete(house.request("/peek"), "peek", "symbol", "et")
    assert [each.value for each in found] == ["ETH/USDT"]
    assert await house.dispatcher.complete(house.request("/peek", "eve"), "peek", "symbol", "et") == ()
    assert await house.dispatcher.complete(house.request("/peek"), "peek", "nothing", "et") == ()
    assert await house.dispatcher.complete(house.request("/peek"), "nothing", "symbol", "et") == ()


async def test_no_suggestions_while_the_exchange_is_silent() -> None:
    house = House()
    house.desk.available = False
    assert await house.dispatcher.complete(house.request("/peek"), "peek", "symbol", "") == ()
