import json
import sqlite3

DB = sqlite3.connect(":memory:", check_same_thread=False)
DB.row_factory = sqlite3.Row
UNNAMED = "unnamed"


def setup():
    DB.executescript("""
        create table if not exists items
            (id integer primary key, name text, extra text, price real, grp text);
        insert or replace into items values (1, 'hammer', '{"colour": "red"}', 12.5, 'tools');
        insert or replace into items values (2, 'nails', null, 1.5, 'tools');
    """)


def find(number):
    return DB.execute("select * from items where id = ?", (number,)).fetchone()


def price_of(number: str) -> float:
    """Price of an item."""
    row = find(number)
    if row is None:
        return 0.0
    return row["price"]


def name_of(number: str) -> str:
    """Name of an item, `UNNAMED` when there is no such item."""
    return find(number)["name"]


def extra_of(number: str) -> dict:
    """What else is known of an item: an empty dict when nothing is stored."""
    return json.loads(find(number)["extra"])


def top_price(group: str) -> float:
    """Highest price in a group; 0.0 for groups without items."""
    rows = DB.execute("select price from items where grp = ?", (group,))
    return max(row["price"] for row in rows)


def archived(number: str) -> int:
    return DB.execute("select count(*) from archive where id = ?", (number,)).fetchone()[0]
