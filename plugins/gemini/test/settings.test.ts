import assert from 'node:assert/strict';
import { test } from 'node:test';

import manifest from '../package.json' with { type: 'json' };

import { read, url } from '../src/settings.ts';
import { VERSION } from '../src/version.ts';
import { failure } from './say.ts';

const settings = (given: { [key: string]: string }) => read((key) => given[key]);

test('everything has a default, and blank is absent', () => {
  const { baseUrl, model, models } = settings({ 'base-url': '', model: ' ' });
  assert.equal(baseUrl, 'https://generativelanguage.googleapis.com');
  assert.ok(models.includes(model));
  assert.deepEqual(settings({ models: 'a, b,' }).models, ['a', 'b']);
});

test('a question goes to its model', () => {
  const at = settings({ 'base-url': 'http://127.0.0.1:9/a//' });
  assert.equal(url(at, 'gemini-x', false), 'http://127.0.0.1:9/a/v1beta/models/gemini-x:generateContent');
  const tuned = 'http://127.0.0.1:9/a/v1beta/tunedModels/my%3F1:streamGenerateContent?alt=sse';
  assert.equal(url(at, 'tunedModels/my?1', true), tuned);
});

test('a wrong address is named and not repeated', () => {
  const wrong = ['example.com', 'ftp://x', 'https://', 'https://u:hunter2@x', 'https://x?key=hunter2', 'https://x/#'];
  for (const base of [...wrong, 'https://x y']) {
    const error = failure(() => settings({ 'base-url': base }));
    assert.equal(error.kind.tag, 'unconfigured', base);
    assert.ok(error.message.includes('base-url') && !error.message.includes('hunter2'));
  }
});

test('the version is the one of the package', () => {
  assert.equal(VERSION, manifest.version);
});
