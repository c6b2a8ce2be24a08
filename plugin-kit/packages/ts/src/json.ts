// JSON as text and back. Numbers keep the digits they were written with, because the contract passes JSON on as text.
// JavaScript's own numbers would turn `1.10` into `1.1` and the last digits of a long id into zeros.

/** A JSON object of which nothing is known but that it is one. */
export type Fields = { [key: string]: unknown };

/** How deep JSON may be nested. The host takes no deeper JSON either. */
export const DEPTH_MAX = 127;

/** JSON text that is written as it is. Numbers that were read are this too, in the digits they had. */
export class Raw {
  constructor(readonly text: string) {}
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Raw);
}

/** The object that this text holds; absent when it holds anything else. */
export function parseObject(text: string): Fields | undefined {
  const value = parse(text);
  return isObject(value) ? value : undefined;
}

/** The value that this text holds; absent when it isn't JSON. Strings may hold lone surrogates: see `wellFormed`. */
export function parse(text: string): unknown {
  try {
    return new Reader(text).whole();
  } catch {
    return undefined;
  }
}

/**
 * Reads JSON without losing a digit. Strings, which may be megabytes of a picture, are found by `indexOf` and read by
 * `JSON.parse`, because a loop over their characters takes seconds in an interpreter.
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
        // `fromEntries` also takes the key `__proto__` for a key.
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

/** The shortest text of a value; fields that are undefined are left out. */
export function write(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(typeof value === 'string' ? value.toWellFormed() : value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `${write(key)}:${write(field)}`).join(',')}}`;
}

/** What is left of an object besides these keys, as text; absent when nothing is. */
export function rest(fields: Fields, ...known: string[]): string | undefined {
  const left = Object.entries(fields).filter(([key, value]) => !known.includes(key) && value !== null);
  return left.length > 0 ? write(Object.fromEntries(left)) : undefined;
}

/**
 * Adds fields to an object, and to the objects in it. A field that is there already isn't overruled, because either
 * value could be the one that was meant; its path is returned instead.
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

/** A count as the contract takes it: fractions are rounded, and what is no count is left out. */
export function count(value: unknown): number | undefined {
  const counted = Math.round(number(value) ?? Number.NaN);
  return counted >= 0 && counted <= COUNT_MAX ? counted : undefined;
}

/**
 * The same with U+FFFD for each lone surrogate. JSON and JavaScript's strings can hold one, but a component that returns
 * such a string crashes.
 */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (Array.isArray(value)) return value.map(wellFormed) as T;
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, wellFormed(field)])) as T;
}

/**
 * Text that comes in pieces, which may end in the middle of a surrogate pair. The first half of a pair is held back until
 * its other half has come.
 */
export class Joiner {
  #half = '';

  /** What can be told once this piece has come. Halves that stay alone are left to `wellFormed`. */
  join(piece: string): string {
    if (piece === '') return '';
    const text = this.#half + piece;
    this.#half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? '';
    return text.slice(0, text.length - this.#half.length);
  }

  /** What is held back, at the end of the text. */
  rest(): string {
    const rest = this.#half;
    this.#half = '';
    return rest;
  }
}

/** The same without the fields that are null. QuickJS gives what is absent as null, where its types say undefined. */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T;
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutNulls(field)])) as T;
}
