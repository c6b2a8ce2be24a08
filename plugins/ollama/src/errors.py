"""What went wrong, in the contract's words: a refusal with a status, an error inside a stream, an answer that isn't
what the vendor's API promises, a question that can't be put to the vendor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from wit_world.imports import llm

from jsontext import COUNT_MAX, Json, Mismatch, Object, cleaned, extra

MESSAGE_CHARACTERS_MAX = 1000
"""The most characters of the vendor's message that are passed on: enough for every message that explains something."""

WORD_CHARACTERS_MAX = 100
"""The most characters of a word of the vendor's own that are passed on."""

_ADVICE = "x-should-retry"
"""The header in which a vendor says whether to try again."""


class Failure(Exception):
    """A call that failed, on its way to the host."""

    def __init__(self, error: llm.ProviderError) -> None:
        super().__init__(error.message)
        self.error = cleaned(error)


def failure(
    kind: llm.ErrorKind,
    message: str,
    *,
    status: int | None = None,
    code: str | None = None,
    field: str | None = None,
    retry_after_ms: int | None = None,
    extra: str | None = None,
) -> Failure:
    """Makes a failure. Everything but the kind and the message may be unknown."""
    return Failure(llm.ProviderError(kind, message, status, code, field, None, retry_after_ms, extra))


def invalid(field: str, says: str) -> Failure:
    """A field of the caller's request is invalid."""
    return failure(llm.ErrorKind_InvalidRequest(), f"`{field}` {says}.", field=field)


def unsupported(field: str, says: str) -> Failure:
    """The caller asks for something that the vendor doesn't have."""
    return failure(llm.ErrorKind_Unsupported(), f"`{field}` {says}.", field=field)


def broken(mismatch: Mismatch) -> Failure:
    """The vendor's answer breaks its API. The message quotes nothing from the answer."""
    says = f"The vendor's answer isn't what its API promises: {mismatch}."
    return failure(llm.ErrorKind_BadResponse(), says)


def interrupted() -> Failure:
    """The stream ended without the vendor's end mark."""
    says = "The vendor closed the stream before the end of its answer."
    return failure(llm.ErrorKind_Interrupted(), says)


def no_stream(content_type: str | None) -> Failure:
    """A stream was requested, and the answer is neither a stream nor an error."""
    came = f"`{_clip(content_type, WORD_CHARACTERS_MAX)}`" if content_type else "something else"
    says = f"The vendor's answer isn't what its API promises: a stream was asked for, and {came} came."
    return failure(llm.ErrorKind_BadResponse(), says)


def refusal(status: int, header: Callable[[str], str | None], body: str) -> Failure:
    """An answer whose status isn't a success. A body that isn't the vendor's JSON is expected here: what stands between
    answers with pages of its own."""
    try:
        fields = Object.parse(body)
    except Mismatch:
        fields = Object({})
    message, code = _said(fields)
    advice = header(_ADVICE)
    if advice is not None:
        # The host acts on it.
        fields.fields[_ADVICE] = advice[:WORD_CHARACTERS_MAX]
    return failure(
        _kind_of(status),
        message or _unexplained(status),
        status=status,
        code=code,
        field="model" if status == 404 and message else None,
        retry_after_ms=_retry_after_ms(header),
        extra=extra(fields.rest()),
    )


def in_band(fields: Object, otherwise: llm.ErrorKind | None = None) -> Failure:
    """An error told where an answer should be. Its status, where there is one, is in the text: that of HTTP was 200.
    `otherwise` is its kind where there is none."""
    message, code = _said(fields)
    told = fields.take("status")
    if not isinstance(told, int) or not 400 <= told <= 599:
        told = None
    return failure(
        otherwise or llm.ErrorKind_VendorFailed() if told is None else _kind_of(told),
        message or "The vendor reported an error without saying which.",
        code=code,
        extra=extra(fields.rest()),
    )


def _said(fields: Object) -> tuple[str | None, str | None]:
    """The vendor says `{"error": "…"}`; gateways and the vendor's cloud also `{"error": {"message": …, "code": …}}`."""
    error: Json = fields.take("error")
    code: Json = None
    if isinstance(error, dict):
        code = error.get("code") or error.get("type")
        error = error.get("message")
    if error is None:
        error = fields.take("message")
    message = _clip(error, MESSAGE_CHARACTERS_MAX) if isinstance(error, str) and error.strip() else None
    return message, _clip(code, WORD_CHARACTERS_MAX) if isinstance(code, str) else None


def _kind_of(status: int) -> llm.ErrorKind:
    match status:
        case 401 | 403:
            return llm.ErrorKind_Credentials()
        case 402:
            return llm.ErrorKind_Billing()
        case 404:
            return llm.ErrorKind_NotFound()
        case 408 | 504:
            return llm.ErrorKind_Timeout()
        case 413:
            return llm.ErrorKind_TooLarge()
        case 429:
            return llm.ErrorKind_RateLimited()
        case 503 | 529:
            return llm.ErrorKind_Overloaded()
        case _ if 400 <= status <= 499:
            return llm.ErrorKind_InvalidRequest()
        case _ if 500 <= status <= 599:
            return llm.ErrorKind_VendorFailed()
        case _:
            return llm.ErrorKind_BadResponse()


def _unexplained(status: int) -> str:
    if 300 <= status <= 399:
        return f"The vendor answered HTTP {status}, a redirect, which isn't followed; is `base-url` right?"
    if status in (404, 405):
        return f"The vendor answered HTTP {status} without a reason; is `base-url` right?"
    return f"The vendor answered HTTP {status} without a reason."


def _retry_after_ms(header: Callable[[str], str | None]) -> int | None:
    """A number of seconds, or a date. What is neither says nothing; a wait too long to count is the longest that can be
    counted. The date is held against the vendor's own clock."""
    value = header("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_between(header("date"), value)
    if not math.isfinite(seconds):
        return None
    return min(math.ceil(max(seconds, 0) * 1000), COUNT_MAX)


def _seconds_between(now: str | None, then: str) -> float:
    if now is None:
        return math.nan
    try:
        return (parsedate_to_datetime(then) - parsedate_to_datetime(now)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _clip(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[:characters_max] + "…"
