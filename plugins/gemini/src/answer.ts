// The vendor's whole answer as a completion. What an answer says of itself beside its parts is read here for streams
// too.

import type { Completion, FinishReason, Part, Usage } from 'arete:provider/llm@0.1.0';

import { Failure, broken, errorOf, inBand } from './errors.ts';
import { type Fields, count, isObject, list, parse, rest, text } from './json.ts';
import * as parts from './parts.ts';

/** The vendor's words for what its filters stop. */
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

/** What one answer, or one event of a stream, holds. */
export type Said = {
  id: string | undefined;
  model: string | undefined;
  parts: Fields[];
  /** The vendor's word for why it stopped. Absent while it goes on. */
  reason: string | undefined;
  /** The vendor took offence at the question and won't answer at all. */
  blocked: boolean;
  usage: Usage | undefined;
  /** What the vendor said beyond the contract. */
  extra: Fields;
};

/** The body of an answer with status 200. */
export function read(body: string, model: string): Completion {
  const said = take(body);
  const found = said.parts.map((part, index) => parts.read(part, callId(said.id, index)));
  const reason = finishReason(said, found.some(isCall));
  if (reason === undefined) throw broken('it has neither a `finishReason` nor a `blockReason`');
  return {
    id: said.id ?? '',
    model: said.model ?? model,
    parts: found,
    finishReason: reason,
    usage: said.usage ?? {},
    extra: rest(said.extra),
  };
}

/** Takes apart an answer or an event. */
export function take(body: string): Said {
  const answer = parse(body);
  const error = errorOf(answer);
  if (error !== undefined) throw inBand(error);
  if (!isObject(answer)) throw broken('it should be a JSON object');

  const { candidates, promptFeedback, usageMetadata, modelVersion, responseId, ...more } = answer;
  const [first, ...others] = list(candidates);
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
      // The contract has one word for what the vendor has several.
      finishReason: FILTERED.includes(text(reason) ?? '') ? reason : null,
      candidates: others.length > 0 ? others : null,
    },
  };
}

/** Why the model stopped; absent when the vendor hasn't said that it has. `called`: the answer has a call of a tool. */
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

/** An id for a function call that the vendor gave none, which no other call of the conversation has. */
export function callId(answer: string | undefined, index: number): string {
  return `${answer ?? 'call'}-${index}`;
}

/** The vendor counts what its own tools put into the question, and thoughts, beside the other tokens. */
function usage(counts: Fields): Usage {
  const sum = (...keys: string[]) => {
    const known = keys.map((key) => count(counts[key])).filter((value) => value !== undefined);
    return known.length > 0 ? Math.min(known.reduce((one, other) => one + other), 0xffff_ffff) : undefined;
  };
  return {
    inputTokens: sum('promptTokenCount', 'toolUsePromptTokenCount'),
    outputTokens: sum('candidatesTokenCount', 'thoughtsTokenCount'),
    cacheReadTokens: sum('cachedContentTokenCount'),
    reasoningTokens: sum('thoughtsTokenCount'),
    extra: rest(
      counts,
      'promptTokenCount',
      'candidatesTokenCount',
      'thoughtsTokenCount',
      'cachedContentTokenCount',
      'totalTokenCount',
    ),
  };
}

export function interrupted(): Failure {
  const message = 'The vendor closed the stream before the end of its answer.';
  return new Failure({ kind: { tag: 'interrupted' }, message });
}
