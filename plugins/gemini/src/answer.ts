// The vendor's whole answer as a completion. Everything in an answer besides its parts (ID, finish reason, counts) is
// read here for streams too.

import type { Completion, FinishReason, Part, Usage } from 'arete:provider/llm@0.1.1';

import { Failure, broken, errorOf, inBand } from './errors.ts';
import { COUNT_MAX, type Fields, count, isObject, list, parse, parseObject, rest, text, write } from './json.ts';
import * as parts from './parts.ts';

/** The finish reasons of answers that the vendor's filters stopped. */
const FILTERED = [
  'SAFETY',
  'RECITATION',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
];

/** The content of one answer, or of one event of a stream. */
export type Said = {
  id: string | undefined;
  model: string | undefined;
  parts: Fields[];
  /** The vendor's name for the finish reason; absent until the answer ends. */
  reason: string | undefined;
  /** True if the vendor blocked the question and gives no answer. */
  blocked: boolean;
  usage: Usage | undefined;
  /** Fields that the contract has no place for. */
  extra: Fields;
};

/** Reads the body of an answer with status 200. */
export function read(body: string, model: string): Completion {
  const said = take(parse(body));
  const found = said.parts.map((part, index) => parts.read(part, callId(said.id, index)));
  const reason = finishReason(said, found.some(isCall));
  if (reason === undefined) throw broken('it has neither a `finishReason` nor a `blockReason`');
  return {
    id: said.id ?? '',
    model: said.model ?? model,
    parts: found.map((part, index) => withArguments(part, index === found.length - 1, reason)),
    finishReason: reason,
    usage: said.usage ?? {},
    extra: rest(said.extra),
  };
}

/** Takes apart an answer or an event. */
export function take(answer: unknown): Said {
  const error = errorOf(answer);
  if (error !== undefined) throw inBand(error);
  if (!isObject(answer)) throw broken('it should be a JSON object');

  const { candidates, promptFeedback, usageMetadata, modelVersion, responseId, ...more } = answer;
  const [first, ...others] = callsFirst(list(candidates));
  if (first !== undefined && !isObject(first)) throw broken('`candidates[0]` should be an object');
  const { content, finishReason: reason, index, ...about } = first ?? {};
  const blocked = first === undefined && isObject(promptFeedback) && promptFeedback.blockReason !== undefined;
  const found = isObject(content) ? list(content.parts) : [];
  const extra = { ...more, ...about, promptFeedback: promptFeedback ?? null };
  return {
    id: text(responseId),
    model: text(modelVersion),
    parts: found.map((part, place) => {
      if (!isObject(part)) throw broken(`\`candidates[0].content.parts[${place}]\` should be an object`);
      return part;
    }),
    reason: text(reason) || undefined,
    blocked,
    usage: isObject(usageMetadata) ? usage(usageMetadata) : undefined,
    extra: {
      ...extra,
      // The contract has one finish reason for several of the vendor's, so the vendor's own is kept.
      finishReason: FILTERED.includes(text(reason) ?? '') ? reason : null,
      candidates: others.length > 0 ? others : null,
    },
  };
}

/** Puts a candidate that calls tools first if the first one has no content. The others keep their order behind it. */
function callsFirst(candidates: unknown[]): unknown[] {
  const partsOf = (candidate: unknown) =>
    isObject(candidate) && isObject(candidate.content) ? list(candidate.content.parts) : [];
  if (candidates.length < 2 || partsOf(candidates[0]).length > 0) return candidates;
  const calls = candidates.findIndex((it) => partsOf(it).some((part) => isObject(part) && isObject(part.functionCall)));
  return calls < 0 ? candidates : [candidates[calls], ...candidates.filter((_, index) => index !== calls)];
}

/**
 * Returns a call with arguments as the contract wants them: a JSON object. If the answer was cut off inside the
 * arguments, the call is kept as `incomplete_tool_use` with the text so far. In a stream the host does this.
 */
function withArguments(part: Part, last: boolean, reason: FinishReason): Part {
  if (part.tag !== 'tool-use') return part;
  const { id, name, input, extra } = part.val;
  const tokensRanOut = reason.tag === 'max-tokens' || reason.tag === 'context-window-exceeded';
  const none = input.trim() === '';
  if (none && !(last && tokensRanOut)) return { tag: 'tool-use', val: { id, name, input: '{}', extra } };
  if (!none && parseObject(input) !== undefined) return part;
  if (reason.tag === 'end-turn' || reason.tag === 'tool-use') {
    throw broken('the arguments of a function call should be a JSON object');
  }
  const more = extra === undefined ? undefined : parseObject(extra);
  return { tag: 'other', val: { kind: 'incomplete_tool_use', json: write({ id, name, input, extra: more }) } };
}

/** Returns the reason why the model stopped; absent if the vendor gave none. `called`: the answer calls a tool. */
export function finishReason(said: Pick<Said, 'reason' | 'blocked'>, called: boolean): FinishReason | undefined {
  if (said.blocked) return { tag: 'refusal' };
  if (said.reason === undefined) return undefined;
  if (said.reason === 'STOP') return { tag: called ? 'tool-use' : 'end-turn' };
  if (said.reason === 'MAX_TOKENS') return { tag: 'max-tokens' };
  return FILTERED.includes(said.reason) ? { tag: 'refusal' } : { tag: 'other', val: said.reason };
}

export function isCall(part: Part): boolean {
  return part.tag === 'tool-use';
}

/** Makes an ID for a function call without one, unique within the conversation. */
export function callId(answer: string | undefined, index: number): string {
  return `${answer ?? 'call'}-${index}`;
}

/** Reads the counts. The vendor counts thoughts, and what its own tools add to the question, separately. */
function usage(counts: Fields): Usage {
  const taken = ['totalTokenCount'];
  const one = (key: string) => {
    const known = count(counts[key]);
    if (known !== undefined) taken.push(key);
    return known;
  };
  // If the first count makes no sense, neither does the sum. A count that the vendor leaves out is 0.
  const sum = (key: string, more: number | undefined) => {
    const base = one(key);
    if (base === undefined && (counts[key] ?? null) !== null) return undefined;
    if (base === undefined && more === undefined) return undefined;
    const all = (base ?? 0) + (more ?? 0);
    return all <= COUNT_MAX ? all : undefined;
  };
  const thoughts = one('thoughtsTokenCount');
  return {
    // The tokens that tools add stay in `extra` too: nothing else tells them apart.
    inputTokens: sum('promptTokenCount', count(counts.toolUsePromptTokenCount)),
    outputTokens: sum('candidatesTokenCount', thoughts),
    cacheReadTokens: one('cachedContentTokenCount'),
    reasoningTokens: thoughts,
    extra: rest(counts, ...taken),
  };
}

export function interrupted(): Failure {
  const message = 'The vendor closed the stream before the end of its answer.';
  return new Failure({ kind: { tag: 'interrupted' }, message });
}
