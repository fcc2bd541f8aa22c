/** The one place where requests leave the app. */
import { address } from '../paths';
import { type Problem, noAnswer, readProblem } from './problem';

export const PREFIX = address('/api/v1');

/** Sent to the window when the server lets nobody in who has not signed in. */
export const SIGNED_OUT = 'image2model:signed-out';
/** Happens on `window` when a visitor who is let in wants to sign in. */
export const SIGN_IN = 'image2model:sign-in';

/** Shows where to sign in, wherever the visitor is. */
export function askToSignIn(): void {
  window.dispatchEvent(new Event(SIGN_IN));
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Sending {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  file?: Blob;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * Sends a request and reads the JSON of the answer.
 *
 * @throws Problem The server refused or did not answer.
 */
export async function send<T>(method: Method, path: string, sending: Sending = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...sending.headers };
  if (sending.body !== undefined) headers['Content-Type'] = 'application/json';
  if (sending.file) headers['Content-Type'] = 'application/octet-stream';
  const body = sending.file ?? (sending.body === undefined ? null : JSON.stringify(sending.body));
  const answer = await reach(PREFIX + path, {
    method,
    headers,
    body,
    ...(sending.signal && { signal: sending.signal }),
  });
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** Sends JSON and receives a file. */
export function sendForFile(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' };
  return reach(PREFIX + path, { method: 'POST', headers, body: JSON.stringify(body), signal });
}

/** Fetches a file from an address that the API named; null: the answer leads to another server. */
export async function load(url: string, signal?: AbortSignal): Promise<Response | null> {
  const answer = await reach(url, { redirect: 'manual', ...(signal && { signal }) });
  return answer.type === 'opaqueredirect' ? null : answer;
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw noAnswer();
  }
  if (!answer.ok && answer.type !== 'opaqueredirect')
    throw refusal(answer.status, await answer.text());
  return answer;
}

function refusal(status: number, body: string): Problem {
  const problem = readProblem(status, body);
  if (problem.code === 'not_authenticated') window.dispatchEvent(new Event(SIGNED_OUT));
  return problem;
}

/**
 * Sends a file and tells how far it is, which `fetch` cannot do.
 *
 * @param onProgress Called with 0.0–1.0 as bytes leave.
 */
export function sendFile<T>(
  path: string,
  file: Blob,
  onProgress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', PREFIX + path);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText) as T);
      else reject(refusal(request.status, request.responseText));
    };
    request.onerror = () => reject(noAnswer());
    request.onabort = () => reject(signal.reason);
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}
