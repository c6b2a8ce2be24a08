"""A vendor that does what the question says, in Anthropic's dialect and in OpenAI's.

The last text of the user decides: `fail 429` fails with that status, `break` ends a stream in the middle, `tool` calls
the tool `look`, `json` answers with an object, and any other text comes back. Requests are counted by that text.
"""

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Vendor:
    """Listens on a port of its own until it is stopped."""

    def __init__(self):
        vendor, self.counts, self.lock = self, Counter(), threading.Lock()
        # The conversations of message threads, by the id of their last message.
        self.threads = {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                vendor.answer(self, body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()

    def answer(self, request, body):
        dialect = Claude if request.path.startswith("/v1/messages") else Gpt
        thread = body.get("thread")
        if thread and thread["type"] == "continue":
            known = self.threads[thread["previous_message_id"]]
            body = {**known, **body, "messages": known["messages"] + body["messages"]}
        text = last_text(body["messages"])
        with self.lock:
            self.counts[text] += 1
        fails = re.match(r"fail (\d+)", text)
        if fails:
            status = int(fails[1])
            return send(request, status, "application/json", json.dumps(dialect.error(status)))
        # After a tool's result the model says what it was.
        if body.get("tools") and text == "tool" and not answered(body["messages"]):
            said = dialect.call("look", {"place": "Rome"})
        elif text == "json":
            said = dialect.text('{"name": "Ada", "age": 36}')
        else:
            said = dialect.text(text)
        if thread:
            answer = {"role": "assistant", "content": [said]}
            self.threads["msg_1"] = {"messages": [*body["messages"], answer], "tools": body.get("tools", [])}
        if not body.get("stream"):
            return send(request, 200, "application/json", json.dumps(dialect.whole(said)))
        events = dialect.events(said)
        if dialect is Gpt and not (body.get("stream_options") or {}).get("include_usage"):
            events = [event for event in events if '"choices": []' not in event]
        if text == "break":
            events = events[: len(events) // 2]
        send(request, 200, "text/event-stream", "".join(events))


def send(request, status, kind, text):
    data = text.encode()
    request.send_response(status)
    request.send_header("content-type", kind)
    request.send_header("content-length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


def last_text(messages):
    for message in reversed(messages):
        if message["role"] != "user":
            continue
        content = message["content"]
        if isinstance(content, str):
            return content
        texts = [block["text"] for block in content if block["type"] == "text"]
        if texts:
            return texts[-1]
    return ""


def answered(messages):
    def result(message):
        content = message["content"] if isinstance(message["content"], list) else []
        return message["role"] == "tool" or any(block["type"] == "tool_result" for block in content)

    return any(result(message) for message in messages)


class Claude:
    """Anthropic's dialect."""

    @staticmethod
    def error(status):
        kinds = {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
        error = {"type": kinds.get(status, "api_error"), "message": f"The vendor fails with {status}"}
        return {"type": "error", "error": error, "request_id": "req_1"}

    @staticmethod
    def text(text):
        return {"type": "text", "text": text}

    @staticmethod
    def call(name, arguments):
        return {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}

    @staticmethod
    def whole(block):
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "content": [block],
            "stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 12, "cache_read_input_tokens": 3, "output_tokens": 6},
        }

    @classmethod
    def events(cls, block):
        whole = cls.whole(block)
        start = {**whole, "content": [], "stop_reason": None}
        if block["type"] == "text":
            empty, text = {**block, "text": ""}, block["text"]
            deltas = [{"type": "text_delta", "text": text[at : at + 4]} for at in range(0, len(text), 4)]
        else:
            empty, text = {**block, "input": {}}, json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": text[at : at + 4]} for at in range(0, len(text), 4)]
        events = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None}, "usage": whole["usage"]},
            {"type": "message_stop"},
        ]
        return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


class Gpt:
    """OpenAI's dialect."""

    @staticmethod
    def error(status):
        return {"error": {"message": f"The vendor fails with {status}", "type": "a_type", "param": None, "code": None}}

    @staticmethod
    def text(text):
        return {"role": "assistant", "content": text}

    @staticmethod
    def call(name, arguments):
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}

    @staticmethod
    def usage():
        return {"prompt_tokens": 15, "completion_tokens": 6, "total_tokens": 21, "prompt_tokens_details": {"cached_tokens": 3}}

    @classmethod
    def whole(cls, message):
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5.4", "choices": [choice], "usage": cls.usage()}

    @classmethod
    def events(cls, message):
        def chunk(delta, reason=None, **more):
            choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
            return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.4", "choices": choices, **more}

        chunks = [chunk({"role": "assistant", "content": ""})]
        if message.get("tool_calls"):
            call = message["tool_calls"][0]
            text = call["function"]["arguments"]
            chunks.append(chunk({"tool_calls": [{"index": 0, **call, "function": {"name": call["function"]["name"], "arguments": ""}}]}))
            chunks += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": text[at : at + 4]}}]}) for at in range(0, len(text), 4)]
        else:
            text = message["content"]
            chunks += [chunk({"content": text[at : at + 4]}) for at in range(0, len(text), 4)]
        chunks.append(chunk({}, "tool_calls" if message.get("tool_calls") else "stop"))
        chunks.append(chunk(None, usage=cls.usage()))
        return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
