import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as answer from '../src/answer.ts';
import { body } from '../src/request.ts';
import { failure, message, request } from './say.ts';

function whole(candidate: object, more: object = {}): string {
  return JSON.stringify({ candidates: [candidate], modelVersion: 'm-001', responseId: 'r', ...more });
}

function read(candidate: object, more: object = {}) {
  return answer.read(whole(candidate, more), 'm');
}

test('every reason to stop has its word', () => {
  for (const [word, tag] of [
    ['STOP', 'end-turn'],
    ['MAX_TOKENS', 'max-tokens'],
    ['SAFETY', 'refusal'],
    ['RECITATION', 'refusal'],
    ['SPII', 'refusal'],
    ['PROHIBITED_CONTENT', 'refusal'],
  ] as const) {
    assert.equal(read({ finishReason: word }).finishReason.tag, tag);
  }
  assert.deepEqual(read({ finishReason: 'NO_IMAGE' }).finishReason, { tag: 'other', val: 'NO_IMAGE' });
  const filtered = read({ finishReason: 'SAFETY', finishMessage: 'no' });
  assert.equal(filtered.extra, '{"finishMessage":"no","finishReason":"SAFETY"}');
});

test('a question that is blocked is refused', () => {
  const said = '{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}';
  const blocked = answer.read(said, 'm');
  assert.deepEqual(blocked.finishReason, { tag: 'refusal' });
  assert.deepEqual([blocked.parts, blocked.model, blocked.usage.inputTokens], [[], 'm', 3]);
  assert.equal(blocked.extra, '{"promptFeedback":{"blockReason":"SAFETY"}}');
});

test('input is all input, and output holds the thoughts', () => {
  const usageMetadata = {
    promptTokenCount: 100, cachedContentTokenCount: 60, toolUsePromptTokenCount: 5,
    candidatesTokenCount: 7, thoughtsTokenCount: 11, totalTokenCount: 123, trafficType: 'ON_DEMAND',
  };
  assert.deepEqual(read({ finishReason: 'STOP' }, { usageMetadata }).usage, {
    inputTokens: 105, outputTokens: 18, cacheReadTokens: 60, reasoningTokens: 11,
    extra: '{"toolUsePromptTokenCount":5,"trafficType":"ON_DEMAND"}',
  });
});

test('counts are rounded, and what is no count stays in extra', () => {
  for (const [counts, input, output, extra] of [
    ['"promptTokenCount":125.6,"candidatesTokenCount":1e2', 126, 100, undefined],
    ['"promptTokenCount":1.5,"candidatesTokenCount":1.4', 2, 1, undefined],
    ['"promptTokenCount":-1', undefined, undefined, '{"promptTokenCount":-1}'],
    ['"promptTokenCount":-1,"toolUsePromptTokenCount":2', undefined, undefined, undefined],
    ['"promptTokenCount":4294967296', undefined, undefined, '{"promptTokenCount":4294967296}'],
    ['"candidatesTokenCount":"7"', undefined, undefined, '{"candidatesTokenCount":"7"}'],
    ['"candidatesTokenCount":7,"thoughtsTokenCount":-2.5', undefined, 7, '{"thoughtsTokenCount":-2.5}'],
    ['"thoughtsTokenCount":9', undefined, 9, undefined],
    ['"promptTokenCount":null,"candidatesTokenCount":true', undefined, undefined, '{"candidatesTokenCount":true}'],
  ] as const) {
    const { usage } = answer.read(`{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{${counts}}}`, 'm');
    assert.deepEqual([usage.inputTokens, usage.outputTokens], [input, output], counts);
    if (extra !== undefined) assert.equal(usage.extra, extra);
  }
});

test('numbers keep their digits', () => {
  const { parts, extra } = answer.read(
    '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"id": 2512292042121000001, "x": 1.10}},' +
      '"n":1e400},{"new":[0.10]}]},"finishReason":"STOP","avgLogprobs":-0.10000000000000000001}]}',
    'm',
  );
  assert.deepEqual(parts.map((part) => part.val), [
    { id: 'call-0', name: 'f', input: '{"id":2512292042121000001,"x":1.10}', extra: '{"n":1e400}' },
    { kind: 'new', json: '{"new":[0.10]}' },
  ]);
  assert.equal(extra, '{"avgLogprobs":-0.10000000000000000001}');
});

test('arguments may be text, and what was cut off is kept', () => {
  const parts = (args: unknown, finishReason: string, ...more: object[]) => {
    const call = { functionCall: { name: 'f', args } };
    return read({ content: { parts: [call, ...more] }, finishReason }).parts.map((part) => part.val);
  };
  const call = (input: string) => [{ id: 'r-0', name: 'f', input, extra: undefined }];
  const cut = (input: string) => [
    { kind: 'incomplete_tool_use', json: JSON.stringify({ id: 'r-0', name: 'f', input }) },
  ];
  assert.deepEqual(parts('{"a": 1.0}', 'STOP'), call('{"a": 1.0}'));
  assert.deepEqual(parts(' ', 'STOP'), call('{}'));
  assert.deepEqual(parts(undefined, 'STOP'), call('{}'));
  assert.deepEqual(parts('{"a', 'MAX_TOKENS'), cut('{"a'));
  assert.deepEqual(parts('{"a', 'SAFETY'), cut('{"a'));
  assert.deepEqual(parts(undefined, 'MAX_TOKENS'), cut(''));
  assert.deepEqual(parts(undefined, 'MAX_TOKENS', { text: 'a' })[0], call('{}')[0]);
  assert.deepEqual(parts({}, 'MAX_TOKENS'), call('{}'));
  assert.equal(failure(() => parts('{"a', 'STOP')).kind.tag, 'bad-response');
  assert.equal(failure(() => parts([1], 'STOP')).kind.tag, 'bad-response');
});

test('a call outside of a first candidate without content is found', () => {
  const candidates = [
    { finishReason: 'STOP' }, { finishReason: 'STOP', content: { parts: [{ functionCall: { name: 'f', args: {} } }] } },
  ];
  const { parts, finishReason } = answer.read(JSON.stringify({ candidates }), 'm');
  assert.deepEqual([parts.map((part) => part.tag), finishReason.tag], [['tool-use'], 'tool-use']);
});

test('what an answer held can be sent back as it came', () => {
  const parts = [
    { text: 'hm', thought: true, thoughtSignature: 's1' },
    { text: 'Grüße', thoughtSignature: 's2' },
    { functionCall: { id: 'c', name: 'f', args: { a: 1 } }, thoughtSignature: 's3' },
    { functionCall: { id: 'd', name: 'g', args: {}, willContinue: true } },
    { inlineData: { mimeType: 'image/png', data: 'AA==' }, thoughtSignature: 's4' },
    { executableCode: { language: 'PYTHON', code: '1' } },
  ];
  const found = read({ content: { parts }, finishReason: 'STOP' });
  assert.deepEqual(found.parts.map((part) => part.tag), ['thinking', 'text', 'tool-use', 'tool-use', 'image', 'other']);
  assert.equal(found.finishReason.tag, 'tool-use');
  const sent = JSON.parse(body(request([message('user', 'a'), message('assistant', ...found.parts)])));
  assert.deepEqual(sent.contents[1].parts, parts);
});

test('a call without an id gets one of its own', () => {
  const call = { functionCall: { name: 'f' } };
  const { parts } = read({ content: { parts: [call, call] }, finishReason: 'STOP' });
  const calls = parts.map((part) => (part.tag === 'tool-use' ? [part.val.id, part.val.input] : []));
  assert.deepEqual(calls, [['r-0', '{}'], ['r-1', '{}']]);
});

test('an answer that is none is told so', () => {
  const wrongPart = whole({ content: { parts: [1] }, finishReason: 'STOP' });
  for (const text of ['', '[]', '<html>', '{}', '{"candidates":[3]}', whole({}), wrongPart]) {
    assert.equal(failure(() => answer.read(text, 'm')).kind.tag, 'bad-response', text);
  }
  assert.equal(failure(() => answer.read('{"error":{"status":"UNAVAILABLE"}}', 'm')).kind.tag, 'overloaded');
});
