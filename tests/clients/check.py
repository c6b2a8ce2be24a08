"""The official libraries in Python against both doors and both vendors. Run by run.py."""

import os
import sys
import traceback

import anthropic
import openai
from pydantic import BaseModel

URL, KEY = os.environ["ARETE_URL"], os.environ["ARETE_KEY"]
GPT = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY)
CLAUDE = anthropic.Anthropic(base_url=URL, auth_token=KEY)
MODELS = ("claude/claude-sonnet-5", "gpt/gpt-5.4")
LOOK = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}


class Person(BaseModel):
    name: str
    age: int


def user(text):
    return [{"role": "user", "content": text}]


def raises(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, type(error)
        return error
    raise AssertionError(f"no {kind.__name__}")


def openai_plain(model):
    answer = GPT.chat.completions.create(model=model, messages=user("hello"))
    assert answer.choices[0].message.content == "hello" and answer.model in (model, "gpt-5.4")
    assert answer.usage.prompt_tokens == 15 and answer.usage.prompt_tokens_details.cached_tokens == 3
    assert answer._request_id


def openai_stream(model):
    stream = GPT.chat.completions.create(model=model, messages=user("hello there"), stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "hello there"
    assert chunks[-1].choices[0].finish_reason == "stop" and all(chunk.choices for chunk in chunks)


def openai_stream_helper(model):
    options = {"include_usage": True}
    with GPT.chat.completions.stream(model=model, messages=user("hello there"), stream_options=options) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "hello there" and final.usage.total_tokens == 21


def openai_tools(model):
    tools = [{"type": "function", "function": {"name": "look", "parameters": LOOK, "strict": True}}]
    messages = user("tool")
    for stream in (False, True):
        if stream:
            with GPT.chat.completions.stream(model=model, messages=messages, tools=tools) as events:
                answer = events.get_final_completion()
        else:
            answer = GPT.chat.completions.create(model=model, messages=messages, tools=tools)
        choice = answer.choices[0]
        assert choice.finish_reason == "tool_calls", choice
        call = choice.message.tool_calls[0]
        assert (call.function.name, call.function.arguments.replace(" ", "")) == ("look", '{"place":"Rome"}')
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    back = [*messages, choice.message.to_dict(), result, *user("and now?")]
    answer = GPT.chat.completions.create(model=model, messages=back, tools=tools)
    assert answer.choices[0].message.content == "and now?"


def openai_parse(model):
    answer = GPT.chat.completions.parse(model=model, messages=user("json"), response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Ada", age=36)


def openai_errors(model):
    for status, kind in (
        (400, openai.BadRequestError), (404, openai.NotFoundError), (429, openai.RateLimitError), (500, openai.InternalServerError),
    ):
        text = f"fail {status} openai python {model}"
        error = raises(kind, lambda: GPT.chat.completions.create(model=model, messages=user(text)))
        assert error.request_id and "The vendor fails" in error.message, error
    if model.startswith("claude/"):
        # To its own vendor, everything is passed on.
        raises(openai.BadRequestError, lambda: GPT.chat.completions.create(model=model, messages=user("x"), extra_body={"nn": 1}))
    stranger = openai.OpenAI(base_url=f"{URL}/v1", api_key="wrong")
    raises(openai.AuthenticationError, lambda: stranger.chat.completions.create(model=model, messages=user("x")))


def openai_broken(model):
    stream = GPT.chat.completions.create(model=model, messages=user("break"), stream=True)
    raises(openai.APIError, lambda: list(stream))


def openai_responses(model):
    answer = GPT.responses.create(model=model, input="hello there")
    assert answer.output_text == "hello there" and answer.usage.total_tokens == 21
    with GPT.responses.stream(model=model, input="hello there") as stream:
        assert stream.until_done().get_final_response().output_text == "hello there"
    parsed = GPT.responses.parse(model=model, input="json", text_format=Person)
    assert parsed.output_parsed == Person(name="Ada", age=36)
    raises(openai.BadRequestError, lambda: GPT.responses.create(model=model, input="x", previous_response_id="resp_1"))
    tools = [{"type": "function", "name": "look", "parameters": LOOK, "strict": True}]
    with GPT.responses.stream(model=model, input="tool", tools=tools) as stream:
        final = stream.until_done().get_final_response()
    call = final.output[-1]
    assert (call.type, call.name) == ("function_call", "look") and "Rome" in call.arguments, call


def openai_models(_):
    names = [model.id for model in GPT.models.list()]
    assert all(model in names for model in MODELS), names
    assert GPT.models.retrieve(MODELS[0]).id == MODELS[0]


def anthropic_plain(model):
    answer = CLAUDE.messages.create(model=model, max_tokens=100, messages=user("hello"))
    assert answer.content[0].text == "hello" and answer.model in (model, "claude-sonnet-5")
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (12, 3, 6)
    assert answer._request_id


def anthropic_stream(model):
    with CLAUDE.messages.stream(model=model, max_tokens=100, messages=user("hello there")) as stream:
        assert "".join(stream.text_stream) == "hello there"
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == 6


def anthropic_tools(model):
    tools = [{"name": "look", "input_schema": LOOK}]
    messages = user("tool")
    for stream in (False, True):
        if stream:
            with CLAUDE.messages.stream(model=model, max_tokens=100, messages=messages, tools=tools) as events:
                answer = events.get_final_message()
        else:
            answer = CLAUDE.messages.create(model=model, max_tokens=100, messages=messages, tools=tools)
        assert answer.stop_reason == "tool_use"
        call = answer.content[-1]
        assert (call.name, call.input) == ("look", {"place": "Rome"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    back = [*messages, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result, {"type": "text", "text": "and now?"}]}]
    answer = CLAUDE.messages.create(model=model, max_tokens=100, messages=back, tools=tools)
    assert answer.content[0].text == "and now?"


def anthropic_tool_runner(model):
    @anthropic.beta_tool
    def look(place: str) -> str:
        """Looks at the weather of a place."""
        return f"sunny in {place}"

    runner = CLAUDE.beta.messages.tool_runner(model=model, max_tokens=100, messages=user("tool"), tools=[look])
    final = runner.until_done()
    assert final.content[0].text == "tool", final


def anthropic_errors(model):
    for status, kind in (
        (400, anthropic.BadRequestError), (404, anthropic.NotFoundError), (429, anthropic.RateLimitError), (500, anthropic.InternalServerError),
    ):
        text = f"fail {status} anthropic python {model}"
        call = lambda: CLAUDE.messages.create(model=model, max_tokens=100, messages=user(text))
        error = raises(kind, call)
        assert error.request_id and "The vendor fails" in str(error), error
    stranger = anthropic.Anthropic(base_url=URL, api_key="wrong")
    raises(anthropic.AuthenticationError, lambda: stranger.messages.create(model=model, max_tokens=1, messages=user("x")))


def anthropic_broken(model):
    def ask():
        with CLAUDE.messages.stream(model=model, max_tokens=100, messages=user("break")) as stream:
            stream.get_final_message()

    raises(anthropic.APIStatusError, ask)


def anthropic_models(_):
    names = [model.id for model in CLAUDE.models.list(limit=3)]
    assert all(model in names for model in MODELS) and len(names) == len(set(names)), names


def anthropic_either_key(model):
    for client in (
        anthropic.Anthropic(base_url=URL, api_key=KEY),
        anthropic.Anthropic(base_url=URL, auth_token="a-login", default_headers={"x-api-key": KEY}),
    ):
        assert client.messages.create(model=model, max_tokens=9, messages=user("hi")).content[0].text == "hi"


def large(model):
    text = "x" * 1_000_000
    assert GPT.chat.completions.create(model=model, messages=user(text)).choices[0].message.content == text
    assert CLAUDE.messages.create(model=model, max_tokens=9, messages=user(text)).content[0].text == text


failed = 0
for check in (
    openai_plain, openai_stream, openai_stream_helper, openai_tools, openai_parse, openai_errors, openai_broken, openai_responses, openai_models,
    anthropic_plain, anthropic_stream, anthropic_tools, anthropic_tool_runner, anthropic_errors, anthropic_broken,
    anthropic_models, anthropic_either_key, large,
):
    for model in MODELS:
        try:
            check(model)
            print(f"ok      {check.__name__} with {model}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {check.__name__} with {model}\n{traceback.format_exc(limit=-3)}", flush=True)
sys.exit(1 if failed else 0)
