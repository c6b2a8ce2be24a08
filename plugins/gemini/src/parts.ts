// The vendor's parts and the contract's: the one place that knows how they map, in both directions. What an answer held
// can be sent back, so whatever a part has beyond what the contract names stays with it as `extra`, `thoughtSignature`
// above all, without which newer models refuse their own function calls.

import type { Image, Message, Part, ResultPart, ToolResult } from 'arete:provider/llm@0.1.0';

import { invalid } from './errors.ts';
import { type Fields, Raw, isObject, merge, parseObject, rest, text, write as writeJson } from './json.ts';

/**
 * A part of an answer. `id` is for a function call that the vendor gave none: then it tells calls apart by their order,
 * which the contract doesn't.
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
  // What stands before the vendor may give them as text. None at all are empty here: see `withArguments` in `answer`.
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

/** Text that the vendor refuses because it says nothing. One that carries a signature is of use to the vendor. */
export function isEmpty(part: Part | ResultPart): boolean {
  return part.tag === 'text' && part.val.text.trim() === '' && part.val.extra === undefined;
}

/** The list without what is empty, unless there is nothing else: then the vendor's own words say what is wrong. */
export function withoutEmpty<T>(list: T[], empty: (it: T) => boolean): T[] {
  return list.every(empty) ? list : list.filter((it) => !empty(it));
}

/** A part of a message, which stands at `at`. The vendor wants the name of a function with its result: see `names`. */
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

/** Texts are the function's `output`, or its `error`, as the vendor names them; all else is its `parts`. */
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

/** The names of the functions that the model called, by the ids of its calls. */
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

/** A JSON object that is passed on as it was typed. */
export function object(json: string, at: string): Raw {
  if (parseObject(json) === undefined) throw invalid(at, 'should be a JSON object');
  return new Raw(json);
}
