// A streamed answer: the vendor's events, each an answer of its own with the next few parts, as deltas of blocks.

import type { Delta, Event, Part } from 'arete:provider/llm@0.1.0';

import * as answer from './answer.ts';
import { type Fields, Joiner, parseObject, rest } from './json.ts';
import * as parts from './parts.ts';

type Words = Extract<Part, { tag: 'text' | 'thinking' }>;

/** A streamed answer, fed one event at a time. */
export class Stream {
  #model: string;
  #id: string | undefined;
  #started = false;
  /** The block that more text may be added to. */
  #open: 'text' | 'thinking' | undefined;
  /** Of that block, whose characters the vendor may cut in two. */
  #joiner = new Joiner();
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

  /** Takes one event. It may tell nothing, one thing or several. */
  take(event: unknown): Delta[] {
    const said = answer.take(event);
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
    const finish: Event = { tag: 'finish', val: { reason, extra: rest(this.#extra) } };
    return [...this.#close(), finish].map((event) => ({ event }));
  }

  /**
   * Text goes on in the block that is open. A part that has more to it, a signature above all, is a block of its own
   * and told as a whole too: the vendor forbids joining it with others.
   */
  #part(part: Part): Event[] {
    switch (part.tag) {
      case 'text':
        return this.#words(part, part.val.extra !== undefined);
      case 'thinking':
        return this.#words(part, part.val.signature !== undefined || part.val.extra !== undefined);
      case 'tool-use': {
        const { id, name, input, extra } = part.val;
        const events = this.#close();
        this.#called = true;
        const index = this.#block();
        events.push({ tag: 'tool-use', val: { index, id, name, input } });
        // Arguments that are no object can't be told as a whole. The host decides on them when it knows the reason.
        const args = input.trim() === '' ? '{}' : input;
        if (extra !== undefined && parseObject(args) !== undefined) {
          events.push({ tag: 'part', val: { index, part: { tag: 'tool-use', val: { id, name, input: args, extra } } } });
        }
        return events;
      }
      default:
        return [...this.#close(), { tag: 'part', val: { index: this.#block(), part } }];
    }
  }

  /** Text or thoughts. `alone`: they are a block of their own. */
  #words(part: Words, alone: boolean): Event[] {
    if (part.val.text === '' && !alone) return [];
    const goesOn = this.#open === part.tag && !alone;
    const events = goesOn ? [] : this.#close();
    if (!goesOn) this.#block(alone ? undefined : part.tag);
    const text = alone ? part.val.text : this.#joiner.join(part.val.text);
    const signature = part.tag === 'thinking' ? part.val.signature : undefined;
    if (text !== '' || signature !== undefined) events.push(this.#piece(part.tag, text, signature));
    if (part.val.extra !== undefined) events.push({ tag: 'part', val: { index: this.#index, part } });
    return events;
  }

  /** Nothing more comes to the block that is open. */
  #close(): Event[] {
    const left = this.#joiner.rest();
    return this.#open === undefined || left === '' ? [] : [this.#piece(this.#open, left)];
  }

  #piece(tag: Words['tag'], text: string, signature?: string): Event {
    if (tag === 'text') return { tag, val: { index: this.#index, text } };
    return { tag, val: { index: this.#index, text, signature } };
  }

  /** Begins a block, and returns its index. */
  #block(open?: Words['tag']): number {
    this.#open = open;
    this.#index += 1;
    return this.#index;
  }
}
