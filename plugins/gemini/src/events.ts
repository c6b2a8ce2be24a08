// The vendor's events, each as its JSON value. The content decides whether a body is a stream, not the content type:
// gateways answer a request for a stream with a whole body, under any type.

import type { Reply } from 'arete:provider/http@0.1.1';

import { broken, errorOf, inBand } from './errors.ts';
import { isObject, parse } from './json.ts';

/** The methods of a reply that are used here. */
type Body = Pick<Reply, 'findHeader' | 'nextEvent' | 'nextLine' | 'readText'>;

/** The beginning of a first line of JSON or HTML, which no event stream has. */
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
      // `trimStart` also removes a byte order mark.
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

/** Reads a body that is no stream: an error, a whole answer, or a list of the answers that a stream has as events. */
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

/** Joins the lines of an event, as the HTML standard says. Only `data` matters here. */
class Framer {
  #data: string[] = [];

  get isEmpty(): boolean {
    return this.#data.length === 0;
  }

  /** Takes a line from the host and returns the data of events that end in it: a lone CR is a line end too. */
  addLine(text: string): string[] {
    return text.split('\r').flatMap((line) => {
      if (line === '') return this.end();
      const data = /^data(?:: ?(.*))?$/s.exec(line);
      if (data !== null) this.#data.push(data[1] ?? '');
      return [];
    });
  }

  /** Returns the data of the event that ends here, if it has any. */
  end(): string[] {
    const lines = this.#data.splice(0);
    return lines.length > 0 ? [lines.join('\n')] : [];
  }
}
