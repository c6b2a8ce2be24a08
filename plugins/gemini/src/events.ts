// The vendor's events, each as the JSON value that it holds. The content decides whether it is a stream, and not the
// content type: gateways answer with a whole body where a stream was asked for, under any type.

import type { Reply } from 'arete:provider/http@0.1.0';

import { broken, errorOf, inBand } from './errors.ts';
import { isObject, parse } from './json.ts';

/** The part of a reply that is read here. */
type Body = Pick<Reply, 'findHeader' | 'nextEvent' | 'nextLine' | 'readText'>;

/** A first line that begins like this is of JSON or HTML, and of no event stream. */
const NO_STREAM = /^[{[<"]/;

/**
 * Reads lines up to the end of the first event, because the first line tells whether this is a stream. The host frames
 * the events after it.
 */
export function* events(body: Body): Generator<unknown> {
  const event = new Framer();
  let first = true;
  for (let line = body.nextLine() ?? undefined; line !== undefined; line = body.nextLine() ?? undefined) {
    if (first) {
      // This also takes a byte order mark for white space.
      line = line.trimStart();
      if (NO_STREAM.test(line)) return yield* whole(body, `${line}\n${body.readText()}`);
      first = line === '';
    }
    const framed = event.addLine(line);
    yield* framed.map(parse);
    if (framed.length > 0 && event.isEmpty) break;
  }
  yield* event.end().map(parse);
  for (let next = body.nextEvent() ?? undefined; next !== undefined; next = body.nextEvent() ?? undefined) {
    yield parse(next.data);
  }
}

/** A body that is no stream: an error, an answer in whole, or a list of what a stream would have told one by one. */
function* whole(body: Body, text: string): Generator<unknown> {
  const value = parse(text);
  const error = errorOf(value);
  if (error !== undefined) throw inBand(error, { tag: 'bad-response' });
  const answers = Array.isArray(value) ? value : [value];
  if (answers.length === 0 || !answers.every(isAnswer)) {
    const type = (body.findHeader('content-type') ?? '').slice(0, 100);
    throw broken(`a stream was asked for, and ${type === '' ? 'something else' : `\`${type}\``} came`);
  }
  yield* answers;
}

function isAnswer(value: unknown): boolean {
  return isObject(value) && ['candidates', 'promptFeedback', 'usageMetadata', 'error'].some((key) => key in value);
}

/** Puts the lines of an event together, as the HTML standard says. Only the data counts here. */
class Framer {
  #data: string[] = [];

  get isEmpty(): boolean {
    return this.#data.length === 0;
  }

  /** Takes a line of the host's and returns the data of the events that end in it: a lone CR ends a line too. */
  addLine(text: string): string[] {
    return text.split('\r').flatMap((line) => {
      if (line === '') return this.end();
      const data = /^data(?:: ?(.*))?$/s.exec(line);
      if (data !== null) this.#data.push(data[1] ?? '');
      return [];
    });
  }

  /** Returns the data of the event that ends here, if it has some. */
  end(): string[] {
    const lines = this.#data.splice(0);
    return lines.length > 0 ? [lines.join('\n')] : [];
  }
}
