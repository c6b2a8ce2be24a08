// Writes the contract's request as the body of `generateContent`. Only what the caller set is sent.

import type { Message, Request, Role, Tool, ToolChoice } from 'arete:provider/llm@0.1.1';

import { invalid } from './errors.ts';
import { type Fields, Raw, isObject, merge, parse, parseObject, write } from './json.ts';
import * as parts from './parts.ts';

/** The caller's names of fields, for errors about a field that `extra` sets a second time. */
const FIELDS: { [key: string]: string } = {
  contents: 'messages',
  systemInstruction: 'messages',
  tools: 'tools',
  'toolConfig.functionCallingConfig': 'toolChoice',
  'generationConfig.maxOutputTokens': 'maxTokens',
  'generationConfig.temperature': 'temperature',
  'generationConfig.topP': 'topP',
  'generationConfig.topK': 'topK',
  'generationConfig.stopSequences': 'stopSequences',
};

/** Writes the body. */
export function body(request: Request): string {
  const fields: Fields = {};
  const set = (key: string, value: Fields | unknown[] | undefined) => {
    if (value !== undefined && Object.keys(value).length > 0) fields[key] = value;
  };
  set('systemInstruction', system(request.messages));
  set('contents', contents(request.messages));
  set('generationConfig', generationConfig(request));
  set('tools', request.tools.length > 0 ? [{ functionDeclarations: request.tools.map(declaration) }] : undefined);
  set('toolConfig', request.toolChoice && { functionCallingConfig: calling(request.toolChoice) });
  if (fields.contents === undefined) {
    throw invalid('messages', 'needs a message of the user: system messages alone are no question');
  }
  const extra = request.extra === undefined ? {} : parseObject(request.extra);
  if (extra === undefined) throw invalid('extra', 'should be a JSON object');
  const taken = merge(fields, extra);
  if (taken !== undefined) {
    throw invalid(`extra.${taken}`, `is set already; the field for it is \`${FIELDS[taken] ?? taken}\``);
  }
  return write(fields);
}

/** Collects all system messages, wherever they are: the vendor has a field of its own for them. */
function system(messages: Message[]): Fields | undefined {
  const all = messages.flatMap((message, index) => {
    if (message.role.tag !== 'system') return [];
    if (message.extra !== undefined) {
      const says = "can't be sent: the vendor knows no system messages, only one instruction";
      throw invalid(`messages[${index}].extra`, says);
    }
    return message.content.map((part, place) => {
      const at = `messages[${index}].content[${place}]`;
      if (part.tag !== 'text') {
        throw invalid(at, 'is in a system message and should be text, which is all the vendor takes there');
      }
      return { empty: parts.isEmpty(part), text: parts.withExtra({ text: part.val.text }, part.val.extra, at) };
    });
  });
  const texts = parts.withoutEmpty(all, (it) => it.empty).map((it) => it.text);
  return texts.length > 0 ? { parts: texts } : undefined;
}

/**
 * Joins neighbouring messages of one role: the vendor wants the results of all functions that were called together in
 * one message.
 */
function contents(messages: Message[]): Fields[] {
  const names = parts.namesOfCalls(messages);
  const turns: { role: string; parts: unknown[]; own: boolean; fields: Fields }[] = [];
  messages.forEach((message, index) => {
    if (message.role.tag === 'system') return;
    const at = `messages[${index}]`;
    const role = roleOf(message.role);
    const places = parts.withoutEmpty([...message.content.entries()], ([, part]) => parts.isEmpty(part));
    if (message.role.tag === 'assistant' && places.every(([, part]) => parts.isEmpty(part))) return;
    const said = places.map(([place, part]) => parts.write(part, `${at}.content[${place}]`, names));
    const last = turns.at(-1);
    const own = message.extra !== undefined;
    if (last?.role === role && !last.own && !own) {
      last.parts.push(...said);
    } else {
      turns.push({ role, parts: said, own, fields: parts.withExtra({ role, parts: said }, message.extra, at) });
    }
  });
  return turns.map((turn) => turn.fields);
}

/** Sends a role that isn't known here as it is: the vendor may know it, and its error is clear if it doesn't. */
function roleOf(role: Role): string {
  if (role.tag === 'other') return role.val;
  return role.tag === 'assistant' ? 'model' : role.tag;
}

function generationConfig(request: Request): Fields {
  const number = (field: string, value: number | undefined) => {
    if (value !== undefined && !Number.isFinite(value)) throw invalid(field, 'should be a finite number');
    return value;
  };
  const config: Fields = {
    maxOutputTokens: request.maxTokens,
    temperature: number('temperature', request.temperature),
    topP: number('topP', request.topP),
    topK: request.topK,
    stopSequences: request.stopSequences.length > 0 ? request.stopSequences : undefined,
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function declaration(tool: Tool, index: number): Fields {
  const at = `tools[${index}]`;
  const schema = parts.object(tool.inputSchema, `${at}.inputSchema`);
  const parametersJsonSchema = takesNothing(schema) ? undefined : schema;
  return parts.withExtra({ name: tool.name, description: tool.description, parametersJsonSchema }, tool.extra, at);
}

/** Leaves out the schema of a function without arguments: the vendor refuses the schema of an empty object. */
function takesNothing(schema: Raw): boolean {
  const { type, properties, ...more } = parseObject(schema.text) ?? {};
  return Object.keys(more).length === 0 && (!isObject(properties) || Object.keys(properties).length === 0);
}

function calling(choice: ToolChoice): Fields | Raw {
  switch (choice.tag) {
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [choice.val] };
    case 'other':
      if (parse(choice.val) === undefined) throw invalid('toolChoice', 'should be JSON');
      return new Raw(choice.val);
    default:
      return { mode: choice.tag.toUpperCase() };
  }
}
