"""Merges the contract's `extra`, which holds fields that only the vendor knows, into the body of the request."""

from __future__ import annotations

from errors import Failure, invalid
from jsontext import Json, Mismatch, Object

_CALLERS_NAMES = {
    "num_predict": "maxTokens",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
}
"""The caller's names of fields that the vendor names differently."""


def merge(fields: dict[str, Json], extra: str | None, at: str, within: str | None = None) -> None:
    """Adds the fields of an `extra` that stands at `at`. Objects of the name `within` are merged in their turn.

    A key that is there already is refused rather than overruled: either value could be the one that was meant.
    """
    if extra is None:
        return
    try:
        added = Object.parse(extra).fields
    except Mismatch as mismatch:
        raise invalid(at, mismatch.says) from None
    _add(fields, added, at, within)


def _add(fields: dict[str, Json], added: dict[str, Json], at: str, within: str | None) -> None:
    for key, value in added.items():
        own = fields.get(key)
        if key == within and isinstance(own, dict) and isinstance(value, dict):
            _add(own, value, f"{at}.{key}", None)
        elif key in fields:
            raise _taken(f"{at}.{key}", key)
        else:
            fields[key] = value


def _taken(place: str, key: str) -> Failure:
    if key == "keep_alive":
        return invalid(place, "is set by the operator already")
    name = _CALLERS_NAMES.get(key)
    instead = f"; the field for it is `{name}`" if name else ""
    return invalid(place, f"would set what the request sets already{instead}")
