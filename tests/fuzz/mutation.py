"""Mutations of JSON-like texts: flipped bits, splices, escapes, edited numbers and times, from one seeded chance."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Hashable, Iterable
from typing import Final

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+\-]*|[A-Za-z_]+|[{}\[\]:,]', re.DOTALL)
_NUMBER: Final = re.compile(rb"-?[0-9][0-9.eE+\-]*")
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MEMBER: Final = re.compile(
    rb'"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+\-]*|[a-z]+)', re.DOTALL
)
_WORD: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]*")
_TIME: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")
NUMBERS: Final = (
    *(
        b"0",
        b"-0",
        b"1",
        b"-1",
        b"0.0",
        b"-0.00",
        b"1.5",
        b"1e0",
        b"1E+2",
        b"1e-30",
        b"1e31",
        b"-1e-31",
        b"00",
        b"+1",
    ),
    *(
        b"1.",
        b".5",
        b"1e",
        b"0e400",
        b"1e400",
        b"-1e-400",
        b"0x1",
        b"1_0",
        b"NaN",
        b"Infinity",
        b"1e0000000000030",
    ),
    *(b"9007199254740991", b"9007199254740992", b"9223372036854775807", b"9223372036854775808"),
    *(
        b"-9223372036854775807",
        b"-9223372036854775808",
        b"18446744073709551616",
        b"2147483647",
        b"2147483648",
    ),
    *(
        b"92233720368547758.07",
        b"92233720368547758.08",
        b"5e-324",
        b"1.7976931348623157e308",
        b"123456789012345680000.0",
    ),
    *(
        b"9" * 99,
        b"9" * 100,
        b"9" * 101,
        b"-" + b"9" * 99,
        b"-" + b"9" * 100,
        b"0." + b"0" * 98,
        b"0." + b"0" * 99,
    ),
)
PIECES: Final = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b" ",
        b"\t",
        b"\r\n",
        b"\x00",
        b"\x0b",
        b"\x0c",
        b"\x1f",
        b"\x7f",
    ),
    *(
        b"null",
        b"true",
        b"false",
        b"nul",
        b"True",
        b"{}",
        b"[]",
        b'""',
        b'"x"',
        b"'x'",
        b"//",
        b"/**/",
        b",,",
        b"::",
    ),
    *(
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x80\xa8",
        b"\xef\xbb\xbf",
        b"\xc2\xa0",
        b"\xc2\x85",
    ),
    *(
        "٣".encode(),
        "１".encode(),
        "é".encode(),
        "e\u0301".encode(),
        "\U0001f600".encode(),
        "\ue000".encode(),
    ),
    *(
        b"\\u0000",
        b"\\ud83d\\ude00",
        b"\\ud83d",
        b"\\ude00",
        b"\\ud83d\\u0041",
        b"\\uD83D\\UDE00",
        b"\\u00e9",
        b"\\u",
    ),
    *(b"\\x41", b"\\/", b"\\a", b"\\'", b"\\u12", b"\\\\", b'\\"', b"\\\n", b"\xef\xbf\xbe"),
    *(
        b'"event_id":',
        b'"payload":{}',
        b'"seed":1',
        b',"a":1',
        b"payload.a",
        b"payload.",
        b"v1",
        b"1h",
        b"P1D",
    ),
)
TIMES: Final = (
    *(
        b"0001-01-01T00:00:00Z",
        b"0000-12-31T23:59:59Z",
        b"9999-12-31T23:59:59.999999Z",
        b"1900-02-29T00:00:00Z",
    ),
    *(b"2000-02-29T00:00:00.5Z", b"2024-02-30T00:00:00Z", b"2024-13-01T00:00:00Z", b"2024-01-01T24:00:00Z"),
    *(
        b"2024-01-01T00:00:60Z",
        b"2024-01-01T00:00:00.0000001Z",
        b"2024-01-01T00:00:00.Z",
        b"2024-01-01t00:00:00z",
    ),
    *(
        b"2024-01-01T00:00:00+00:00",
        b" 2024-01-01T00:00:00Z",
        b"2024-1-1T0:0:0Z",
        b"1969-12-31T23:59:59.999999Z",
    ),
)
LENGTHS: Final = (1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 249, 250, 255, 256, 257)
DEPTHS: Final = (1, 2, 30, 125, 126, 127, 128, 129, 200)
KEPT_MAX: Final = 4_000
BYTES_MAX: Final = 20_000


class Mutator:
    """Draws inputs from a corpus that grows by what behaved in a new way; all chance is the seed's."""

    def __init__(self, seed: int, corpus: Iterable[bytes]) -> None:
        self.chance: Final = random.Random(seed)
        self._corpus: Final = list(corpus)
        self._seen: Final[set[Hashable]] = set()
        gentle = (self._swap_alike, self._swap_alike, self._escape, self._escape, self._number, self._time)
        self._gentle: Final[tuple[Callable[[bytes], bytes], ...]] = (*gentle, self._member_again, self._space)
        self._ways: Final[tuple[Callable[[bytes], bytes], ...]] = (
            *(self._flip, self._put, self._insert, self._delete, self._repeat, self._splice, self._cut),
            *(self._swap_token, self._nest, self._lengthen, *self._gentle),
        )

    def draw(self) -> bytes:
        """An input: one of the corpus, changed once to five times; half by what mostly leaves it well-formed."""
        return self._changed(self.chance.choice(self._corpus))

    def draw_alike(self, count: int) -> list[bytes]:
        """As many inputs from one of the corpus: first as it stands, as a producer's texts are alike."""
        data = self.chance.choice(self._corpus)
        return [data, *(self._changed(data) for _ in range(count - 1))]

    def _changed(self, data: bytes) -> bytes:
        ways = self._gentle if self.chance.random() < 0.5 else self._ways
        for _ in range(self.chance.choice((1, 1, 1, 2, 2, 3, 5))):
            data = self.chance.choice(ways)(data)
        return data[:BYTES_MAX]

    def learn(self, data: bytes, behaviour: Hashable) -> None:
        """Keep an input whose behaviour was not seen before."""
        if behaviour not in self._seen and len(self._corpus) < KEPT_MAX:
            self._seen.add(behaviour)
            self._corpus.append(data)

    def _at(self, data: bytes) -> int:
        return self.chance.randint(0, len(data))

    def _span(self, data: bytes) -> tuple[int, int]:
        start = self._at(data)
        return start, min(len(data), start + self.chance.choice((1, 1, 2, 4, 16, 64)))

    def _piece(self) -> bytes:
        return self.chance.choice(self.chance.choice((PIECES, NUMBERS)))

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self.chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self.chance.randrange(8)]) + data[at + 1 :]

    def _put(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + self._piece() + data[end:]

    def _insert(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + self._piece() + data[at:]

    def _delete(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _repeat(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:end] * self.chance.choice((1, 1, 2, 9)) + data[end:]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._at(data)] if self.chance.random() < 0.3 else data[self.chance.randint(0, 3) :]

    def _splice(self, data: bytes) -> bytes:
        other = self.chance.choice(self._corpus)
        return data[: self._at(data)] + other[self._at(other) :]

    def _replace(self, pattern: re.Pattern[bytes], data: bytes, put: Callable[[bytes], bytes]) -> bytes:
        """One match of the pattern, if there is one, becomes something else."""
        found = list(pattern.finditer(data))
        if not found:
            return data
        match = self.chance.choice(found)
        return data[: match.start()] + put(match[0]) + data[match.end() :]

    def _swap_token(self, data: bytes) -> bytes:
        other = _TOKEN.findall(self.chance.choice(self._corpus))
        return self._replace(_TOKEN, data, lambda _: self.chance.choice(other) if other else self._piece())

    def _swap_alike(self, data: bytes) -> bytes:
        """A string, number or word becomes another one of its kind, from anywhere in the corpus."""
        pattern = self.chance.choice((_STRING, _NUMBER, _WORD))
        other = pattern.findall(self.chance.choice(self._corpus))
        return self._replace(pattern, data, lambda old: self.chance.choice(other) if other else old)

    def _number(self, data: bytes) -> bytes:
        return self._replace(_NUMBER, data, lambda _: self.chance.choice(NUMBERS))

    def _time(self, data: bytes) -> bytes:
        return self._replace(_TIME, data, lambda _: self.chance.choice(TIMES))

    def _member_again(self, data: bytes) -> bytes:
        return self._replace(_MEMBER, data, lambda member: member + b"," + self._swap_token(member))

    def _nest(self, data: bytes) -> bytes:
        depth = self.chance.choice(DEPTHS)
        opened, closed = self.chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
        return self._replace(_TOKEN, data, lambda token: opened * depth + token + closed * depth)

    def _lengthen(self, data: bytes) -> bytes:
        unit = self.chance.choice((b"x", b"0", b"a", "é".encode(), "\U0001f600".encode(), b"\\u0061", b"9"))
        return self._replace(_STRING, data, lambda _: b'"' + unit * self.chance.choice(LENGTHS) + b'"')

    def _space(self, data: bytes) -> bytes:
        space = self.chance.choice(
            (b" ", b" ", b"\n", b"\t", b"\r", b"\r\n", b"\x0b", b"\xc2\xa0", b"\xe2\x80\x83")
        )
        return self._replace(_TOKEN, data, lambda token: space + token + space)

    def _escape(self, data: bytes) -> bytes:
        """A character of a string by its escape: the same text in another spelling, mostly."""

        def escaped(string: bytes) -> bytes:
            text = string.decode("utf-8", "replace")
            if len(text) < 3:
                return string
            at = self.chance.randrange(1, len(text) - 1)
            units = text[at].encode("utf-16-be")
            form = "\\u%04x" if self.chance.random() < 0.5 else "\\u%04X"
            spelled = "".join(form % int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))
            return (text[:at] + spelled + text[at + 1 :]).encode()

        return self._replace(_STRING, data, escaped)
