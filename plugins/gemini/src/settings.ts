// What the operator set, checked once: a mistake shows when the provider is loaded and not at the first question.

import { Failure } from './errors.ts';

const BASE_URL = 'https://generativelanguage.googleapis.com';
const MODEL = 'gemini-3.5-flash';

/** Models for people to choose from; any other name is passed on as well. */
const MODELS = [
  'gemini-3.5-flash',
  'gemini-3.1-pro-preview',
  'gemini-3.1-flash-lite',
  'gemini-3-flash-preview',
  'gemini-2.5-pro',
  'gemini-2.5-flash',
  'gemini-2.5-flash-lite',
];

export type Settings = { baseUrl: string; model: string; models: string[] };

/** One that is blank counts as absent: that is what an empty variable of the environment means. */
export function read(get: (key: string) => string | undefined): Settings {
  const named = (key: string) => get(key)?.trim() || undefined;
  const models = named('models')?.split(',').map((model) => model.trim()).filter((model) => model !== '');
  return { baseUrl: baseUrl(named('base-url') ?? BASE_URL), model: named('model') ?? MODEL, models: models ?? MODELS };
}

/**
 * Where a question goes. A model is named as the vendor does in its list (`models/…`, `tunedModels/…`) or without the
 * collection, which then is `models`.
 */
export function url(settings: Settings, model: string, stream: boolean): string {
  const name = model.includes('/') ? model : `models/${model}`;
  const path = name.split('/').map(encodeURIComponent).join('/');
  return `${settings.baseUrl}/v1beta/${path}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
}

/**
 * It may have a path, as gateways in between do. It isn't repeated in the error: it may hold a password, where none
 * belongs.
 */
function baseUrl(base: string): string {
  const [, rest] = /^https?:\/\/(.*)$/is.exec(base) ?? [];
  if (rest === undefined) throw wrong('should start with `https://` or `http://`');
  const [host = ''] = rest.split('/');
  if (host === '' || host.includes('@') || /[?#\s]/.test(rest)) {
    throw wrong('should be a host and perhaps a path, without user name, query and fragment');
  }
  return base.replace(/\/+$/, '');
}

function wrong(says: string): Failure {
  return new Failure({ kind: { tag: 'unconfigured' }, message: `The setting \`base-url\` ${says}.` });
}
