// JSON: values of unknown shape on their way in, and a writer that passes through text as it was typed on the way out.

/** A JSON object of which nothing is known but that it is one. */
export type Fields = { [key: string]: unknown };

/** JSON text that is written as it is, so that the numbers in it keep their digits. */
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

/** The value that this text holds; absent when it isn't JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Like `JSON.stringify`, and knows `Raw`. */
export function write(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${write(field)}`).join(',')}}`;
}

/** What is left of an object besides these keys, as text; absent when nothing is. */
export function rest(fields: Fields, ...known: string[]): string | undefined {
  const left = Object.entries(fields).filter(([key, value]) => !known.includes(key) && value !== null);
  return left.length > 0 ? JSON.stringify(Object.fromEntries(left)) : undefined;
}

/**
 * Adds fields to an object, and to the objects in it. A field that is there already isn't overruled, because either
 * value could be the one that was meant; its path is returned instead.
 */
export function merge(into: Fields, more: Fields): string | undefined {
  for (const [key, value] of Object.entries(more)) {
    const present = Object.hasOwn(into, key) ? into[key] : undefined;
    if (present === undefined) {
      into[key] = value;
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

/** A count as the contract takes it. */
export function count(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) >= 0 ? Math.min(value as number, 0xffff_ffff) : undefined;
}

/** The same without the fields that are null. QuickJS gives what is absent as null, where its types say undefined. */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T;
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutNulls(field)])) as T;
}
