"""The operator's settings, checked once, so that a mistake shows when the provider is loaded, not on the first call."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from wit_world.imports import llm

from errors import Failure, failure
from jsontext import Json, Number

DEFAULT_BASE_URL = "http://127.0.0.1:11434"

_BASE_URL = re.compile(r"https?://[^/?#@\s]+(/[^?#@\s]*)?", re.IGNORECASE)
_SECONDS = re.compile(r"-?\d+(\.\d+)?")
_DURATION = re.compile(r"-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+")


@dataclass(frozen=True)
class Settings:
    """The settings, each checked."""

    url: str
    """The URL of requests."""
    model: str | None
    """The model for requests that name none."""
    models: list[str]
    """Models to list."""
    keep_alive: Json
    """The time for which the vendor keeps a model in memory after a request. `None`: the vendor's own setting."""

    @classmethod
    def read(cls, get: Callable[[str], str | None]) -> Settings:
        """Reads them through `get`. One that is blank counts as absent: that is what an empty variable of the
        environment means."""

        def setting(key: str) -> str | None:
            return (get(key) or "").strip() or None

        model = setting("model")
        return cls(
            url=_url(setting("base-url") or DEFAULT_BASE_URL),
            model=model,
            models=_models(setting("models"), model),
            keep_alive=_keep_alive(setting("keep-alive")),
        )


def _url(base: str) -> str:
    """The base may have a path, as gateways in between do. It isn't repeated in the error: it may hold a password,
    where none belongs."""
    if not _BASE_URL.fullmatch(base):
        says = "should be `http://` or `https://`, a host and perhaps a path, without user name, query and fragment"
        raise _wrong("base-url", says)
    return base.rstrip("/") + "/api/chat"


def _models(names: str | None, model: str | None) -> list[str]:
    """Splits names at commas or white space; the default is always one of them."""
    known = re.split(r"[\s,]+", names) if names else []
    return list(dict.fromkeys(name for name in [model, *known] if name))


def _keep_alive(text: str | None) -> Json:
    """Reads a duration: the vendor takes seconds as a number, `1h30m` as a string, and negative ones as for ever."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text):
        return Number(text)
    if _DURATION.fullmatch(text):
        return text
    raise _wrong("keep-alive", "should be a duration such as `30m`, or seconds; `-1` means for ever")


def _wrong(key: str, says: str) -> Failure:
    return failure(llm.ErrorKind_Unconfigured(), f"The setting `{key}` {says}.")
