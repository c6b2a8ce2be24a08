// Maps the vendor's parts to the contract's and back; nothing else knows how. Parts of answers can be sent back, so
// fields that the contract doesn't name stay with their part in `extra`: newer models refuse their own function calls
// without the `thoughtSignature`.

import type { Image, Message, Part, ResultPart, ToolResult } from 'arete:provider/llm@0.1.1';

import { invalid } from './errors.ts';
import { type Fields, Raw, isObject, merge, parseObject, rest, text, write as writeJson } from './json.ts';

/**
 * Reads a part of an answer. `id` is for a function call without an ID: the vendor then tells calls apart by their
 * order, and the contract by ID.
 */
export function read(part: Fields, id: string): Part {
  if (isObject(part.functionCall)) return readCall(part, part.functionCall, id);
  const said = text(part.text);
  if (said !== undefined && part.thought === true) {
    const extra = rest(part, 'text', 'thought', 'thoughtSignature');
    return { tag: 'thinking', val: { text: said, signature: text(part.thoughtSignature), extra } };
  }
  if (said !== undefined) return { tag: 'text', val: { text: said, extra: rest(part, 'text') } };
  return readImage(part) ?? { tag: 'other', val: { kind: kindOf(part), json: writeJson(part) } };
}

function readCall(part: Fields, call: Fields, id: string): Part {
  const { id: given, name, args, ...more } = call;
  const beyond = Object.keys(more).length > 0 ? { ...part, functionCall: more } : { ...part, functionCall: null };
  // Gateways may give the arguments as text. If there are none, the input is empty: see `withArguments` in `answer`.
  const input = args === undefined || args === null ? '' : (text(args) ?? writeJson(args));
  return { tag: 'tool-use', val: { id: text(given) || id, name: text(name) ?? '', input, extra: rest(beyond) } };
}

function readImage(part: Fields): Part | undefined {
  if (!isObject(part.inlineData)) return undefined;
  const { mimeType, data, ...more } = part.inlineData;
  const [mediaType, base64] = [text(mimeType), text(data)];
  if (!mediaType?.startsWith('image/') || base64 === undefined || Object.keys(more).length > 0) return undefined;
  const source = { tag: 'data' as const, val: { mediaType, base64 } };
  return { tag: 'image', val: { source, extra: rest(part, 'inlineData') } };
}

function kindOf(part: Fields): string {
  return Object.keys(part).find((key) => !key.startsWith('thought')) ?? 'empty';
}

/** Returns true for empty text, which the vendor refuses, unless it carries a signature, which the vendor needs. */
export function isEmpty(part: Part | ResultPart): boolean {
  return part.tag === 'text' && part.val.text.trim() === '' && part.val.extra === undefined;
}

/** Returns the list without empty texts. If nothing else is left, they stay, and the vendor says what is wrong. */
export function withoutEmpty<T>(list: T[], empty: (it: T) => boolean): T[] {
  return list.every(empty) ? list : list.filter((it) => !empty(it));
}

/** Writes the part at `at` of a message. The vendor wants the function's name with its result: see `names`. */
export function write(part: Part, at: string, names: Map<string, string>): Fields | Raw {
  switch (part.tag) {
    case 'text':
      return withExtra({ text: part.val.text }, part.val.extra, at);
    case 'image':
      return withExtra(writeImage(part.val), part.val.extra, at);
    case 'tool-use': {
      const { id, name, input, extra } = part.val;
      return withExtra({ functionCall: { id: id || undefined, name, args: object(input, `${at}.input`) } }, extra, at);
    }
    case 'tool-result':
      return withExtra({ functionResponse: writeResult(part.val, at, names) }, part.val.extra, at);
    case 'thinking': {
      const { text, signature, extra } = part.val;
      return withExtra({ text, thought: true, thoughtSignature: signature }, extra, at);
    }
    case 'other':
      return object(part.val.json, `${at}.json`);
  }
}

function writeImage(image: Image): Fields {
  if (image.source.tag === 'url') return { fileData: { fileUri: image.source.val } };
  return { inlineData: { mimeType: image.source.val.mediaType, data: image.source.val.base64 } };
}

/** Writes texts as the function's `output`, or its `error` if it failed, and everything else as its `parts`. */
function writeResult(result: ToolResult, at: string, names: Map<string, string>): Fields {
  const name = names.get(result.toolUseId);
  if (name === undefined) {
    throw invalid(`${at}.toolUseId`, 'is the id of no tool call before it, and the vendor needs the name of the tool');
  }
  const texts: string[] = [];
  const parts: (Fields | Raw)[] = [];
  withoutEmpty([...result.content.entries()], ([, part]) => isEmpty(part)).forEach(([index, part]) => {
    if (part.tag === 'text' && part.val.extra === undefined) texts.push(part.val.text);
    else parts.push(writeResultPart(part, `${at}.content[${index}]`));
  });
  const response = { [result.isError ? 'error' : 'output']: texts.join('') };
  return { id: result.toolUseId || undefined, name, response, parts: parts.length > 0 ? parts : undefined };
}

function writeResultPart(part: ResultPart, at: string): Fields | Raw {
  switch (part.tag) {
    case 'text':
      return withExtra({ text: part.val.text }, part.val.extra, at);
    case 'image':
      return withExtra(writeImage(part.val), part.val.extra, at);
    case 'other':
      return object(part.val.json, `${at}.json`);
  }
}

/** Returns the names of the functions that the model called, by the IDs of the calls. */
export function namesOfCalls(messages: Message[]): Map<string, string> {
  const parts = messages.flatMap((message) => message.content);
  return new Map(parts.flatMap((part) => (part.tag === 'tool-use' ? [[part.val.id, part.val.name]] : [])));
}

/** Adds the fields of the contract's `extra`. */
export function withExtra(fields: Fields, extra: string | undefined, at: string): Fields {
  if (extra === undefined) return fields;
  const more = parseObject(extra);
  if (more === undefined) throw invalid(`${at}.extra`, 'should be a JSON object');
  const taken = merge(fields, more);
  if (taken !== undefined) throw invalid(`${at}.extra.${taken}`, 'is set by a field of its own already');
  return fields;
}

/** Returns a JSON object to be passed on as it was written. */
export function object(json: string, at: string): Raw {
  if (parseObject(json) === undefined) throw invalid(at, 'should be a JSON object');
  return new Raw(json);
}
