"""Bodies that are not the JSON they say they are, or not strictly."""

import json

from bad_input.rows import ID, MARK, Row, a_job, an_action, post


def _malformed(name: str, body: str | bytes, route: str = "reports") -> Row:
    return Row(name, post(f"/v1/{route}", body), 400, "malformed_json")


def _user(value: str) -> str:
    """An action with this text where its user should stand."""
    return json.dumps(an_action()).replace('"u"', value)


REPORT = json.dumps({"dataset_id": ID})

ROWS = [
    _malformed("nothing", b""),
    _malformed("blanks", b"  \n"),
    _malformed("cut off", b'{"dataset_id": "'),
    _malformed("text behind", f"{REPORT} {MARK}"),
    _malformed("a second object behind", REPORT * 2),
    _malformed("single quotes", f"{{'dataset_id': '{MARK}'}}"),
    _malformed("names without quotes", f'{{dataset_id: "{MARK}"}}'),
    _malformed("a trailing comma", f'{{"dataset_id": "{ID}",}}'),
    _malformed("a comment", f"{REPORT} // {MARK}"),
    _malformed("a line end in a text", b'{"dataset_id": "a\nb"}'),
    _malformed("a wrong escape", rb'{"dataset_id": "\q"}'),
    _malformed("a form", f"dataset_id={MARK}"),
    _malformed("XML", f"<dataset_id>{MARK}</dataset_id>"),
    _malformed("binary", bytes(range(256))),
    _malformed("a list", b"[]"),
    _malformed("a number", b"17"),
    _malformed("null", b"null"),
    _malformed("JSON in a text", json.dumps(REPORT)),
    # another encoding
    _malformed("a byte order mark", b"\xef\xbb\xbf" + REPORT.encode()),
    _malformed("UTF-16", REPORT.encode("utf-16")),
    _malformed("UTF-32", REPORT.encode("utf-32")),
    _malformed("GBK", '{"actions": "登录"}'.encode("gbk"), "user-actions"),
    _malformed("an overlong slash", b'{"dataset_id": "\xc0\xaf"}'),
    _malformed("a surrogate in UTF-8", b'{"dataset_id": "\xed\xa0\x80"}'),
    # what PostgreSQL cannot keep
    _malformed("a NUL character", _user(f'"{MARK}\\u0000"'), "user-actions"),
    _malformed("a NUL character in a name", json.dumps(an_action(detail={"\0": 1})), "user-actions"),
    _malformed("half a surrogate pair", _user('"\\ud83d"'), "user-actions"),
    # names that stand twice
    _malformed("a name twice", f'{{"dataset_id": "{ID}", "dataset_id": "{MARK}"}}'),
    _malformed("a name twice, written otherwise", f'{{"dataset_id": "{ID}", "dataset\\u005fid": "{MARK}"}}'),
    _malformed("a name twice, deep down", _user('{"a": 1, "a": 2}'), "user-actions"),
    _malformed(
        "a task twice", json.dumps(a_job()).replace("{", '{"task": "mail.registration_confirmation", ', 1), "jobs"
    ),
    # numbers
    _malformed("NaN", _user("NaN"), "user-actions"),
    _malformed("minus Infinity", _user("-Infinity"), "user-actions"),
    _malformed("a number beyond a double", _user("1e999"), "user-actions"),
    _malformed("ten thousand digits", _user("9" * 10_000), "user-actions"),
    _malformed("a leading zero", _user("007"), "user-actions"),
    _malformed("hexadecimal", _user("0x7f"), "user-actions"),
    # nesting
    _malformed("33 levels", _user("[" * 31 + "]" * 31), "user-actions"),
    _malformed("50,000 levels", "[" * 50_000, "user-actions"),
    _malformed("16,000 levels of objects", '{"a":' * 16_000, "user-actions"),
]
