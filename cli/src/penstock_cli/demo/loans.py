"""The loans of a library that does not exist: made by chance, the same each time.

`python -m penstock_cli.demo.loans > library_loans.csv` makes the file in `data/`, which a test compares with this.
"""

import csv
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TypeVar

ROWS = 2000
SEED = 20260501
FIRST_DAY = date(2025, 1, 1)
DAYS = 365
LOAN_DAYS = 30
FINE_PER_DAY = 0.1

HEADER = [
    "编号",
    "借出日期",
    "归还日期",
    "书名",
    "类别",
    "分馆",
    "读者年龄",
    "续借次数",
    "逾期天数",
    "罚款(元)",
    "评分",
]

BOOKS = [
    ("红楼梦", "小说"),
    ("三国演义", "小说"),
    ("水浒传", "小说"),
    ("西游记", "小说"),
    ("聊斋志异", "小说"),
    ("儒林外史", "小说"),
    ("呐喊", "小说"),
    ("唐诗三百首", "诗歌"),
    ("宋词选", "诗歌"),
    ("楚辞", "诗歌"),
    ("诗经", "诗歌"),
    ("史记", "历史"),
    ("资治通鉴", "历史"),
    ("左传", "历史"),
    ("论语", "哲学"),
    ("孟子", "哲学"),
    ("庄子", "哲学"),
    ("道德经", "哲学"),
    ("天工开物", "科技"),
    ("梦溪笔谈", "科技"),
    ("九章算术", "科技"),
    ("本草纲目", "医学"),
    ("黄帝内经", "医学"),
    ("孙子兵法", "军事"),
]
BRANCHES = ["总馆", "东城分馆", "西城分馆", "海淀分馆", "少儿馆"]

T = TypeVar("T")


def loans() -> Iterator[list[str]]:
    """The header, and then the rows."""
    # Of the generator only random() is used: its numbers are the same in every version of Python.
    chance = Random(SEED)
    yield HEADER
    for number in range(1, ROWS + 1):
        yield _loan(number, chance)


def _loan(number: int, chance: Random) -> list[str]:
    lent = FIRST_DAY + timedelta(days=int(DAYS * (number - 1) / ROWS))
    title, kind = _favouring_the_first(BOOKS, chance)
    branch = _favouring_the_first(BRANCHES, chance)
    children = branch == "少儿馆"
    age = 6 + int(9 * chance.random()) if children else 16 + int(60 * chance.random() * chance.random())
    renewals = int(3 * chance.random() ** 2)
    kept = 1 + int((LOAN_DAYS * (renewals + 1) + 12) * chance.random() ** 0.7)
    late = max(0, kept - LOAN_DAYS * (renewals + 1))
    is_back = lent + timedelta(days=kept) < FIRST_DAY + timedelta(days=DAYS)
    stars = 1 + int(5 * chance.random() ** 0.5) if is_back and chance.random() < 0.6 else None
    return [
        f"L{number:05d}",
        lent.isoformat(),
        (lent + timedelta(days=kept)).isoformat() if is_back else "",
        f"《{title}》",
        kind,
        branch,
        str(age),
        str(renewals),
        str(late) if is_back else "",
        f"{late * FINE_PER_DAY:.2f}" if is_back else "",
        str(stars) if stars else "",
    ]


def _favouring_the_first(choices: list[T], chance: Random) -> T:
    return choices[int(len(choices) * chance.random() ** 1.6)]


if __name__ == "__main__":
    csv.writer(sys.stdout, lineterminator="\n").writerows(loans())
