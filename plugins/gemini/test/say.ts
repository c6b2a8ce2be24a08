// Shorthands of the tests.

import type { Message, Part, Request, Role } from 'arete:provider/llm@0.1.1';

import { Failure } from '../src/errors.ts';

export function message(role: Role['tag'], ...content: (Part | string)[]): Message {
  const parts = content.map((part): Part => (typeof part === 'string' ? { tag: 'text', val: { text: part } } : part));
  return { role: { tag: role } as Role, content: parts };
}

export function request(messages: Message[], more: Partial<Request> = {}): Request {
  return { model: 'gemini-3.5-flash', messages, stopSequences: [], tools: [], ...more };
}

/** What a call throws, as the contract's error. */
export function failure(work: () => unknown) {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown.error;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}
