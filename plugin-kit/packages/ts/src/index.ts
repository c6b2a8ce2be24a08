// What providers for Arete in TypeScript share. A provider maps a question to its vendor's words, and the vendor's words to an
// answer: see `Vendor`. The exchange itself, refusals, streams and their ends are here.

import { get } from 'arete:provider/config@0.1.1';
import { type HttpError, type Reply, send } from 'arete:provider/http@0.1.1';
import type {
  Completion, Delta, ErrorKind, Event, Feature, FinishReason, Info, Part, ProviderError, Request, Usage,
} from 'arete:provider/llm@0.1.1';

import { type Fields, Joiner, count, isObject, parse, text, wellFormed, write } from './json.ts';

export type * from 'arete:provider/llm@0.1.1';
export { type Fields, count, isObject, list, number, parse, text, write } from './json.ts';

/** A request to the vendor. */
export interface Question {
  /** What follows the operator's setting `base-url`. */
  path: string;
  /** Sent as JSON, with the fields that the caller gave under `extra`. */
  body: Fields;
  /** Sent beside those that say what kind of text is sent and taken. Keys are the host's to add. */
  headers?: { [name: string]: string };
}

/** Maps between the contract and one vendor's API. */
export interface Vendor {
  /** Says what the provider is. Settings that are wrong are best told here. */
  info(): Info;
  /** Puts a question into the vendor's words. */
  ask(request: Request, stream: boolean): Question;
  /** Reads a whole answer. */
  answer(said: Fields): Completion;
  /** Reads one event of a streamed answer, and tells what it means to the stream. */
  event(said: Fields, stream: Stream): void;
  /** Finds the vendor's own words in the body of a refusal. */
  reason(said: Fields): string | undefined;
}

/** What a component exports as `chat` for a vendor. */
export function provider(vendor: Vendor) {
  class Deltas {
    #stream: Stream;

    constructor(stream: Stream) {
      this.#stream = stream;
    }

    /** What is new. Nothing means the end, and is said only after the vendor has said so. */
    next(): Delta[] {
      return told(() => wellFormed(this.#stream.next().map((event) => ({ event }))));
    }
  }
  return {
    Deltas,
    describe: (): Info => told(() => vendor.info()),
    complete: (request: Request): Completion =>
      told(() => wellFormed(vendor.answer(object(parse(ask(vendor, request, false).readText()))))),
    /** Returns when the vendor has accepted the question; the answer then comes by `next`. */
    openStream: (request: Request): Deltas =>
      told(() => new Deltas(new Stream(vendor, ask(vendor, request, true), request.model))),
  };
}

/** A streamed answer, to which a vendor's mapping tells what its events mean. */
export class Stream {
  #vendor: Vendor;
  #data: Iterator<string>;
  #model: string;
  #told: Event[] = [];
  #begun = false;
  #done = false;
  #ended = false;
  #usage: Usage | undefined;
  #finish: FinishReason | undefined;
  // A vendor may cut a character in two.
  #joiners = new Map<number, Joiner>();

  constructor(vendor: Vendor, reply: Reply, model: string) {
    this.#vendor = vendor;
    this.#data = heard(vendor, reply);
    this.#model = model;
  }

  /** Tells the id and the model of the answer, where the vendor names them. Otherwise it begins with its first event. */
  start(id: string, model: string): void {
    if (!this.#begun) this.#told.push({ tag: 'start', val: { id, model } });
    this.#begun = true;
  }

  /** Tells more of a block of text. */
  text(index: number, piece: string | undefined): void {
    const joiner = this.#joiners.get(index) ?? new Joiner();
    this.#joiners.set(index, joiner);
    this.#text(index, joiner.join(piece ?? ''));
  }

  /** Tells any event of the contract. */
  tell(event: Event): void {
    this.start('', this.#model);
    this.#told.push(event);
  }

  /** Tells what the answer cost so far. */
  usage(usage: Usage): void {
    this.#usage = usage;
  }

  /** Tells why the answer stops. The end of the body is its end then. */
  finish(reason: FinishReason): void {
    this.#finish = reason;
  }

  /** Tells that the vendor's mark of the end has come. */
  done(): void {
    this.#done = true;
  }

  /** What is new. Nothing means the end. */
  next(): Event[] {
    while (this.#told.length === 0 && !this.#ended) {
      const { done, value } = this.#data.next();
      if (done) {
        // A reason and a body that has ended properly are an end, too.
        if (this.#finish === undefined) throw failure({ tag: 'interrupted' }, "The vendor's answer broke off.");
        this.#end();
      } else {
        this.#take(parse(value));
      }
    }
    return this.#told.splice(0);
  }

  #take(said: unknown): void {
    // Some vendors end with a word, such as [DONE].
    if (!isObject(said) && this.#finish !== undefined) return this.#end();
    this.#vendor.event(object(said), this);
    this.start('', this.#model);
    if (this.#done) this.#end();
  }

  #end(): void {
    this.#ended = true;
    for (const [index, joiner] of this.#joiners) this.#text(index, joiner.rest());
    if (this.#usage !== undefined) this.tell({ tag: 'usage', val: this.#usage });
    this.tell({ tag: 'finish', val: { reason: this.#finish ?? finish({}, undefined) } });
  }

  #text(index: number, text: string): void {
    if (text !== '') this.tell({ tag: 'text', val: { index, text } });
  }
}

/**
 * The data of the vendor's events. What stands before the vendor answers with a whole body, under any content type, where a
 * stream was asked for, and no event would be in it: so the first one is read line by line.
 */
function* heard(vendor: Vendor, reply: Reply): Generator<string> {
  const data: string[] = [];
  let begun = false;
  for (let line = reply.nextLine(); line != null; line = reply.nextLine()) {
    if (!begun) {
      line = line.replace(/^[\ufeff \t\r]+/, '');
      begun = line !== '';
      if (/^[{[<"]/.test(line)) throw noStream(vendor, `${line}\n${reply.readText()}`);
    }
    line = line.replace(/\r$/, '');
    if (line.startsWith('data:')) data.push(line.slice('data:'.length).replace(/^ /, ''));
    else if (line === '' && data.length > 0) break;
  }
  if (data.length > 0) yield data.join('\n');
  for (let events = reply.nextEvents(); events.length > 0; events = reply.nextEvents()) {
    for (const event of events) yield event.data;
  }
}

function noStream(vendor: Vendor, body: string): Failure {
  // Of a kind that isn't tried again: the vendor names none.
  const said = reason(vendor, body);
  return said ? failure({ tag: 'bad-response' }, said) : bad('a stream was asked for, and none came');
}

/** The vendor's words in a body, of which nothing is certain. */
function reason(vendor: Vendor, body: string): string | undefined {
  const said = parse(body);
  return isObject(said) ? vendor.reason(said) : undefined;
}

/** Sends a question. What comes back has been accepted; a refusal is an error. */
function ask(vendor: Vendor, request: Request, stream: boolean): Reply {
  const { path, body, headers = {} } = vendor.ask(request, stream);
  const accept = stream ? 'text/event-stream' : 'application/json';
  const all = { 'content-type': 'application/json', accept, ...headers };
  const reply = send({
    method: 'POST',
    url: setting('base-url').replace(/\/+$/, '') + path,
    headers: Object.entries(all).map(([name, value]) => ({ name, value })),
    body: { tag: 'text', val: bodyOf(request, body) },
  });
  const status = reply.status();
  if (status >= 200 && status < 300) return reply;
  throw refusal(vendor, status, reply);
}

/** The text of a question, with the fields that only the vendor knows: callers give them under `extra`. */
function bodyOf(request: Request, own: Fields): string {
  const extra = parse(request.extra ?? '{}');
  if (!isObject(extra)) throw atFault('invalid-request', 'extra', 'should be a JSON object');
  for (const key of Object.keys(extra)) {
    if (own[key] !== undefined) throw atFault('invalid-request', `extra.${key}`, 'has a field of its own');
  }
  return write({ ...own, ...extra });
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
function refusal(vendor: Vendor, status: number, reply: Reply): Failure {
  const other: ErrorKind = { tag: status < 400 ? 'bad-response' : status < 500 ? 'invalid-request' : 'vendor-failed' };
  const seconds = Number(reply.findHeader('retry-after') || NaN);
  let message: string | undefined;
  try {
    message = reason(vendor, reply.readText());
  } catch {
    // Its words can't be read: it is still that refusal.
  }
  const retryAfterMs = seconds >= 0 ? Math.min(Math.ceil(seconds * 1000), 2 ** 32 - 1) : undefined;
  // The vendor's advice, which the host follows.
  const advice = reply.findHeader('x-should-retry')?.slice(0, 100);
  const extra = advice == null ? undefined : write({ 'x-should-retry': advice });
  message ||= `The vendor answered HTTP ${status} without a reason.`;
  return new Failure({ kind: KINDS[status] ?? other, message, status, retryAfterMs, extra });
}

/**
 * Refuses a question that has fields beyond its model, its messages and those that are named, such as `maxTokens`. An answer that
 * passed over half of the question would be worse than none.
 */
export function only(request: Request, ...known: string[]): void {
  // What is absent may be undefined or null, so it is compared with `!=`, which takes them for the same.
  const given = {
    maxTokens: request.maxTokens != null,
    temperature: request.temperature != null,
    topP: request.topP != null,
    topK: request.topK != null,
    stopSequences: request.stopSequences.length > 0,
    tools: request.tools.length > 0,
  };
  for (const [field, isGiven] of Object.entries(given)) {
    if (isGiven && !known.includes(field)) throw unsupported(field);
  }
}

/**
 * The messages of a question as objects with a `role` and the text as `content`, for a vendor that takes nothing else. Answers
 * without words, which vendors refuse, are left out.
 */
export function texts(request: Request): { role: string; content: string }[] {
  const messages = request.messages.map((message, index) => {
    if (message.role.tag === 'other') throw unsupported(`messages[${index}].role`);
    const pieces = message.content.map((part) => {
      if (part.tag !== 'text') throw unsupported(`messages[${index}].content`);
      return part.val.text;
    });
    return { role: message.role.tag as string, content: pieces.join('') };
  });
  return messages.filter(({ role, content }) => role !== 'assistant' || content.trim() !== '');
}

function unsupported(field: string): Failure {
  return atFault('unsupported', field, "isn't something that this vendor can do");
}

/** What there is to say of a provider with the settings `base-url` and `model`. */
export function info(vendor: string, version: string, ...features: Feature['tag'][]): Info {
  const model = setting('model');
  setting('base-url');
  const all = features.map((tag) => ({ tag }) as Feature);
  return { vendor, version, defaultModel: model, models: [model], features: all };
}

/** A part of an answer. */
export function textPart(text: string): Part {
  return { tag: 'text', val: { text } };
}

/** The reason of a word of the vendor's, by a table of the words that have an equal in the contract. */
export function finish(words: { [word: string]: FinishReason['tag'] }, word: string | undefined): FinishReason {
  const tag = word !== undefined && Object.hasOwn(words, word) ? words[word] : undefined;
  return tag === undefined ? { tag: 'other', val: word || 'unknown' } : ({ tag } as FinishReason);
}

/** The counts of these names. One that makes no sense is left out: the answer is worth more. */
export function usage(said: unknown, input: string, output: string): Usage {
  const counts = isObject(said) ? said : {};
  return { inputTokens: count(counts[input]), outputTokens: count(counts[output]) };
}

/** An error of the contract on its way out. */
export class Failure extends Error {
  constructor(readonly error: ProviderError) {
    super(error.message);
  }
}

/** An error of a kind, to be thrown. */
export function failure(kind: ErrorKind, message: string): Failure {
  return new Failure({ kind, message });
}

/** An error that names a field of the caller's request, to be thrown. */
export function atFault(tag: 'invalid-request' | 'unsupported', field: string, says: string): Failure {
  return new Failure({ kind: { tag }, message: `\`${field}\` ${says}.`, field });
}

/** The error for an answer that isn't what the vendor's API promises, to be thrown. */
export function bad(why: string): Failure {
  return failure({ tag: 'bad-response' }, `The vendor's answer isn't what its API promises: ${why}.`);
}

/** A setting of the operator's. */
export function setting(key: string): string {
  const value = get(key);
  if (value == null) throw failure({ tag: 'unconfigured' }, `The setting \`${key}\` is missing.`);
  return value;
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

function object(value: unknown): Fields {
  if (!isObject(value)) throw bad("it isn't a JSON object");
  return value;
}
