import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DEPTH_MAX, isObject, parse, parseObject, rest, wellFormed, write } from '../src/json.ts';

test('what was read is written with the same digits', () => {
  for (const text of [
    '{"z":1.10,"a":12345678901234567890123,"m":[1e400,-0.0,-0,1,true,false,null,"é\\n\\u0001\\"",{}],"":[]}',
    '2512292042121000001', '"\\\\"', '"a\\\\\\"b"', '[[],{},[[]]]', '{"__proto__":{"a":1},"b":2}', 'null', '-1.50E+2',
  ]) {
    assert.equal(write(parse(text)), text);
  }
  assert.equal(write(parse(' { "a" : [ 1 , 2 ] ,\t"b"\n:\r{} } ')), '{"a":[1,2],"b":{}}');
  assert.deepEqual(parse('"\\u00fc \\uD83D\\uDE00 \\/ é"'), 'ü 😀 / é');
});

test('what is no JSON is none', () => {
  for (const text of [
    '', ' ', '{', '}', '[', ']', '[1', '[1,', '[1,]', '[,1]', '[1 2]', '{"a"}', '{"a":}', '{"a":1,}', '{,}', '{a:1}',
    '{1:2}', '{"a":1]', '[1}', '01', '-', '1.', '.5', '1e', '1e+', '+1', 'tru', 'True', 'nullx', 'NaN', 'Infinity', '"',
    '"a', '"\n"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\', '"\\"', '1 2', '{} {}', "'a'", '[1]//', '\ufeff1', '\u00a01',
  ]) {
    assert.equal(parse(text), undefined, text);
  }
});

test('the reader agrees with the one of the language', () => {
  // The same numbers every time, so that what fails once can be looked at.
  let state = 1;
  const below = (bound: number) => (state = (state * 48271) % 2147483647) % bound;
  const pieces = [...'{}[]:,"\\/u0d8 1.-e\n', 'null', 'true', '"a"', '"a":', '\\ud83d', '1.5'];
  const whole = '{"a":[1,-2.5e3,"b\\n\\"",{"c":null,"d":[true,false]}],"e":{"f":""}}';
  for (let round = 0; round < 20_000; round += 1) {
    const at = below(whole.length);
    const text = whole.slice(0, at) + pieces[below(pieces.length)] + whole.slice(at + below(3));
    let expected: unknown;
    try {
      expected = JSON.parse(text);
    } catch {
      assert.equal(parse(text), undefined, text);
      continue;
    }
    assert.deepEqual(JSON.parse(write(parse(text))), JSON.parse(write(expected)), text);
  }
});

test('nesting has an end', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  assert.equal(write(parse(nested(DEPTH_MAX))), nested(DEPTH_MAX));
  for (const depth of [DEPTH_MAX + 1, 1_000_000]) assert.equal(parse(nested(depth)), undefined);
  assert.equal(parse('[{"a":'.repeat(1_000_000)), undefined);
});

test('halves of surrogate pairs never leave', () => {
  const half = parseObject('{"\\udc00":"a\\ud83d","b":["\\ud83d\\ude00"]}') ?? {};
  assert.equal(write(half), '{"\ufffd":"a\ufffd","b":["😀"]}');
  assert.equal(rest(half, 'b'), '{"\ufffd":"a\ufffd"}');
  assert.deepEqual(wellFormed({ tag: 'x', val: { list: ['\ud83d', 1], none: undefined } }), {
    tag: 'x', val: { list: ['\ufffd', 1], none: undefined },
  });
  assert.ok(isObject(half));
});
