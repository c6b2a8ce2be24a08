import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Failure, caught, refusal } from '../src/errors.ts';

const RPC = 'type.googleapis.com/google.rpc.';

function refused(status: number, error: object | string, headers: { [name: string]: string } = {}) {
  const list = Object.entries(headers).map(([name, value]) => ({ name, value }));
  return refusal(status, list, typeof error === 'string' ? error : JSON.stringify({ error })).error;
}

test('statuses have their kinds', () => {
  for (const [status, word, kind] of [
    [400, 'INVALID_ARGUMENT', 'invalid-request'],
    [400, 'FAILED_PRECONDITION', 'invalid-request'],
    [401, 'UNAUTHENTICATED', 'credentials'],
    [403, 'PERMISSION_DENIED', 'credentials'],
    [404, 'NOT_FOUND', 'not-found'],
    [429, 'RESOURCE_EXHAUSTED', 'rate-limited'],
    [500, 'INTERNAL', 'vendor-failed'],
    [503, 'UNAVAILABLE', 'overloaded'],
    [504, 'DEADLINE_EXCEEDED', 'timeout'],
  ] as const) {
    const message = 'Said the vendor.';
    const error = refused(status, { code: status, status: word, message });
    assert.deepEqual([error.kind.tag, error.message, error.status, error.code], [kind, message, status, word]);
    if (word !== 'FAILED_PRECONDITION') assert.equal(refused(status, '<html>').kind.tag, kind);
  }
});

test('a wrong key is told as a wrong argument, and is not repeated', () => {
  const details = [
    { '@type': `${RPC}ErrorInfo`, reason: 'API_KEY_INVALID' },
    { '@type': `${RPC}DebugInfo`, detail: 'hunter2' },
  ];
  const error = refused(400, { status: 'INVALID_ARGUMENT', message: 'API key not valid.', details });
  assert.equal(error.kind.tag, 'credentials');
  assert.ok(!JSON.stringify(error).includes('hunter2'));
});

test('no plan is billing', () => {
  const message = 'Please enable billing on your project.';
  assert.equal(refused(400, { status: 'FAILED_PRECONDITION', message }).kind.tag, 'billing');
});

test('the wait is what the vendor says, wherever it says it', () => {
  const info = (retryDelay: unknown) => ({ details: [{ '@type': `${RPC}RetryInfo`, retryDelay }] });
  const date = 'Sun, 22 Nov 2026 10:00:00 GMT';
  for (const [error, headers, wait] of [
    [info('58s'), { 'retry-after': '9' }, 58_000],
    [info('58.217843437s'), {}, 58_218],
    [info('soon'), { 'Retry-After': '9' }, 9_000],
    [{}, { 'retry-after': 'Sun, 22 Nov 2026 10:00:07 GMT', date }, 7_000],
    [{}, { 'retry-after': 'Sun, 22 Nov 2026 09:00:00 GMT', date }, 0],
    [{}, { 'retry-after': 'Sun, 22 Nov 2026 10:00:07 GMT' }, undefined],
    [{}, { 'retry-after': '99999999999' }, 0xffff_ffff],
    [{}, {}, undefined],
  ] as const) {
    assert.equal(refused(429, error, headers as { [name: string]: string }).retryAfterMs, wait);
  }
});

test('an error may come in a list', () => {
  assert.equal(refused(429, '[{"error":{"message":"Slow down."}}]').message, 'Slow down.');
});

test('a long message is cut between characters', () => {
  const { message } = refused(400, { message: '🌍'.repeat(3000) });
  assert.equal(Array.from(message).length, 1001);
});

test('whatever is thrown leaves as an error of the contract', () => {
  const denied = caught({ payload: { tag: 'denied', val: 'Grant it.' } });
  assert.deepEqual(denied, { kind: { tag: 'denied' }, message: 'Grant it.' });
  assert.deepEqual(caught({ tag: 'too-large', val: 'x' }).kind, { tag: 'bad-response' });
  assert.deepEqual(caught({ tag: 'other', val: 'x' }).kind, { tag: 'other', val: 'http' });
  for (const thrown of [new TypeError('x is undefined'), 'text', undefined, null, { tag: 1 }]) {
    assert.deepEqual(caught(thrown).kind, { tag: 'other', val: 'provider' });
  }
});

test('the advice of the vendor is carried on', () => {
  const headers = { 'X-Should-Retry': 'false' };
  assert.equal(refused(429, {}, headers).extra, '{"x-should-retry":"false"}');
  const details = [{ reason: 'x' }];
  assert.equal(refused(429, { details }, headers).extra, '{"details":[{"reason":"x"}],"x-should-retry":"false"}');
});

test('half a character in a message is U+FFFD', () => {
  const { error } = refusal(400, [], '{"error":{"message":"no \\ud83d!"}}');
  assert.equal(caught(new Failure(error)).message, 'no \ufffd!');
});
