import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Part, ResultPart } from 'arete:provider/llm@0.1.1';

import { withoutNulls } from '../src/json.ts';
import { body } from '../src/request.ts';
import { failure, message, request } from './say.ts';

test('nothing is sent that the caller did not set', () => {
  assert.equal(body(request([message('user', 'hi')])), '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}');
});

test('what the caller set goes to its place', () => {
  const tool = { name: 'now', inputSchema: '{"type":"object","properties":{}}' };
  const asked = request([message('system', 'a'), message('user', 'hi'), message('system', 'b')], {
    maxTokens: 9,
    temperature: 0.7,
    topP: 0.9,
    topK: 3,
    stopSequences: ['x'],
    tools: [tool, { name: 'add', description: 'd', inputSchema: '{"properties":{"n":{"maximum":1.50}}}' }],
    toolChoice: { tag: 'tool', val: 'add' },
    extra: '{"generationConfig":{"seed":7},"cachedContent":"cachedContents/1"}',
  });
  assert.equal(
    body(asked),
    '{"systemInstruction":{"parts":[{"text":"a"},{"text":"b"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}],' +
      '"generationConfig":{"maxOutputTokens":9,"temperature":0.7,"topP":0.9,"topK":3,"stopSequences":["x"],"seed":7},' +
      '"tools":[{"functionDeclarations":[{"name":"now"},{"name":"add","description":"d",' +
      '"parametersJsonSchema":{"properties":{"n":{"maximum":1.50}}}}]}],' +
      '"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["add"]}},' +
      '"cachedContent":"cachedContents/1"}',
  );
});

test('each choice of tools has its mode', () => {
  for (const [choice, mode] of [['auto', 'AUTO'], ['any', 'ANY'], ['none', 'NONE']] as const) {
    const sent = JSON.parse(body(request([message('user', 'hi')], { toolChoice: { tag: choice } })));
    assert.deepEqual(sent.toolConfig, { functionCallingConfig: { mode } });
  }
  const own = body(request([message('user', 'hi')], { toolChoice: { tag: 'other', val: '{"mode":"VALIDATED"}' } }));
  assert.deepEqual(JSON.parse(own).toolConfig, { functionCallingConfig: { mode: 'VALIDATED' } });
});

test('a key that is set already is refused by its name', () => {
  for (const [extra, field] of [
    ['{"contents":[]}', 'extra.contents'],
    ['{"generationConfig":{"maxOutputTokens":1}}', 'extra.generationConfig.maxOutputTokens'],
    ['{"generationConfig":1}', 'extra.generationConfig'],
    ['[]', 'extra'],
  ] as const) {
    const error = failure(() => body(request([message('user', 'hi')], { maxTokens: 5, extra })));
    assert.deepEqual([error.kind.tag, error.field], ['invalid-request', field]);
  }
});

test('a tool is called, answered, and the neighbours of one role are one turn', () => {
  const input = '{"n":12345678901234567890}';
  const call: Part = { tag: 'tool-use', val: { id: 'r-0', name: 'add', input, extra: '{"thoughtSignature":"s"}' } };
  const data = { mediaType: 'image/png', base64: 'AA==' };
  const image: ResultPart = { tag: 'image', val: { source: { tag: 'data', val: data } } };
  const result = (isError: boolean): Part => ({
    tag: 'tool-result',
    val: { toolUseId: 'r-0', content: [{ tag: 'text', val: { text: '2' } }, image], isError },
  });
  const before = [message('user', 'add'), message('assistant', call)];
  const parts = '"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]';
  assert.equal(
    body(request([...before, message('user', result(false)), message('user', result(true), 'so?')])),
    '{"contents":[{"role":"user","parts":[{"text":"add"}]},' +
      '{"role":"model","parts":[{"functionCall":{"id":"r-0","name":"add","args":{"n":12345678901234567890}},' +
      '"thoughtSignature":"s"}]},{"role":"user","parts":[' +
      `{"functionResponse":{"id":"r-0","name":"add","response":{"output":"2"},${parts}}},` +
      `{"functionResponse":{"id":"r-0","name":"add","response":{"error":"2"},${parts}}},` +
      '{"text":"so?"}]}]}',
  );
});

test('what can not be sent is refused where it stands', () => {
  const image: Part = { tag: 'image', val: { source: { tag: 'url', val: 'https://x/y.png' } } };
  const result: Part = { tag: 'tool-result', val: { toolUseId: 'gone', content: [], isError: false } };
  for (const [asked, field] of [
    [[message('system', 'only')], 'messages'],
    [[message('user', 'a'), message('system', image)], 'messages[1].content[0]'],
    [[message('user', 'a', result)], 'messages[0].content[1].toolUseId'],
    [[message('user', { tag: 'other', val: { kind: 'x', json: '3' } })], 'messages[0].content[0].json'],
  ] as const) {
    assert.equal(failure(() => body(request([...asked]))).field, field);
  }
  assert.equal(failure(() => body(request([message('user', 'a')], { temperature: Number.NaN }))).field, 'temperature');
});

test('an image at an address and a part in the words of the vendor go as they are', () => {
  const extra = '{"fileData":{"mimeType":"image/png"}}';
  const image: Part = { tag: 'image', val: { source: { tag: 'url', val: 'https://x/y' }, extra } };
  const other: Part = { tag: 'other', val: { kind: 'executableCode', json: '{"executableCode":{"code":"1"}}' } };
  assert.equal(
    body(request([message('user', image, other)])),
    '{"contents":[{"role":"user","parts":[{"fileData":{"fileUri":"https://x/y","mimeType":"image/png"}},' +
      '{"executableCode":{"code":"1"}}]}]}',
  );
});

test('what is absent may come as null', () => {
  const asked = request([message('user', 'hi')], { maxTokens: null, toolChoice: null, extra: null } as never);
  assert.equal(body(withoutNulls(asked)), '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}');
});

test('texts that are empty are left out where something else is', () => {
  const call: Part = { tag: 'tool-use', val: { id: 'r-0', name: 'f', input: '{}' } };
  const signed: Part = { tag: 'text', val: { text: '', extra: '{"thoughtSignature":"s"}' } };
  const empty: ResultPart = { tag: 'text', val: { text: ' ' } };
  const full: ResultPart = { tag: 'text', val: { text: '2' } };
  const result: Part = { tag: 'tool-result', val: { toolUseId: 'r-0', content: [empty, full], isError: false } };
  const sent = JSON.parse(
    body(request([
      message('system', '', 'a'), message('user', ' ', 'b'), message('assistant', '', call, signed),
      message('user', result), message('assistant', ' \n'), message('user', ''),
    ])),
  );
  assert.deepEqual(sent.systemInstruction.parts, [{ text: 'a' }]);
  assert.deepEqual(sent.contents, [
    { role: 'user', parts: [{ text: 'b' }] },
    {
      role: 'model',
      parts: [{ functionCall: { id: 'r-0', name: 'f', args: {} } }, { text: '', thoughtSignature: 's' }],
    },
    {
      role: 'user',
      parts: [{ functionResponse: { id: 'r-0', name: 'f', response: { output: '2' } } }, { text: '' }],
    },
  ]);
});

test('numbers that the caller typed keep their digits', () => {
  const tool = { name: 'f', inputSchema: '{"properties":{"n":{"maximum":1e400}}}', extra: '{"x":1.10}' };
  const input = '{"n": 12345678901234567890}';
  const call: Part = { tag: 'tool-use', val: { id: 'r-0', name: 'f', input, extra: '{"y":0.0}' } };
  const extra = '{"generationConfig":{"seed":123456789012345678901,"x":-0.10}}';
  const sent = body(request([message('assistant', call)], { tools: [tool], maxTokens: 1, extra }));
  for (const text of ['{"maximum":1e400}', '"x":1.10', input, '"y":0.0', '"seed":123456789012345678901,"x":-0.10']) {
    assert.ok(sent.includes(text), text);
  }
});
