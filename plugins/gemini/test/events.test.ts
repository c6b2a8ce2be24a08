import assert from 'node:assert/strict';
import { test } from 'node:test';

import { events } from '../src/events.ts';
import { write } from '../src/json.ts';
import { failure } from './say.ts';

/** Reads a body as the host gives it: in lines up to the first event, then in events. */
function hear(text: string, type?: string): string[] {
  let left = text;
  const nextLine = () => {
    if (left === '') return undefined;
    const [line = ''] = left.split('\n', 1);
    left = left.slice(line.length + 1);
    return line.replace(/\r$/, '');
  };
  const nextEvent = () => {
    for (let line = nextLine(); line !== undefined; line = nextLine()) {
      if (line.startsWith('data: ')) return { name: '', data: line.slice(6) };
    }
    return undefined;
  };
  const readText = () => left;
  return [...events({ nextLine, nextEvent, readText, findHeader: () => type })].map(write);
}

test('events are told one by one, however their lines end', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const lines = ['', ': hello', '', 'event: x', 'data: {"a":', 'data:1.10}', '', 'data: 2', '', 'data: 3', ''];
    assert.deepEqual(hear(lines.join(end) + end), ['{"a":1.10}', '2', '3'], JSON.stringify(end));
  }
  assert.deepEqual(hear('\ufeffdata: 1'), ['1']);
  assert.deepEqual(hear(''), []);
});

test('the content says what came, and not its type', () => {
  assert.deepEqual(hear('data: 1\n\n', 'text/plain'), ['1']);
  for (const type of ['text/event-stream', 'application/json']) {
    assert.deepEqual(hear(' \n{\n"candidates": []\n}\n', type), ['{"candidates":[]}']);
    assert.deepEqual(hear('[{"candidates":[1.0]},{"usageMetadata":{}}]', type), [
      '{"candidates":[1.0]}', '{"usageMetadata":{}}',
    ]);
  }
});

test('an error that is no event is that error', () => {
  const said = '"error":{"message":"Incorrect API key provided"}';
  for (const text of [`{${said}}\n`, `[{\n${said}}]`]) {
    const error = failure(() => hear(text, 'text/event-stream'));
    assert.deepEqual([error.kind.tag, error.message], ['bad-response', 'Incorrect API key provided']);
  }
  const error = failure(() => hear('{"error":{"code":401,"status":"UNAUTHENTICATED","message":"No."}}'));
  assert.deepEqual([error.kind.tag, error.status], ['credentials', undefined]);
});

test('anything else is named by its type', () => {
  for (const text of ['<html>', '"a"', '[]', '[1]', '{}', '{"candidates":']) {
    const error = failure(() => hear(text, 'text/html'));
    assert.equal(error.kind.tag, 'bad-response', text);
    assert.match(error.message, /a stream was asked for, and `text\/html` came/);
  }
  assert.match(failure(() => hear('<html>')).message, /something else came/);
});
