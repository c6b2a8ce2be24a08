// Turns the vendor's events, each a small answer with the next few parts, into deltas of blocks.

import type { Delta, Event, Part } from 'arete:provider/llm@0.1.1';

import * as answer from './answer.ts';
import { type Fields, Joiner, parseObject, rest } from './json.ts';
import * as parts from './parts.ts';

type Words = Extract<Part, { tag: 'text' | 'thinking' }>;

/** A streamed answer, fed one event at a time. */
export class Stream {
  #model: string;
  #id: string | undefined;
  #started = false;
  /** The open block, to which more text may be added. */
  #open: 'text' | 'thinking' | undefined;
  /** Joins the open block's characters where the vendor cuts them in two. */
  #joiner = new Joiner();
  /** The index of the latest block. */
  #index = -1;
  #called = false;
  #reason: string | undefined;
  #blocked = false;
  #extra: Fields = {};

  /** `model` is the requested one. */
  constructor(model: string) {
    this.#model = model;
  }

  /** Takes one event and returns its deltas, if any. */
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
    // The last finish reason wins.
    for (const [key, value] of Object.entries(said.extra)) {
      if (value !== null) this.#extra[key] = value;
    }
    return events.map((event) => ({ event }));
  }

  /**
   * Ends the answer with the body. Some models send a finish reason with every event, so an answer is complete only
   * when there was a reason and the body has ended.
   */
  end(): Delta[] {
    const reason = answer.finishReason({ reason: this.#reason, blocked: this.#blocked }, this.#called);
    if (reason === undefined) throw answer.interrupted();
    const finish: Event = { tag: 'finish', val: { reason, extra: rest(this.#extra) } };
    return [...this.#close(), finish].map((event) => ({ event }));
  }

  /**
   * Adds a part. Text continues the open block. A part with more than text, such as a signature, is a block of its own
   * and is also sent whole: the vendor forbids joining it with others.
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
        // Arguments that aren't an object can't be sent whole. The host decides once it knows the finish reason.
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

  /** Adds text or thoughts. `alone`: they are a block of their own. */
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

  /** Closes the open block. */
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
