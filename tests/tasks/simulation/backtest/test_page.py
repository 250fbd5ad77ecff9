"""Does the page stand alone, and say what was found?"""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tasks.simulation.backtest.judging import Bench, policy_verdicts
from tasks.simulation.backtest.page import check_sentence, page, table_rows
from tasks.simulation.backtest.simulation import BacktestGate
from tasks.triggers.simple_policies import EveryWindows, Never


@pytest.fixture
def bench(history):
    return Bench(history(11, lambda model, at: 0.6 if model < 4 <= at else 0.8), BacktestGate(blocks=1, min_gain=0))


@pytest.fixture
def verdicts(bench):
    return policy_verdicts({"never": Never(), "every 5 windows": EveryWindows(windows=5)}, bench)


class Addresses(HTMLParser):
    """Gathers what a page would load from elsewhere."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        self.addresses += [
            value for name, value in attrs if name in {"src", "srcset"} or (tag, name) == ("link", "href")
        ]


def test_the_page_loads_nothing(stall, verdicts, bench):
    reader = Addresses()
    reader.feed(text := page(stall, verdicts, bench))

    assert reader.addresses == []
    assert "<script" not in text
    assert text.count("<svg") == 3


def test_the_page_gives_its_advice_and_every_policy(stall, verdicts, bench):
    text = page(stall, verdicts, bench)

    assert "this rule: every 5 windows. Mean roc_auc 0.76 with 1 retrain over 10 windows of 7 days, +0.1 beside" in text
    assert "<td>0 to 1</td><td>every 5 windows</td>" in text
    assert "<td>above 1</td><td>never</td>" in text
    assert text.count("<tr") == (1 + 2) + (1 + 2)


def test_the_question_cannot_break_the_page(stall, verdicts, bench):
    assert "<b>cheap</b>" not in page(replace(stall, question="Is <b>cheap</b> & good?"), verdicts, bench)


def test_the_table_tells_what_was_refused(verdicts):
    rows = {row["policy"]: row for row in table_rows(verdicts)}

    assert rows["every 5 windows"]["asked"] == 1
    assert rows["every 5 windows"]["refused"] == 0
    assert rows["never"]["share of achievable"] == "-"


def test_the_check_says_what_would_have_been_better(verdicts, bench):
    sentence = check_sentence(verdicts, bench, price=0.1)

    assert sentence == (
        "Does a choice hold? Whoever had chosen on the first half of this history would have taken never; on the "
        "second half it scores 0.6, while the best there, every 5 windows, scores 0.8."
    )
