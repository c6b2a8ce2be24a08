"""Refusals, settings, and JSON as text."""

from __future__ import annotations

from wit_world.imports import llm

from errors import Failure, refusal
from jsontext import DEPTH_MAX, Mismatch, Object, TooDeep, parse, write
from settings import Settings

from .support import Case


def refused(status: int, body: str = "", **headers: str) -> llm.ProviderError:
    return refusal(status, lambda name: headers.get(name.replace("-", "_")), body).error


class Refusals(Case):
    def test_every_status_has_its_kind(self) -> None:
        for status, kind in [
            (400, llm.ErrorKind_InvalidRequest()),
            (401, llm.ErrorKind_Credentials()),
            (402, llm.ErrorKind_Billing()),
            (403, llm.ErrorKind_Credentials()),
            (404, llm.ErrorKind_NotFound()),
            (408, llm.ErrorKind_Timeout()),
            (413, llm.ErrorKind_TooLarge()),
            (422, llm.ErrorKind_InvalidRequest()),
            (429, llm.ErrorKind_RateLimited()),
            (500, llm.ErrorKind_VendorFailed()),
            (502, llm.ErrorKind_VendorFailed()),
            (503, llm.ErrorKind_Overloaded()),
            (504, llm.ErrorKind_Timeout()),
            (302, llm.ErrorKind_BadResponse()),
        ]:
            error = refused(status, '{"error":"why"}')
            self.assertEqual((error.kind, error.status, error.message), (kind, status, "why"))

    def test_a_model_that_is_missing_is_the_callers_field(self) -> None:
        self.assertEqual(refused(404, '{"error":"model \'x\' not found"}').field, "model")
        page = refused(404, "404 page not found")
        self.assertIsNone(page.field)
        self.assertIn("is `base-url` right?", page.message)

    def test_other_shapes_of_errors(self) -> None:
        error = refused(401, '{"error":{"message":"no","code":"invalid_api_key"},"signin_url":"x"}')
        self.assertEqual((error.message, error.code, error.extra), ("no", "invalid_api_key", '{"signin_url":"x"}'))
        self.assertEqual(refused(500, '{"message":"m"}').message, "m")
        for body in ("<html>", "", "[]", '{"error":" "}', '{"error":7}'):
            self.assertIn("HTTP 500 without a reason", refused(500, body).message)
        self.assertEqual(len(refused(400, '{"error":"' + "x" * 5000 + '"}').message), 1001)

    def test_the_advice_of_the_vendor_is_carried_on(self) -> None:
        self.assertEqual(refused(429, '{"error":"m"}', x_should_retry="false").extra, '{"x-should-retry":"false"}')
        self.assertEqual(len(refused(429, "", x_should_retry="x" * 500).extra), 121)

    def test_half_a_surrogate_pair_is_one_sign(self) -> None:
        error = refused(400, r'{"error":{"message":"no \ud83d!","code":"\ud83d"}}')
        self.assertEqual((error.message, error.code), ("no \ufffd!", "\ufffd"))

    def test_how_long_to_wait(self) -> None:
        date = "Wed, 21 Oct 2015 07:28:00 GMT"
        for headers, milliseconds in [
            ({}, None),
            ({"retry_after": "7"}, 7000),
            ({"retry_after": "0.0001"}, 1),
            ({"retry_after": "-3"}, 0),
            ({"retry_after": "99999999999"}, 2**32 - 1),
            ({"retry_after": "soon"}, None),
            ({"retry_after": "nan"}, None),
            ({"retry_after": "Wed, 21 Oct 2015 07:28:09 GMT", "date": date}, 9000),
            ({"retry_after": "Wed, 21 Oct 2015 07:28:09 GMT"}, None),
            ({"retry_after": "Wed, 21 Oct 2015 07:28:09 GMT", "date": "today"}, None),
        ]:
            self.assertEqual(refused(503, "", **headers).retry_after_ms, milliseconds, headers)


class TheSettings(Case):
    def test_everything_has_a_default(self) -> None:
        for given in ({}, {"base-url": "", "model": " ", "models": "", "keep-alive": ""}):
            settings = Settings.read(given.get)
            self.assertEqual(settings, Settings("http://127.0.0.1:11434/api/chat", None, [], None))

    def test_everything_can_be_set(self) -> None:
        for given, field, value in [
            ({"base-url": "HTTPS://ollama.example/team//"}, "url", "HTTPS://ollama.example/team/api/chat"),
            ({"base-url": "http://[::1]:9"}, "url", "http://[::1]:9/api/chat"),
            ({"model": "qwen3"}, "models", ["qwen3"]),
            ({"model": "b", "models": "a, b\nc"}, "models", ["b", "a", "c"]),
            ({"keep-alive": "1h30m"}, "keep_alive", "1h30m"),
        ]:
            self.assertEqual(getattr(Settings.read(given.get), field), value)
        self.assertEqual(write(Settings.read({"keep-alive": "-1"}.get).keep_alive), "-1")

    def test_a_wrong_setting_is_named_and_not_repeated(self) -> None:
        for key, value in [
            ("base-url", "127.0.0.1:11434"),
            ("base-url", "ftp://hunter2"),
            ("base-url", "http://"),
            ("base-url", "http:///api"),
            ("base-url", "http://user:hunter2@host"),
            ("base-url", "http://host?key=hunter2"),
            ("keep-alive", "hunter2"),
        ]:
            with self.assertRaises(Failure) as caught:
                Settings.read({key: value}.get)
            error = caught.exception.error
            self.assertEqual(error.kind, llm.ErrorKind_Unconfigured())
            self.assertIn(f"`{key}`", error.message)
            self.assertNotIn("hunter2", error.message)


class JsonText(Case):
    def test_digits_and_order_survive(self) -> None:
        source = '{"z":1.10,"a":12345678901234567890123,"m":[1e400,-0.0,-0,1,true,null,"é\\n\\u0001\\"",{}]}'
        self.assertEqual(write(parse(source)), source)

    def test_python_knows_more_words_than_json(self) -> None:
        for word in ("NaN", "Infinity", "-Infinity"):
            with self.assertRaises(ValueError):
                parse(f"[{word}]")

    def test_a_number_of_any_length_is_a_number(self) -> None:
        digits = "9" * 10_000
        self.assertEqual(write(parse(digits)), digits)
        fields = Object.parse(f'{{"n":{digits}}}')
        self.assertIsNone(fields.count("n"))
        self.assertEqual(write(fields.rest()), f'{{"n":{digits}}}')

    def test_nesting_has_an_end(self) -> None:
        for depth, fits in [(DEPTH_MAX, True), (DEPTH_MAX + 1, False), (1_000_000, False)]:
            text = "[" * depth + '"[[\\"[["' + "]" * depth
            if fits:
                self.assertEqual(write(parse(text)), text)
            else:
                self.assertRaises(TooDeep, parse, text)
        wide = "[" + ",".join(["{}"] * 500 + ['"' + "[" * 500 + '"']) + "]"
        self.assertEqual(write(parse(wide)), wide)
        with self.assertRaises(Mismatch) as caught:
            Object.parse('{"a":' * 101 + "1" + "}" * 101, "extra")
        self.assertEqual(str(caught.exception), "`extra` is nested deeper than 100 levels")
