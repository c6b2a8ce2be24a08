"""What the operator set, checked once: a mistake shows when the provider is loaded and not at the first question."""

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
    """Where questions go."""
    model: str | None
    """The model for callers who name none."""
    models: list[str]
    """Models for people to choose from."""
    keep_alive: Json
    """How long the vendor keeps a model in memory after a question. `None`: as the vendor is set up."""

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
    """Names with commas or white space between; the default is always one of them."""
    known = re.split(r"[\s,]+", names) if names else []
    return list(dict.fromkeys(name for name in [model, *known] if name))


def _keep_alive(text: str | None) -> Json:
    """The vendor takes seconds as a number and a duration such as `1h30m` as a string; negative ones mean for ever."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text):
        return Number(text)
    if _DURATION.fullmatch(text):
        return text
    raise _wrong("keep-alive", "should be a duration such as `30m`, or seconds; `-1` means for ever")


def _wrong(key: str, says: str) -> Failure:
    return failure(llm.ErrorKind_Unconfigured(), f"The setting `{key}` {says}.")
