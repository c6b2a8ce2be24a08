// The official libraries in JavaScript against both doors and both vendors. Run by run.py.

import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const { ARETE_URL: url, ARETE_KEY: key } = process.env;
const gpt = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
const claude = new Anthropic({ baseURL: url, authToken: key, apiKey: null });
const vercelGpt = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
const vercelClaude = createAnthropic({ baseURL: `${url}/v1`, apiKey: key });
const models = ['claude/claude-sonnet-5', 'gpt/gpt-5.4'];
const user = (text) => [{ role: 'user', content: text }];
const place = { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] };

const checks = {
  async openaiPlain(model) {
    const answer = await gpt.chat.completions.create({ model, messages: user('hello') });
    assert.equal(answer.choices[0].message.content, 'hello');
    assert.equal(answer.usage.prompt_tokens, 15);
  },
  async openaiStreamHelper(model) {
    const stream = gpt.chat.completions.stream({ model, messages: user('hello there') });
    assert.equal(await stream.finalContent(), 'hello there');
  },
  async openaiToolRunner(model) {
    const look = { name: 'look', description: 'Looks.', parameters: place, parse: JSON.parse, function: () => 'sunny' };
    for (const stream of [false, true]) {
      const runner = gpt.chat.completions.runTools({ model, messages: user('tool'), tools: [{ type: 'function', function: look }], stream });
      assert.equal(await runner.finalContent(), 'tool');
    }
  },
  async openaiErrors(model) {
    const ask = (text) => gpt.chat.completions.create({ model, messages: user(text) });
    await assert.rejects(ask(`fail 400 openai node ${model}`), OpenAI.BadRequestError);
    await assert.rejects(ask(`fail 429 openai node ${model}`), OpenAI.RateLimitError);
    await assert.rejects(ask(`fail 500 openai node ${model}`), OpenAI.InternalServerError);
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'wrong' });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  },
  async openaiBroken(model) {
    const stream = gpt.chat.completions.stream({ model, messages: user('break') });
    await assert.rejects(stream.finalContent(), OpenAI.OpenAIError);
  },
  async openaiResponses(model) {
    const answer = await gpt.responses.create({ model, input: 'hello' });
    assert.equal(answer.output_text, 'hello');
    const final = await gpt.responses.stream({ model, input: 'hello there' }).finalResponse();
    assert.equal(final.output_text, 'hello there');
  },
  async openaiModels() {
    const names = [];
    for await (const { id } of gpt.models.list()) names.push(id);
    assert.ok(models.every((model) => names.includes(model)));
  },
  async anthropicPlain(model) {
    const answer = await claude.messages.create({ model, max_tokens: 100, messages: user('hello') });
    assert.equal(answer.content[0].text, 'hello');
    assert.equal(answer.usage.input_tokens, 12);
  },
  async anthropicStream(model) {
    const stream = claude.messages.stream({ model, max_tokens: 100, messages: user('hello there') });
    const final = await stream.finalMessage();
    assert.equal(final.content[0].text, 'hello there');
    assert.equal(final.usage.output_tokens, 6);
  },
  async anthropicTools(model) {
    const tools = [{ name: 'look', input_schema: place }];
    const stream = claude.messages.stream({ model, max_tokens: 100, messages: user('tool'), tools });
    const final = await stream.finalMessage();
    assert.equal(final.stop_reason, 'tool_use');
    assert.deepEqual(final.content.at(-1).input, { place: 'Rome' });
  },
  async anthropicErrors(model) {
    const ask = (text) => claude.messages.create({ model, max_tokens: 100, messages: user(text) });
    await assert.rejects(ask(`fail 400 anthropic node ${model}`), Anthropic.BadRequestError);
    await assert.rejects(ask(`fail 429 anthropic node ${model}`), Anthropic.RateLimitError);
    await assert.rejects(ask(`fail 500 anthropic node ${model}`), Anthropic.InternalServerError);
  },
  async anthropicBroken(model) {
    const stream = claude.messages.stream({ model, max_tokens: 100, messages: user('break') });
    await assert.rejects(stream.finalMessage(), Anthropic.AnthropicError);
  },
  async anthropicModels() {
    const names = [];
    for await (const { id } of claude.models.list({ limit: 3 })) names.push(id);
    assert.ok(models.every((model) => names.includes(model)));
    assert.equal(new Set(names).size, names.length);
  },
  async vercel(name) {
    for (const model of [vercelGpt(name), vercelGpt.chat(name), vercelClaude(name)]) {
      const { text } = await generateText({ model, prompt: 'hello', maxRetries: 0 });
      assert.equal(text, 'hello');
      const stream = streamText({ model, prompt: 'hello there', maxRetries: 0 });
      let streamed = '';
      for await (const piece of stream.textStream) streamed += piece;
      assert.equal(streamed, 'hello there');
    }
  },
  async vercelTools(name) {
    const look = tool({ description: 'Looks.', inputSchema: z.object({ place: z.string() }), execute: async ({ place }) => `sunny in ${place}` });
    for (const model of [vercelGpt(name), vercelGpt.chat(name), vercelClaude(name)]) {
      const { steps, text } = await generateText({ model, prompt: 'tool', tools: { look }, stopWhen: stepCountIs(3), maxRetries: 0 });
      assert.equal(steps.length, 2);
      assert.equal(text, 'tool');
    }
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  for (const model of models) {
    try {
      await check(model);
      console.log(`ok      ${name} with ${model}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name} with ${model}\n${error.stack ?? error}`);
    }
  }
}
process.exit(failed === 0 ? 0 : 1);
