"""Which encoding a file is in, told from a sample of its bytes: UTF-8, GB18030 or UTF-16.

UTF-8 and GB18030 are told apart by counting, so that one broken byte does not turn a UTF-8 file into GB18030.
Chinese text in GB18030 has hardly any but the common characters, which GB 2312 put into its rows 16 to 55,
and symbols; UTF-8 or Big5 read as GB18030 has many others. The thresholds were found on generated texts of 1
to 200 characters.
"""

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes

UTF_8 = "utf-8"
GB18030 = "gb18030"
UTF_16_LE = "utf-16-le"
UTF_16_BE = "utf-16-be"

MARKS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, UTF_16_LE), (codecs.BOM_UTF16_BE, UTF_16_BE))
"""Byte order marks, each with what it announces."""

# Well-formed sequences: Unicode 16, table 3-7. Groups: two bytes; three or four; a byte that fits nowhere.
# What the sample's end may have cut is in no group.
_UTF_8 = re.compile(
    rb"([\xc2-\xdf][\x80-\xbf])"
    rb"|(\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})"
    rb"|(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z"
    rb"|([\x80-\xff])"
)
# GB 18030-2022, section 4. Groups: usual in Chinese, or four bytes; other pairs; a byte that fits nowhere.
_GB18030 = re.compile(
    rb"([\xa1-\xa9\xb0-\xd7][\xa1-\xfe]|[\x81-\xfe][0-9][\x81-\xfe][0-9])"
    rb"|([\x81-\xfe][\x40-\x7e\x80-\xfe])"
    rb"|[\x81-\xfe](?:[0-9][\x81-\xfe]?)?\Z"
    rb"|([\x80-\xff])"
)
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x19\x1c-\x1f]")

_RIVALS = ["cp1252", "big5", "shift_jis"]
"""What may be taken for GB18030: their bytes are nearly always valid in it."""

_ENOUGH = 10
"""Characters below which charset-normalizer may take traditional Chinese in GB18030 for Big5 or Shift JIS."""


def byte_order_mark(head: bytes) -> tuple[str, int] | None:
    """The encoding that the file's first bytes announce, and how many bytes that takes."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    return None


def looks_binary(sample: bytes) -> bool:
    """Whether more than one byte in fifty is a control character of no text; of random bytes, four or five are."""
    return len(_CONTROL.findall(sample)) * 50 > len(sample)


def utf_16_without_mark(sample: bytes) -> str | None:
    """utf-16-le or utf-16-be where a sample that holds NUL bytes is evidently that; else None.

    Evident: it decodes nearly without fault into characters that exist, with ASCII among them.
    """
    without = sample.replace(b"\0", b"")
    if len(without) * 4 > len(sample) * 3 and _count(_UTF_8, without)[2] == 0:
        return None  # a text with a few NULs in it
    found = {encoding: _ascii_characters(sample, encoding) for encoding in (UTF_16_LE, UTF_16_BE)}
    best = max(found, key=lambda encoding: found[encoding])
    return best if found[best] else None


def utf_8_or_gb18030(sample: bytes) -> str:
    """The encoding of a sample that begins with a byte above 127; or big5, shift_jis, cp1252 if it looks so.

    The sample may be broken, and be cut within a character. What fits nothing is UTF-8 with broken bytes.
    """
    pairs, longer, broken = _count(_UTF_8, sample)
    if not broken:
        return UTF_8
    # A valid sequence of three bytes is rarely chance, one of two is in every sixth character of GB18030.
    evidence = pairs + 3 * longer
    confidence = evidence / (evidence + 2 * broken)
    if confidence > 0.6:
        return UTF_8
    usual, other, invalid = _count(_GB18030, sample)
    chinese = usual / max(1, usual + other + invalid)
    if invalid:
        return GB18030 if chinese > 0.4 and invalid < broken else UTF_8
    if chinese >= 0.7:
        return GB18030
    if confidence > 0.4:
        return UTF_8
    return _gb18030_or_rival(sample, usual + other)


def _gb18030_or_rival(sample: bytes, characters: int) -> str:
    """Valid GB18030, but of unusual characters: traditional Chinese, or another encoding."""
    rivals = _RIVALS if characters >= _ENOUGH else _RIVALS[:1]
    best = from_bytes(sample, cp_isolation=[GB18030, *rivals]).best()
    return best.encoding if best and best.encoding in rivals else GB18030


def _count(pattern: re.Pattern[bytes], sample: bytes) -> tuple[int, int, int]:
    counts = [0, 0, 0]
    for match in pattern.finditer(sample):
        if match.lastindex:
            counts[match.lastindex - 1] += 1
    return counts[0], counts[1], counts[2]


def _ascii_characters(sample: bytes, encoding: str) -> int:
    """How many characters are ASCII's; 0 where more than one in fifty cannot stand in a text."""
    text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
    faults = sum(map(_cannot_stand_in_a_text, text))
    return 0 if faults * 50 > len(text) else sum(character < "\x7f" for character in text)


def _cannot_stand_in_a_text(character: str) -> bool:
    if character in "\t\n\f\r":
        return False
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cn", "Co")
