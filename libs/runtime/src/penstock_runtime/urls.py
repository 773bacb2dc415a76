"""URLs of servers: whole or not, shown without secrets, and with what other settings say about TLS."""

import re
from urllib.parse import parse_qsl, quote, urlsplit


def is_postgresql(url: str) -> bool:
    """Whether a URL names a PostgreSQL database, in any of the spellings in use: `db+postgresql://`, `postgres://` …"""
    return bool({"postgresql", "postgres"} & set(url.partition("://")[0].split("+")))


def plain_postgresql(url: str) -> str:
    """The URL as libpq and Celery's banner know it: `postgresql://`, without a driver's name."""
    return f"postgresql://{url.partition('://')[2]}" if is_postgresql(url) else url


def without_password(url: str) -> str:
    """The URL, or several of them with `;` between, with `**` for each password; for people to read."""
    # Up to the last @ before the next URL, so that one which ought to be percent-encoded does not show either.
    url = re.sub(r"://([^:/@]*):(?:(?!://).)*@", r"://\1:**@", url)
    return re.sub(r"([?&]password=)[^&;]*", r"\1**", url)


def several(url: str) -> list[str]:
    """The URLs between `;`: kombu's way of naming all sentinels."""
    return re.split(r";(?=\w+://)", url)


def is_whole(url: str) -> bool:
    """Whether nothing special in a password has cut the URL's host off; there may be several, with `;` between."""
    for one in several(url):
        try:
            parts = urlsplit(one)
            parts.port  # noqa: B018 - it raises where the port is no number
        except ValueError:
            return False
        if "@" in one and "@" not in parts.netloc:
            return False
    return True


def completed(url: str, **query: str) -> str:
    """The URL (each of several) with these parameters, where they are not empty and it does not have its own."""
    whole = []
    for one in several(url):
        known = dict(parse_qsl(urlsplit(one).query))
        missing = [f"{key}={quote(value, safe='/')}" for key, value in query.items() if value and key not in known]
        joint = ("&" if "?" in one else "?") if missing else ""
        whole.append(f"{one}{joint}{'&'.join(missing)}")
    return ";".join(whole)


def bracketed(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
