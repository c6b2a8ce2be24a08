// A streamed answer: the vendor's events, each an answer of its own with the next few parts, as deltas of blocks.

import type { Delta, Event, Part } from 'arete:provider/llm@0.1.0';

import * as answer from './answer.ts';
import { type Fields, parseObject, rest } from './json.ts';
import * as parts from './parts.ts';

type Words = Extract<Part, { tag: 'text' | 'thinking' }>;

/** A streamed answer, fed one event at a time. */
export class Stream {
  #model: string;
  #id: string | undefined;
  #started = false;
  /** The block that more text may be added to. */
  #open: 'text' | 'thinking' | undefined;
  /** A high surrogate at the end of that block, held back until the low one that belongs to it has come. */
  #half = '';
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
    return [...this.#otherHalf().events, finish].map((event) => ({ event }));
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
        const { events } = this.#otherHalf();
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
        return [...this.#otherHalf().events, { tag: 'part', val: { index: this.#block(), part } }];
    }
  }

  /** Text or thoughts. `alone`: they are a block of their own. */
  #words(part: Words, alone: boolean): Event[] {
    if (part.val.text === '' && !alone) return [];
    const { events, text } = this.#otherHalf(part);
    if (this.#open !== part.tag || alone) this.#block(alone ? undefined : part.tag);
    this.#half = alone ? '' : (/[\ud800-\udbff]$/.exec(text)?.[0] ?? '');
    const piece = text.slice(0, text.length - this.#half.length);
    const signature = part.tag === 'thinking' ? part.val.signature : undefined;
    if (piece !== '' || signature !== undefined) events.push(this.#piece(part.tag, piece, signature));
    if (part.val.extra !== undefined) {
      const whole = { ...part, val: { ...part.val, text } } as Words;
      events.push({ tag: 'part', val: { index: this.#index, part: whole } });
    }
    return events;
  }

  /**
   * The half that is held back, told with the other half if `next` begins with it, and what is left of `next` then. If
   * something else follows, U+FFFD stands for it.
   */
  #otherHalf(next?: Words): { events: Event[]; text: string } {
    const text = next?.val.text ?? '';
    const [open, half] = [this.#open, this.#half];
    if (open === undefined || half === '') return { events: [], text };
    this.#half = '';
    const fits = next?.tag === open && /^[\udc00-\udfff]/.test(text);
    const character = fits ? half + text.charAt(0) : '\ufffd';
    return { events: [this.#piece(open, character)], text: fits ? text.slice(1) : text };
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
