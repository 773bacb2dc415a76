import pytest

from penstock_runtime.rates import Limit, read_rate


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("100/second", (Limit(100, 1),)),
        ("10/minute;100/day", (Limit(10, 60), Limit(100, 86_400))),
        ("5 per 2 hours", (Limit(5, 7200),)),
        ("unlimited", ()),
        (" Unlimited ", ()),
    ],
)
def test_a_rate_is_read(text: str, limits: tuple[Limit, ...]) -> None:
    assert read_rate(text) == limits


@pytest.mark.parametrize("text", ["", "often", "10", "0/minute", "-1/minute", "10/fortnight", "10/minute;often"])
def test_what_is_no_rate_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="such as 10/minute;100/day, or unlimited"):
        read_rate(text)
