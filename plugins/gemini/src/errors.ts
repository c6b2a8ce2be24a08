// Failures as the contract's errors: a refusal with a status, an error inside a stream, an answer that breaks the
// vendor's API, or a bug in this provider.

import type { Header, HttpError } from 'arete:provider/http@0.1.1';
import type { ErrorKind, ProviderError } from 'arete:provider/llm@0.1.1';

import { type Fields, isObject, list, number, parse, rest, text, wellFormed } from './json.ts';

/** The most characters of the vendor's message that are passed on: some messages quote a whole schema. */
const MESSAGE_CHARACTERS_MAX = 1000;

/** The most characters of the header `x-should-retry` that are passed on. */
const ADVICE_CHARACTERS_MAX = 100;

/** The longest wait that the contract can express, in milliseconds. */
const WAIT_MAX = 0xffff_ffff;

/** An error of the contract, thrown up to the exported functions. */
export class Failure extends Error {
  constructor(readonly error: ProviderError) {
    super(error.message);
  }
}

/** The request is invalid; `field` is the caller's name of the field. */
export function invalid(field: string, says: string): Failure {
  return new Failure({ kind: { tag: 'invalid-request' }, message: `\`${field}\` ${says}.`, field });
}

/** An answer that breaks the vendor's API. `why` quotes nothing from the answer. */
export function broken(why: string): Failure {
  const message = `The vendor's answer isn't what its API promises: ${why}.`;
  return new Failure({ kind: { tag: 'bad-response' }, message });
}

/** An answer whose status isn't a success. A gateway in front of the vendor may answer with a page of its own. */
export function refusal(status: number, headers: Header[], body: string): Failure {
  const said = errorOf(parse(body));
  return failure(said ?? {}, status, headers);
}

/** An error in an answer with status 200. `otherwise` is its kind if the vendor names none. */
export function inBand(said: Fields, otherwise?: ErrorKind): Failure {
  return failure(said, undefined, [], otherwise);
}

/** Returns the error in a body: `{"error": {…}}`, or a list that holds it, which is how streams fail. */
export function errorOf(body: unknown): Fields | undefined {
  const whole = Array.isArray(body) ? body[0] : body;
  return isObject(whole) && isObject(whole.error) ? whole.error : undefined;
}

/** Turns anything that was thrown into the contract's error, because a JavaScript exception would be a crash. */
export function caught(thrown: unknown): ProviderError {
  if (thrown instanceof Failure) return wellFormed(thrown.error);
  const payload = isObject(thrown) && 'payload' in thrown ? thrown.payload : thrown;
  if (isObject(payload) && typeof payload.tag === 'string' && typeof payload.val === 'string') {
    return transport(payload as unknown as HttpError);
  }
  const says = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : 'an unknown value was thrown';
  return { kind: { tag: 'other', val: 'provider' }, message: `The provider has a mistake in it: ${clip(says)}.` };
}

function transport({ tag, val }: HttpError): ProviderError {
  const kinds: { [tag: string]: ErrorKind['tag'] } = {
    invalid: 'invalid-request',
    'too-large': 'bad-response',
    'not-text': 'bad-response',
  };
  const kind = tag === 'other' ? { tag, val: 'http' } : { tag: kinds[tag] ?? tag };
  return { kind: kind as ErrorKind, message: val };
}

/** Reads the vendor's `google.rpc.Status`: `{code, message, status, details}`. Any field may be missing. */
function failure(said: Fields, answered: number | undefined, headers: Header[], otherwise?: ErrorKind): Failure {
  // Debug information for the vendor's own engineers may repeat the key.
  const details = list(said.details).filter(isObject).filter((detail) => !isA(detail, 'DebugInfo'));
  const word = text(said.status);
  const status = answered ?? number(said.code);
  const message = text(said.message)?.trim();
  return new Failure({
    kind: kindOf(word, details, message ?? '') ?? (status === undefined ? otherwise : undefined) ?? kindOfStatus(status),
    message: message ? clip(message) : unexplained(status),
    status: answered,
    code: word === undefined ? undefined : clip(word),
    retryAfterMs: retryDelay(details) ?? retryAfter(headers),
    extra: rest({
      details: details.length > 0 ? details : null,
      // The host acts on it.
      'x-should-retry': header(headers, 'x-should-retry')?.slice(0, ADVICE_CHARACTERS_MAX) ?? null,
    }),
  });
}

function isA(detail: Fields, type: string): boolean {
  return text(detail['@type'])?.endsWith(`/google.rpc.${type}`) ?? false;
}

function kindOf(word: string | undefined, details: Fields[], message: string): ErrorKind | undefined {
  const reasons = details.map((detail) => text(detail.reason) ?? '');
  // The vendor reports a wrong key as an invalid argument.
  if (reasons.some((reason) => reason.startsWith('API_KEY_'))) return { tag: 'credentials' };
  if (reasons.includes('BILLING_DISABLED')) return { tag: 'billing' };
  switch (word) {
    case 'INVALID_ARGUMENT':
    case 'OUT_OF_RANGE':
      return { tag: 'invalid-request' };
    case 'FAILED_PRECONDITION':
      return { tag: /\bbilling\b/i.test(message) ? 'billing' : 'invalid-request' };
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
      return { tag: 'credentials' };
    case 'NOT_FOUND':
      return { tag: 'not-found' };
    case 'RESOURCE_EXHAUSTED':
      return { tag: 'rate-limited' };
    case 'UNAVAILABLE':
      return { tag: 'overloaded' };
    case 'DEADLINE_EXCEEDED':
      return { tag: 'timeout' };
    case 'INTERNAL':
    case 'UNKNOWN':
    case 'DATA_LOSS':
      return { tag: 'vendor-failed' };
    case 'UNIMPLEMENTED':
      return { tag: 'unsupported' };
    default:
      return undefined;
  }
}

function kindOfStatus(status: number | undefined): ErrorKind {
  if (status === undefined) return { tag: 'vendor-failed' };
  switch (status) {
    case 401:
    case 403:
      return { tag: 'credentials' };
    case 402:
      return { tag: 'billing' };
    case 404:
      return { tag: 'not-found' };
    case 408:
    case 504:
      return { tag: 'timeout' };
    case 413:
      return { tag: 'too-large' };
    case 429:
      return { tag: 'rate-limited' };
    case 503:
    case 529:
      return { tag: 'overloaded' };
    default:
      return { tag: status >= 500 ? 'vendor-failed' : status >= 400 ? 'invalid-request' : 'bad-response' };
  }
}

function unexplained(status: number | undefined): string {
  if (status === undefined) return 'The vendor reported an error without saying which.';
  const doubt = [301, 302, 303, 307, 308, 404, 405].includes(status) ? '; is `base-url` right?' : '.';
  return `The vendor answered HTTP ${status} without a reason${doubt}`;
}

/** Reads the `retryDelay` of a `RetryInfo`: `"58s"`, `"58.2s"`. */
function retryDelay(details: Fields[]): number | undefined {
  const delay = text(details.find((detail) => isA(detail, 'RetryInfo'))?.retryDelay);
  return delay === undefined ? undefined : milliseconds(/^([\d.]+)s$/.exec(delay)?.[1]);
}

/** Reads the header: seconds, or a date. A date is compared with the answer's own `date`, so no clock is needed. */
function retryAfter(headers: Header[]): number | undefined {
  const value = header(headers, 'retry-after');
  if (value === undefined || /^[\d.]+$/.test(value)) return milliseconds(value);
  const wait = Date.parse(value) - Date.parse(header(headers, 'date') ?? '');
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), WAIT_MAX);
}

function header(headers: Header[], name: string): string | undefined {
  return headers.find((it) => it.name.toLowerCase() === name)?.value.trim();
}

function milliseconds(seconds: string | undefined): number | undefined {
  const wait = Math.ceil(Number(seconds ?? Number.NaN) * 1000);
  return Number.isNaN(wait) ? undefined : Math.min(wait, WAIT_MAX);
}

function clip(words: string): string {
  // A character has at most two code units.
  const characters = Array.from(words.slice(0, 2 * MESSAGE_CHARACTERS_MAX + 2));
  if (characters.length <= MESSAGE_CHARACTERS_MAX) return words;
  return `${characters.slice(0, MESSAGE_CHARACTERS_MAX).join('')}…`;
}
