"""JSON as text and back, with every number in the digits it was typed with, and reading that says what is wrong.

The contract carries JSON as text. Python's own numbers would turn `1.10` into `1.1`, `1e400` into no JSON at all and a
very long integer into an exception, so all but plain integers stay what they are: text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from json.encoder import encode_basestring
from typing import TypeAlias, TypeVar, Union, cast

T = TypeVar("T")

COUNT_MAX = 2**32 - 1

DEPTH_MAX = 100
"""How deep JSON may be nested. Python reads it by recursion, and the stack of a component ends the call when it is
full. The host itself takes no more than 128."""

_INTEGER_CHARACTERS_MAX = 18
_NESTING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
_FIRST_HALF = re.compile("[\ud800-\udbff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Number:
    """A number that isn't a plain integer, as it was written."""

    digits: str


Json: TypeAlias = Union[bool, int, float, str, Number, "list[Json]", "dict[str, Json]", None]
"""A JSON value. Floats are only written; those that are read are `Number`s."""


class Mismatch(Exception):
    """JSON of the wrong shape: the place, and what is wrong. It never holds the value itself."""

    def __init__(self, at: str, says: str) -> None:
        super().__init__(f"`{at}` {says}" if at else f"it {says}")
        self.at = at
        self.says = says


class TooDeep(ValueError):
    """JSON that is nested too deeply."""


def parse(text: str) -> Json:
    """Reads one JSON value. Raises `ValueError` if it isn't one, and `TooDeep` if it is nested too deeply."""
    # Counting brackets is much faster than measuring depth, and JSON with few brackets can't be deep.
    if text.count("[") + text.count("{") > DEPTH_MAX and _too_deep(text):
        raise TooDeep
    value: Json = json.loads(text, parse_int=_integer, parse_float=Number, parse_constant=_no_constant)
    return value


def write(value: Json) -> str:
    """Writes a value as compact JSON."""
    pieces: list[str] = []
    _write(value, pieces.append)
    return clean("".join(pieces))


def clean(text: str) -> str:
    """Replaces lone halves of surrogate pairs, which JSON can escape and no text of the contract can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text


class Joiner:
    """Text that comes in pieces, which may end in the middle of a surrogate pair. The first half of a pair is held back
    until its other half has come."""

    def __init__(self) -> None:
        self._half = ""

    def join(self, piece: str) -> str:
        """Returns the text that is complete with this piece. Lone halves are left to `cleaned`."""
        if not piece:
            return ""
        text, self._half = self._half + piece, ""
        if _FIRST_HALF.match(text[-1]):
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def rest(self) -> str:
        """Returns the half that is held back at the end of the text, if any."""
        rest, self._half = self._half, ""
        return rest


def cleaned(value: T) -> T:
    """The same record of the contract with `clean` done to every text in it. No other text may leave: a component ends
    where it is asked for half a surrogate pair."""
    if isinstance(value, str):
        return cast(T, clean(value))
    if isinstance(value, list):
        value[:] = [cleaned(item) for item in value]
    elif is_dataclass(value):
        for name, field in vars(value).items():
            setattr(value, name, cleaned(field))
    return value


def kind(value: Json) -> str:
    """Names the type of a value in words for people."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


class Object:
    """A JSON object that is being read. Fields are removed as they are read, so the ones left are unknown."""

    def __init__(self, fields: dict[str, Json], at: str = "") -> None:
        self.fields = dict(fields)
        self.at = at

    @classmethod
    def parse(cls, text: str, at: str = "") -> Object:
        """Reads the text of an object; `at` is where it stands, for the error."""
        try:
            value = parse(text)
        except TooDeep:
            raise Mismatch(at, f"is nested deeper than {DEPTH_MAX} levels") from None
        except ValueError:
            raise Mismatch(at, "should be an object, but is " + ("not JSON" if text.strip() else "empty")) from None
        if not isinstance(value, dict):
            raise _expected(at, "an object", value)
        return cls(value, at)

    def take(self, key: str) -> Json:
        """Removes a field. One that is absent is `None`, as a `null` is: that is how vendors say nothing."""
        return self.fields.pop(key, None)

    def text(self, key: str) -> str | None:
        """Removes a string. It may hold half of a surrogate pair: see `cleaned`."""
        value = self.take(key)
        if value is None or isinstance(value, str):
            return value
        raise _expected(self._place(key), "a string", value)

    def flag(self, key: str) -> bool | None:
        """Removes a boolean."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return value
        raise _expected(self._place(key), "a boolean", value)

    def count(self, key: str) -> int | None:
        """Removes a count, rounded. Anything that isn't a count stays: a bad count must not cost the answer."""
        value = self.fields.get(key)
        if isinstance(value, bool) or not isinstance(value, int | Number):
            return None
        number = float(value.digits if isinstance(value, Number) else value)
        if not 0 <= number < COUNT_MAX + 0.5:
            return None
        self.take(key)
        return math.floor(number + 0.5)

    def object(self, key: str) -> Object | None:
        """Removes an object, to be read in turn."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _expected(self._place(key), "an object", value)
        return Object(value, self._place(key))

    def values(self, key: str) -> list[Json]:
        """Removes a list. One that is absent is empty."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _expected(self._place(key), "a list", value)
        return value

    def objects(self, key: str) -> list[Object]:
        """Removes a list of objects, each to be read in turn."""
        place = self._place(key)
        found = []
        for index, value in enumerate(self.values(key)):
            if not isinstance(value, dict):
                raise _expected(f"{place}[{index}]", "an object", value)
            found.append(Object(value, f"{place}[{index}]"))
        return found

    def rest(self) -> dict[str, Json]:
        """Returns the fields that are left, without nulls."""
        return {key: value for key, value in self.fields.items() if value is not None}

    def _place(self, key: str) -> str:
        return f"{self.at}.{key}" if self.at else key


def extra(fields: dict[str, Json]) -> str | None:
    """Writes fields as the contract's `extra`; absent if there are none."""
    return write(fields) if fields else None


def _expected(at: str, expected: str, found: Json) -> Mismatch:
    return Mismatch(at, f"should be {expected}, but is {kind(found)}")


def _integer(digits: str) -> int | Number:
    return Number(digits) if len(digits) > _INTEGER_CHARACTERS_MAX or digits == "-0" else int(digits)


def _too_deep(text: str) -> bool:
    depth = 0
    for token in _NESTING.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif token[0] in "]}":
            depth -= 1
    return False


def _no_constant(word: str) -> Json:
    raise ValueError(f"{word} is no JSON")


def _write(value: Json, put: Callable[[str], None]) -> None:
    match value:
        case None:
            put("null")
        case bool():
            put("true" if value else "false")
        case str():
            put(encode_basestring(value))
        case Number():
            put(value.digits)
        case int():
            put(int.__repr__(value))
        case float():
            if not math.isfinite(value):
                raise Mismatch("", "should be a finite number")
            put(float.__repr__(value))
        case list():
            put("[")
            for index, item in enumerate(value):
                put("," if index else "")
                _write(item, put)
            put("]")
        case dict():
            put("{")
            for index, (key, item) in enumerate(value.items()):
                put("," if index else "")
                put(encode_basestring(key))
                put(":")
                _write(item, put)
            put("}")
