"""The tag of a home: made once, fit for client order ids, different elsewhere."""

from __future__ import annotations

from pathlib import Path

from data.database import Database
from data.installation import LENGTH, installation_tag
from data.orders import OrderKey, client_id, installation_of
from data.values import Side


def test_the_tag_is_made_once_and_stays(tmp_path: Path) -> None:
    database = Database(tmp_path / "batuta.sqlite")
    tag = installation_tag(database)
    assert installation_tag(database) == tag
    database.close()
    again = Database(tmp_path / "batuta.sqlite")
    assert installation_tag(again) == tag
    again.close()


def test_two_homes_have_different_tags_that_fit_into_client_ids() -> None:
    tags = {installation_tag(Database.in_memory()) for _ in range(20)}
    assert len(tags) == 20
    for tag in tags:
        assert len(tag) == LENGTH
        assert installation_of(client_id(OrderKey(1, 1, 0, Side.BUY, 1), tag)) == tag
