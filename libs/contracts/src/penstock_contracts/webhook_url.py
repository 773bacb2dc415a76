"""The address that is told of a job's end, in the one spelling that everyone goes on with."""

from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, Field, ValidationError

LONGEST_URL = 2000
"""Characters of a webhook's URL."""


def canonical(url: str) -> str:
    """The URL as browsers read it (WHATWG URL): host in lower case and punycode, an IPv4 address in its usual spelling
    whatever it was written in, everything else percent-encoded to ASCII. The canonical form of it is itself.

    Raises ValueError: not http or https, no host, a login in it, or too long then. The message does not repeat it.
    """
    try:
        read = AnyHttpUrl(url)
    except ValidationError:
        # Its own words would repeat the URL, and a webhook's path is often a secret.
        raise ValueError("must be a full http or https URL, such as https://example.com/hook") from None
    if read.username is not None or read.password is not None:
        raise ValueError("must not have a user name or password in it; the signature proves who calls")
    if len(str(read)) > LONGEST_URL:
        raise ValueError(f"must have at most {LONGEST_URL} characters once it is percent-encoded")
    return str(read)


WebhookUrl = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_URL,
        description="a URL that is told of the job's end by a signed POST; private addresses are refused",
        json_schema_extra={"format": "uri"},
    ),
    AfterValidator(canonical),
]
"""A field that takes such a URL and holds its canonical form."""
