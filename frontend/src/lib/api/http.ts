/** The one place where requests leave the app. */
import { noAnswer, readProblem } from './problem';

export const PREFIX = '/api/v1';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface Sending {
  body?: unknown;
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
  const answer = await reach(PREFIX + path, {
    method,
    headers,
    ...(sending.body !== undefined && { body: JSON.stringify(sending.body) }),
    ...(sending.signal && { signal: sending.signal }),
  });
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** Fetches a file from an address that the API named. */
export async function load(url: string, signal?: AbortSignal): Promise<Response> {
  return reach(url, signal ? { signal } : {});
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw noAnswer();
  }
  if (!answer.ok) throw readProblem(answer.status, await answer.text());
  return answer;
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
      else reject(readProblem(request.status, request.responseText));
    };
    request.onerror = () => reject(noAnswer());
    request.onabort = () => reject(signal.reason);
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}
