// A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
//
// The first build writes the contract's types, with all of their documentation, to `build/types`: editors show it. Keys,
// retries, limits and caching are the host's work, and each call runs in an instance of its own, so there is nothing to
// remember.

import { get } from 'arete:provider/config@0.1.1';
import { type HttpError, type Reply, send } from 'arete:provider/http@0.1.1';
import type {
  Completion, Delta, ErrorKind, Event, FinishReason, Info, Message, ProviderError, Request, Usage,
} from 'arete:provider/llm@0.1.1';

import { type Fields, Joiner, count, isObject, parse, text, wellFormed, write } from './json.ts';

export const chat = {
  /** A streamed answer on its way: see below. */
  get Deltas() {
    return Deltas;
  },

  /** Asked once, when the plugin is loaded. Settings that are wrong are best told here. */
  describe(): Info {
    return told(() => {
      const model = setting('model');
      setting('base-url');
      return {
        vendor: 'plugin-name',
        version: '0.1.0',
        defaultModel: model,
        models: [model],
        features: [{ tag: 'streaming' }],
      };
    });
  },

  complete(request: Request): Completion {
    return told(() => {
      const answer = object(parse(ask(request, false).readText()));
      if (typeof answer.text !== 'string') throw bad('there is no text in it');
      return wellFormed<Completion>({
        id: text(answer.id) ?? '',
        model: text(answer.model) ?? '',
        parts: [{ tag: 'text', val: { text: answer.text } }],
        finishReason: finishReason(text(answer.finish)),
        usage: usage(answer),
      });
    });
  },

  /** Returns when the vendor has accepted the question; the answer then comes by `next`. */
  openStream(request: Request): Deltas {
    return told(() => new Deltas(ask(request, true), request.model));
  },
};

class Deltas {
  #events: Iterator<Fields>;
  #model: string;
  #begun = false;
  #finish: string | undefined;
  #done = false;
  // The vendor may cut a character in two.
  #joiner = new Joiner();

  constructor(reply: Reply, model: string) {
    this.#events = events(reply);
    this.#model = model;
  }

  /** What is new. Nothing means the end, and is said only after the vendor has said so. */
  next(): Delta[] {
    return told(() => {
      const told: Event[] = [];
      while (told.length === 0 && !this.#done) {
        const { done, value } = this.#events.next();
        // A reason and a body that has ended properly are an end, too.
        if (done && this.#finish === undefined) throw failure({ tag: 'interrupted' }, "The vendor's answer broke off.");
        told.push(...(done ? this.#end({}) : this.#take(value)));
      }
      return wellFormed(told.map((event) => ({ event })));
    });
  }

  #take(said: Fields): Event[] {
    if ('error' in said) throw failure({ tag: 'vendor-failed' }, text(said.error) || 'The vendor reported an error.');
    const start: Event[] = this.#begun ? [] : [{ tag: 'start', val: { id: '', model: this.#model } }];
    this.#begun = true;
    this.#finish = text(said.finish) ?? this.#finish;
    const more = this.#text(this.#joiner.join(text(said.text) ?? ''));
    return [...start, ...more, ...(said.done === true ? this.#end(said) : [])];
  }

  #end(said: Fields): Event[] {
    this.#done = true;
    return [
      ...this.#text(this.#joiner.rest()),
      { tag: 'usage', val: usage(said) },
      { tag: 'finish', val: { reason: finishReason(this.#finish) } },
    ];
  }

  #text(text: string): Event[] {
    return text === '' ? [] : [{ tag: 'text', val: { index: 0, text } }];
  }
}

/**
 * The vendor's events. They have one line of data each, so lines are read; for events of several lines the host has
 * `nextEvent`. What stands before the vendor answers with a whole body, under any content type, where a stream was asked
 * for: the first line tells.
 */
function* events(reply: Reply): Generator<Fields> {
  let first = true;
  for (let line = reply.nextLine(); line != null; line = reply.nextLine()) {
    line = line.trim();
    if (first && /^[{[<"]/.test(line)) throw noStream(`${line}\n${reply.readText()}`);
    first &&= line === '';
    if (line.startsWith('data:')) yield object(parse(line.slice('data:'.length)));
  }
}

function noStream(body: string): Failure {
  const said = parse(body);
  const error = isObject(said) ? text(said.error) : undefined;
  return error ? failure({ tag: 'bad-response' }, error) : bad('a stream was asked for, and none came');
}

/** Asks the vendor. What comes back has been accepted; a refusal is an error. */
function ask(request: Request, stream: boolean): Reply {
  const reply = send({
    method: 'POST',
    url: `${setting('base-url').replace(/\/+$/, '')}/v1/chat`,
    headers: [
      { name: 'content-type', value: 'application/json' },
      { name: 'accept', value: stream ? 'text/event-stream' : 'application/json' },
    ],
    body: { tag: 'text', val: body(request, stream) },
  });
  const status = reply.status();
  if (status >= 200 && status < 300) return reply;
  throw refusal(status, reply);
}

/**
 * The question in the vendor's words. What the vendor has no words for is refused: an answer that passed over half of the
 * question would be worse than none.
 */
function body(request: Request, stream: boolean): string {
  // What is absent may be undefined or null, so it is compared with `!=`, which takes them for the same.
  const unsupported = {
    temperature: request.temperature != null,
    topP: request.topP != null,
    topK: request.topK != null,
    stopSequences: request.stopSequences.length > 0,
    tools: request.tools.length > 0,
  };
  for (const [field, given] of Object.entries(unsupported)) {
    if (given) throw atFault('unsupported', field, "isn't something that this vendor can do");
  }
  // Vendors refuse answers of theirs without words.
  const messages = request.messages.map(message).filter(({ role, content }) => role !== 'assistant' || content.trim());
  const own: Fields = { model: request.model, messages, stream };
  if (request.maxTokens != null) own.max_tokens = request.maxTokens;
  // Fields that only the vendor knows: callers give them under `extra`. Their numbers keep the digits that they have.
  const extra = parse(request.extra ?? '{}');
  if (!isObject(extra)) throw atFault('invalid-request', 'extra', 'should be a JSON object');
  for (const key of Object.keys(extra)) {
    if (['model', 'messages', 'stream', 'max_tokens'].includes(key)) {
      throw atFault('invalid-request', `extra.${key}`, 'has a field of its own');
    }
  }
  return write({ ...own, ...extra });
}

function message(message: Message, index: number): { role: string; content: string } {
  const refuse = (field: string) =>
    atFault('unsupported', `messages[${index}].${field}`, "isn't something that this vendor can do");
  if (message.role.tag === 'other') throw refuse('role');
  const texts = message.content.map((part) => {
    if (part.tag !== 'text') throw refuse('content');
    return part.val.text;
  });
  return { role: message.role.tag, content: texts.join('') };
}

function finishReason(word: string | undefined): FinishReason {
  switch (word) {
    case 'stop': return { tag: 'end-turn' };
    case 'length': return { tag: 'max-tokens' };
    default: return { tag: 'other', val: word || 'unknown' };
  }
}

/** A count that makes no sense is left out: the answer is worth more. */
function usage(answer: Fields): Usage {
  const counts = isObject(answer.usage) ? answer.usage : {};
  return { inputTokens: count(counts.in), outputTokens: count(counts.out) };
}

const KINDS: { [status: number]: ErrorKind } = {
  401: { tag: 'credentials' },
  402: { tag: 'billing' },
  403: { tag: 'credentials' },
  404: { tag: 'not-found' },
  408: { tag: 'timeout' },
  413: { tag: 'too-large' },
  429: { tag: 'rate-limited' },
  503: { tag: 'overloaded' },
  504: { tag: 'timeout' },
  529: { tag: 'overloaded' },
};

/**
 * An answer with a status that isn't a success. Its body may be anything: what stands before the vendor may answer with a
 * page of its own.
 */
function refusal(status: number, reply: Reply): Failure {
  const other: ErrorKind = { tag: status < 400 ? 'bad-response' : status < 500 ? 'invalid-request' : 'vendor-failed' };
  const seconds = Number(reply.findHeader('retry-after') || NaN);
  let message = `The vendor answered HTTP ${status} without a reason.`;
  try {
    message = text(object(parse(reply.readText())).error) || message;
  } catch {
    // Its words can't be read: it is still that refusal.
  }
  const retryAfterMs = seconds >= 0 ? Math.min(Math.ceil(seconds * 1000), 2 ** 32 - 1) : undefined;
  // The vendor's advice, which the host follows.
  const advice = reply.findHeader('x-should-retry')?.slice(0, 100);
  const extra = advice === undefined ? undefined : write({ 'x-should-retry': advice });
  return new Failure({ kind: KINDS[status] ?? other, message, status, retryAfterMs, extra });
}

/** An error of the contract on its way out. */
class Failure extends Error {
  constructor(readonly error: ProviderError) {
    super(error.message);
  }
}

function failure(kind: ErrorKind, message: string): Failure {
  return new Failure({ kind, message });
}

function atFault(tag: 'invalid-request' | 'unsupported', field: string, says: string): Failure {
  return new Failure({ kind: { tag }, message: `\`${field}\` ${says}.`, field });
}

function bad(why: string): Failure {
  return failure({ tag: 'bad-response' }, `The vendor's answer isn't what its API promises: ${why}.`);
}

/** Whatever is thrown inside leaves as the contract's error: any other exception is a crash of the component. */
function told<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw asError(thrown);
  }
}

function asError(thrown: unknown): ProviderError {
  if (thrown instanceof Failure) return wellFormed(thrown.error);
  // What the host's functions throw: the question could not be sent, or its answer not be read.
  const { tag, val } = (isObject(thrown) ? (thrown.payload ?? thrown) : {}) as Partial<HttpError>;
  if (tag == null || val == null) {
    return { kind: { tag: 'other', val: 'plugin' }, message: `The plugin has a mistake in it: ${thrown}` };
  }
  switch (tag) {
    case 'invalid': return { kind: { tag: 'invalid-request' }, message: val };
    case 'too-large': return { kind: { tag: 'bad-response' }, message: val };
    case 'not-text': return { kind: { tag: 'bad-response' }, message: val };
    case 'other': return { kind: { tag: 'other', val: 'http' }, message: val };
    default: return { kind: { tag }, message: val };
  }
}

/** What the vendor says: an object, of which nothing is certain until it was looked at. */
function object(value: unknown): Fields {
  if (!isObject(value)) throw bad("it isn't a JSON object");
  return value;
}

function setting(key: string): string {
  const value = get(key);
  if (value == null) throw failure({ tag: 'unconfigured' }, `The setting \`${key}\` is missing.`);
  return value;
}
