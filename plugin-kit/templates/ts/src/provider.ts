// A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
//
// The first build writes the contract's types, with all of their documentation, to `build/types`: editors show it. Keys,
// retries, limits and caching are the host's work; the exchange itself is the work of `arete` beside this file.

import {
  type Completion, type Fields, type Info, type Question, type Request, type Stream, bad, failure, finish, info, only, provider,
  text, textPart, texts, usage,
} from './arete/index.ts';

/** The vendor's words for why it stops that have an equal in the contract. */
const WORDS = { stop: 'end-turn', length: 'max-tokens' } as const;

export const chat = provider({
  /** Asked once, when the plugin is loaded. Settings that are wrong are best told here. */
  info(): Info {
    return info('plugin-name', '0.1.0', 'streaming');
  },

  /** The question in the vendor's words. What the vendor has no words for is refused. */
  ask(request: Request, stream: boolean): Question {
    only(request, 'maxTokens');
    const body: Fields = { model: request.model, messages: texts(request), stream };
    if (request.maxTokens != null) body.max_tokens = request.maxTokens;
    return { path: '/v1/chat', body };
  },

  /** A whole answer. */
  answer(said: Fields): Completion {
    if (typeof said.text !== 'string') throw bad('there is no text in it');
    return {
      id: text(said.id) ?? '',
      model: text(said.model) ?? '',
      parts: [textPart(said.text)],
      finishReason: finish(WORDS, text(said.finish)),
      usage: usage(said.usage, 'in', 'out'),
    };
  },

  /** One event of a streamed answer. */
  event(said: Fields, stream: Stream): void {
    if ('error' in said) throw failure({ tag: 'vendor-failed' }, text(said.error) || 'The vendor reported an error.');
    stream.text(0, text(said.text));
    if (typeof said.finish === 'string') stream.finish(finish(WORDS, said.finish));
    if ('usage' in said) stream.usage(usage(said.usage, 'in', 'out'));
    if (said.done === true) stream.done();
  },

  /** The vendor's words in a refusal. */
  reason(said: Fields): string | undefined {
    return text(said.error);
  },
});
