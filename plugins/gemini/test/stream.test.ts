import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Event } from 'arete:provider/llm@0.1.1';

import { parse, wellFormed } from '../src/json.ts';
import { Stream } from '../src/stream.ts';
import { failure } from './say.ts';

type Chunk = { parts?: object[]; reason?: string; usage?: object };

const said = (event: object) => parse(JSON.stringify(event));

function hear(...chunks: Chunk[]): Event[] {
  const stream = new Stream('m');
  const deltas = chunks.flatMap(({ parts = [], reason, usage }) =>
    stream.take(
      said({
        candidates: [{ content: { role: 'model', parts }, finishReason: reason }],
        usageMetadata: usage, modelVersion: 'm-001', responseId: 'r',
      }),
    ),
  );
  return [...deltas, ...stream.end()].map((delta) => delta.event);
}

test('texts of one kind are one block, and the end tells the reason', () => {
  const events = hear(
    { parts: [{ text: 'hm', thought: true }], usage: { promptTokenCount: 3 } },
    { parts: [{ text: 'm', thought: true }, { text: 'A' }] },
    { parts: [{ text: 'B' }] },
    { parts: [{ text: '' }], reason: 'STOP', usage: { promptTokenCount: 3, candidatesTokenCount: 2 } },
  );
  assert.deepEqual(events.map(({ tag, val }) => [tag, (val as { index?: number }).index]), [
    ['start', undefined], ['thinking', 0], ['usage', undefined], ['thinking', 0], ['text', 1], ['text', 1],
    ['usage', undefined], ['finish', undefined],
  ]);
  assert.deepEqual(events[0]?.val, { id: 'r', model: 'm-001' });
  assert.deepEqual(events.at(-1)?.val, { reason: { tag: 'end-turn' }, extra: undefined });
});

test('a signed part is a block of its own and told in whole', () => {
  const signed = { text: '', thoughtSignature: 's' };
  const events = hear({ parts: [{ text: 'A' }] }, { parts: [signed] }, { parts: [{ text: 'B' }], reason: 'STOP' });
  const part = { tag: 'text', val: { text: '', extra: '{"thoughtSignature":"s"}' } };
  assert.deepEqual(events.slice(1, -1), [
    { tag: 'text', val: { index: 0, text: 'A' } },
    { tag: 'part', val: { index: 1, part } },
    { tag: 'text', val: { index: 2, text: 'B' } },
  ]);
});

test('calls of tools are blocks with ids, and the reason to stop', () => {
  const call = (name: string) => ({ functionCall: { name, args: { a: 1 } } });
  const events = hear({ parts: [call('f')], reason: 'STOP' }, { parts: [call('g')], reason: 'STOP' });
  assert.deepEqual(events.slice(1), [
    { tag: 'tool-use', val: { index: 0, id: 'r-0', name: 'f', input: '{"a":1}' } },
    { tag: 'tool-use', val: { index: 1, id: 'r-1', name: 'g', input: '{"a":1}' } },
    { tag: 'finish', val: { reason: { tag: 'tool-use' }, extra: undefined } },
  ]);
});

test('a stream that ends without a reason was interrupted', () => {
  assert.equal(failure(() => hear({ parts: [{ text: 'A' }] })).kind.tag, 'interrupted');
  assert.equal(failure(() => hear()).kind.tag, 'interrupted');
});

test('an error in the stream is that error', () => {
  const error = failure(() => new Stream('m').take(said({ error: { code: 503, status: 'UNAVAILABLE', message: 'Busy.' } })));
  assert.deepEqual([error.kind.tag, error.message, error.status], ['overloaded', 'Busy.', undefined]);
});

test('a question that is blocked is refused', () => {
  const stream = new Stream('m');
  stream.take(said({ promptFeedback: { blockReason: 'SAFETY' } }));
  const [end] = stream.end();
  const extra = '{"promptFeedback":{"blockReason":"SAFETY"}}';
  assert.deepEqual(end?.event, { tag: 'finish', val: { reason: { tag: 'refusal' }, extra } });
});

test('halves of a character in neighbouring pieces of a block are one character', () => {
  const texts = (...chunks: Chunk[]) =>
    wellFormed(hear(...chunks)).flatMap(({ tag, val }): unknown[] =>
      tag === 'text' || tag === 'thinking' ? [`${tag} ${val.index} ${val.text}`] : tag === 'part' ? [val.part.val] : [],
    );
  const thought = (text: string) => ({ text, thought: true });
  assert.deepEqual(texts({ parts: [{ text: 'hi \ud83d' }] }, { parts: [{ text: '\ude00 there' }], reason: 'STOP' }), [
    'text 0 hi ', 'text 0 😀 there',
  ]);
  const parts = [thought('\ud83d'), thought(''), thought('\ude00')];
  assert.deepEqual(texts({ parts, reason: 'STOP' }), ['thinking 0 😀']);
  assert.deepEqual(texts({ parts: [{ text: 'a\ud83d' }, { text: 'b\ude00' }], reason: 'STOP' }), [
    'text 0 a', 'text 0 \ufffdb\ufffd',
  ]);
  assert.deepEqual(texts({ parts: [{ text: '\ud83d' }, thought('\ude00')], reason: 'STOP' }), [
    'text 0 \ufffd', 'thinking 1 \ufffd',
  ]);
  assert.deepEqual(texts({ parts: [{ text: 'a\ud83d' }], reason: 'STOP' }), ['text 0 a', 'text 0 \ufffd']);
});

test('arguments go on as they came, and are told in whole only if they are an object', () => {
  const call = (args: unknown) => ({ functionCall: { name: 'f', args }, thoughtSignature: 's' });
  const told = (args: unknown) => hear({ parts: [call(args)], reason: 'MAX_TOKENS' }).slice(1, -1).map((it) => it.val);
  const head = { index: 0, id: 'r-0', name: 'f' };
  const whole = (input: string) => ({
    index: 0, part: { tag: 'tool-use', val: { id: 'r-0', name: 'f', input, extra: '{"thoughtSignature":"s"}' } },
  });
  assert.deepEqual(told({ a: '\ud83d' }), [{ ...head, input: '{"a":"\ufffd"}' }, whole('{"a":"\ufffd"}')]);
  assert.deepEqual(told('{"a": 1.0}'), [{ ...head, input: '{"a": 1.0}' }, whole('{"a": 1.0}')]);
  assert.deepEqual(told('{"a": 1'), [{ ...head, input: '{"a": 1' }]);
  assert.deepEqual(told(undefined), [{ ...head, input: '' }, whole('{}')]);
});
