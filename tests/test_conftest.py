"""When is a test left out for want of a program?"""

import pytest

from tests.conftest import program


def test_a_program_that_is_installed_is_used():
    assert program("sh").endswith("/sh")


def test_without_its_program_a_test_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.delenv("EVERGREEN_NO_SKIPS", raising=False)

    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed; `apt-get install"):
        program("no-such-program")


def test_where_no_test_may_be_left_out_it_fails(monkeypatch):
    monkeypatch.setenv("EVERGREEN_NO_SKIPS", "1")

    with pytest.raises(pytest.fail.Exception, match="EVERGREEN_NO_SKIPS is set"):
        program("no-such-program")
