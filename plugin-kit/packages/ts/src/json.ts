// JSON as text and back. Numbers keep the digits they were written with, because the contract passes JSON on as text.
// JavaScript's own numbers would turn `1.10` into `1.1` and the last digits of a long id into zeros.

/** A JSON object with unknown fields. */
export type Fields = { [key: string]: unknown };

/** The deepest nesting of JSON, the same as the host's. */
export const DEPTH_MAX = 127;

/** JSON text that is written unchanged. Numbers are read as this, so they keep their digits. */
export class Raw {
  constructor(readonly text: string) {}
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Raw);
}

/** Parses an object; absent if the text is anything else. */
export function parseObject(text: string): Fields | undefined {
  const value = parse(text);
  return isObject(value) ? value : undefined;
}

/** Parses JSON; absent if the text isn't JSON. Strings may hold lone surrogates: see `wellFormed`. */
export function parse(text: string): unknown {
  try {
    return new Reader(text).whole();
  } catch {
    return undefined;
  }
}

/**
 * Reads JSON without losing a digit. A string may be a picture of megabytes, so its end is found by `indexOf` and it is
 * read by `JSON.parse`: a loop over its characters takes seconds in an interpreter.
 */
class Reader {
  #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): unknown {
    const value = this.#value(0);
    if (this.#at < this.#text.length) throw new SyntaxError();
    return value;
  }

  /** Reads a value and the white space around it. */
  #value(depth: number): unknown {
    this.#match(SPACE);
    const value = this.#bare(depth);
    this.#match(SPACE);
    return value;
  }

  #bare(depth: number): unknown {
    switch (this.#text[this.#at]) {
      case '{':
        // `fromEntries` treats `__proto__` like any other key.
        return Object.fromEntries(this.#items('}', depth, (inside) => this.#field(inside)));
      case '[':
        return this.#items(']', depth, (inside) => this.#value(inside));
      case '"':
        return this.#string();
      default:
        return this.#word();
    }
  }

  #items<T>(close: string, depth: number, item: (depth: number) => T): T[] {
    if (depth === DEPTH_MAX) throw new SyntaxError();
    const items: T[] = [];
    this.#at += 1;
    this.#match(SPACE);
    if (this.#take(close)) return items;
    do items.push(item(depth + 1));
    while (this.#take(','));
    if (!this.#take(close)) throw new SyntaxError();
    return items;
  }

  #field(depth: number): [string, unknown] {
    this.#match(SPACE);
    const key = this.#string();
    this.#match(SPACE);
    if (!this.#take(':')) throw new SyntaxError();
    return [key, this.#value(depth)];
  }

  #string(): string {
    const from = this.#at;
    if (!this.#take('"')) throw new SyntaxError();
    do {
      const quote = this.#text.indexOf('"', this.#at);
      if (quote < 0) throw new SyntaxError();
      this.#at = quote + 1;
    } while (this.#isEscaped(this.#at - 1));
    return JSON.parse(this.#text.slice(from, this.#at));
  }

  #isEscaped(at: number): boolean {
    let before = at;
    while (this.#text[before - 1] === '\\') before -= 1;
    return (at - before) % 2 === 1;
  }

  #word(): boolean | null | Raw {
    const word = this.#match(WORD);
    if (word === 'true' || word === 'false') return word === 'true';
    if (word === 'null') return null;
    if (word === '') throw new SyntaxError();
    return new Raw(word);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }
}

const SPACE = /[ \t\n\r]*/y;
const WORD = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Writes a value as compact JSON; fields that are undefined are left out. */
export function write(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(typeof value === 'string' ? value.toWellFormed() : value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `${write(key)}:${write(field)}`).join(',')}}`;
}

/** Writes the fields of an object except for these keys; absent if none are left. */
export function rest(fields: Fields, ...known: string[]): string | undefined {
  const left = Object.entries(fields).filter(([key, value]) => !known.includes(key) && value !== null);
  return left.length > 0 ? write(Object.fromEntries(left)) : undefined;
}

/**
 * Adds fields to an object, and to the objects in it. A field that is there already isn't overwritten, because either
 * value could be the intended one; its path is returned instead.
 */
export function merge(into: Fields, more: Fields): string | undefined {
  for (const [key, value] of Object.entries(more)) {
    const present = Object.hasOwn(into, key) ? into[key] : undefined;
    if (present === undefined) {
      Object.defineProperty(into, key, { value, writable: true, enumerable: true, configurable: true });
    } else if (isObject(present) && isObject(value)) {
      const taken = merge(present, value);
      if (taken !== undefined) return `${key}.${taken}`;
    } else {
      return key;
    }
  }
  return undefined;
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A number that was read. */
export function number(value: unknown): number | undefined {
  return value instanceof Raw ? Number(value.text) : undefined;
}

/** The largest count of the contract. */
export const COUNT_MAX = 0xffff_ffff;

/** Reads a count for the contract: fractions are rounded; anything that isn't a count is left out. */
export function count(value: unknown): number | undefined {
  const counted = Math.round(number(value) ?? Number.NaN);
  return counted >= 0 && counted <= COUNT_MAX ? counted : undefined;
}

/**
 * Returns the value with U+FFFD for each lone surrogate. JSON and JavaScript's strings can hold one, but a component
 * that returns such a string crashes.
 */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (Array.isArray(value)) return value.map(wellFormed) as T;
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, wellFormed(field)])) as T;
}

/**
 * Joins text that comes in pieces. A piece may end in the middle of a surrogate pair; the first half is held back until
 * the second half comes.
 */
export class Joiner {
  #half = '';

  /** Returns the text that is complete with this piece. Lone halves are left to `wellFormed`. */
  join(piece: string): string {
    if (piece === '') return '';
    const text = this.#half + piece;
    this.#half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? '';
    return text.slice(0, text.length - this.#half.length);
  }

  /** Returns the half that is held back at the end of the text, if any. */
  rest(): string {
    const rest = this.#half;
    this.#half = '';
    return rest;
  }
}

/** Returns the value without fields that are null. QuickJS passes absent values as null, not as undefined. */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T;
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutNulls(field)])) as T;
}
