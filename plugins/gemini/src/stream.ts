// A streamed answer: the vendor's events, each an answer of its own with the next few parts, as deltas of blocks.

import type { Delta, Event, Part } from 'arete:provider/llm@0.1.0';

import * as answer from './answer.ts';
import { type Fields, rest } from './json.ts';
import * as parts from './parts.ts';

/** A streamed answer, fed one event at a time. */
export class Stream {
  #model: string;
  #id: string | undefined;
  #started = false;
  /** The block that more text may be added to. */
  #open: 'text' | 'thinking' | undefined;
  /** The index of the latest block. */
  #index = -1;
  #called = false;
  #reason: string | undefined;
  #blocked = false;
  #extra: Fields = {};

  /** `model` is the one that was asked for. */
  constructor(model: string) {
    this.#model = model;
  }

  /** Takes the data of one event. It may tell nothing, one thing or several. */
  take(data: string): Delta[] {
    const said = answer.take(data);
    const events: Event[] = [];
    this.#id ??= said.id;
    if (!this.#started) {
      this.#started = true;
      events.push({ tag: 'start', val: { id: said.id ?? '', model: said.model ?? this.#model } });
    }
    for (const part of said.parts) {
      events.push(...this.#part(parts.read(part, answer.callId(this.#id, this.#index + 1))));
    }
    if (said.usage !== undefined) events.push({ tag: 'usage', val: said.usage });
    this.#reason = said.reason ?? this.#reason;
    this.#blocked ||= said.blocked;
    // The latest word counts.
    for (const [key, value] of Object.entries(said.extra)) {
      if (value !== null) this.#extra[key] = value;
    }
    return events.map((event) => ({ event }));
  }

  /**
   * The body is at its end. Some models give a reason to stop with every event, so that only both together, the reason
   * and the end, say that the answer is whole.
   */
  end(): Delta[] {
    const reason = answer.finishReason({ reason: this.#reason, blocked: this.#blocked }, this.#called);
    if (reason === undefined) throw answer.interrupted();
    return [{ event: { tag: 'finish', val: { reason, extra: rest(this.#extra) } } }];
  }

  /**
   * Text goes on in the block that is open. A part that has more to it, a signature above all, is a block of its own
   * and told as a whole too: the vendor forbids joining it with others.
   */
  #part(part: Part): Event[] {
    const index = () => (this.#index += 1);
    const goOn = (kind: 'text' | 'thinking', whole: boolean) => {
      const at = this.#open === kind && !whole ? this.#index : index();
      this.#open = whole ? undefined : kind;
      return at;
    };
    switch (part.tag) {
      case 'text': {
        const { text, extra } = part.val;
        if (text === '' && extra === undefined) return [];
        const at = goOn('text', extra !== undefined);
        const said: Event[] = text === '' ? [] : [{ tag: 'text', val: { index: at, text } }];
        return [...said, ...whole(at, part, extra)];
      }
      case 'thinking': {
        const { text, signature, extra } = part.val;
        const at = goOn('thinking', signature !== undefined || extra !== undefined);
        return [{ tag: 'thinking', val: { index: at, text, signature } }, ...whole(at, part, extra)];
      }
      case 'tool-use': {
        const { id, name, input, extra } = part.val;
        this.#called = true;
        this.#open = undefined;
        const at = index();
        return [{ tag: 'tool-use', val: { index: at, id, name, input } }, ...whole(at, part, extra)];
      }
      default:
        this.#open = undefined;
        return [{ tag: 'part', val: { index: index(), part } }];
    }
  }
}

function whole(index: number, part: Part, extra: string | undefined): Event[] {
  return extra === undefined ? [] : [{ tag: 'part', val: { index, part } }];
}
