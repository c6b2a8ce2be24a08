// The provider for Google's Gemini API. All I/O is in this file. `request` makes the body that is sent; `answer`,
// `events`, `stream` and `errors` read what comes back, without I/O, so that tests can give them the vendor's bytes.

import { get } from 'arete:provider/config@0.1.1';
import { type Reply, send } from 'arete:provider/http@0.1.1';
import type { Completion, Delta, Info, Request } from 'arete:provider/llm@0.1.1';

import * as answer from './answer.ts';
import { caught, refusal } from './errors.ts';
import { events } from './events.ts';
import { wellFormed, withoutNulls } from './json.ts';
import { body } from './request.ts';
import * as settings from './settings.ts';
import { Stream } from './stream.ts';
import { VERSION } from './version.ts';

/** A streamed answer that is being read. */
class Deltas {
  #events: Iterator<unknown>;
  #stream: Stream;
  #over = false;

  constructor(reply: Reply, model: string) {
    this.#events = events(reply);
    this.#stream = new Stream(model);
  }

  next(): Delta[] {
    return guard(() => {
      while (!this.#over) {
        const event = this.#events.next();
        this.#over = event.done === true;
        const deltas = event.done ? this.#stream.end() : this.#stream.take(event.value);
        if (deltas.length > 0) return wellFormed(deltas);
      }
      return [];
    });
  }
}

export const chat = {
  Deltas,

  describe(): Info {
    return guard(() => {
      const { model, models } = settings.read((key) => get(key) ?? undefined);
      return {
        vendor: 'google',
        version: VERSION,
        defaultModel: model,
        models,
        features: [{ tag: 'streaming' }, { tag: 'images' }, { tag: 'tools' }, { tag: 'thinking' }],
      };
    });
  },

  complete(request: Request): Completion {
    return guard(() => wellFormed(answer.read(ask(request, false).readText(), request.model)));
  },

  openStream(request: Request): Deltas {
    return guard(() => new Deltas(ask(request, true), request.model));
  },
};

/** Sends the request and returns the reply if its status is a success; a refusal is thrown. */
function ask(request: Request, stream: boolean): Reply {
  const url = settings.url(settings.read((key) => get(key) ?? undefined), request.model, stream);
  const headers = [
    { name: 'content-type', value: 'application/json' },
    { name: 'accept', value: stream ? 'text/event-stream' : 'application/json' },
  ];
  const reply = send({ method: 'POST', url, headers, body: { tag: 'text', val: body(withoutNulls(request)) } });
  const status = reply.status();
  if (status >= 200 && status < 300) return reply;
  throw refusal(status, reply.headers(), words(reply));
}

/** Reads the body of a refusal; if that fails, the refusal is reported without it. */
function words(reply: Reply): string {
  try {
    return reply.readText();
  } catch {
    return '';
  }
}

/** Turns whatever is thrown inside into the contract's error: an exception would end the instance. */
function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw caught(thrown);
  }
}
