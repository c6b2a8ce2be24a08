// The operator's settings, checked once, so that a mistake shows when the provider is loaded, not on the first call.

import { Failure } from './errors.ts';

const BASE_URL = 'https://generativelanguage.googleapis.com';
const MODEL = 'gemini-3.5-flash';

/** Models to list; other names are passed on too. */
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

/** Reads a setting. A blank one counts as absent, as an empty environment variable does. */
export function read(get: (key: string) => string | undefined): Settings {
  const named = (key: string) => get(key)?.trim() || undefined;
  const models = named('models')?.split(',').map((model) => model.trim()).filter((model) => model !== '');
  return { baseUrl: baseUrl(named('base-url') ?? BASE_URL), model: named('model') ?? MODEL, models: models ?? MODELS };
}

/**
 * Returns the URL of a request. A model may be named as in the vendor's list (`models/…`, `tunedModels/…`), or
 * without the collection, which is then `models`.
 */
export function url(settings: Settings, model: string, stream: boolean): string {
  const name = model.includes('/') ? model : `models/${model}`;
  const path = name.split('/').map(encodeURIComponent).join('/');
  return `${settings.baseUrl}/v1beta/${path}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
}

/**
 * Checks the base URL. It may have a path, as gateways do. The error doesn't repeat it: it may wrongly hold a password.
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
