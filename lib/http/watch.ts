import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { joinPath } from './application-routes';

/**
 * Watches the HTTP server until a GET at a path is answered with 200. It never answers itself.
 *
 * @param timesMade - how often the expected content was produced; `undefined` while there is none
 * @param onMissing - called if that answer was sent without producing it
 */
export function watchAnswer(
  server: Server,
  path: string,
  timesMade: () => number | undefined,
  onMissing: () => void,
): void {
  const wanted = path.toLowerCase();
  const listener = ({ method, url = '' }: IncomingMessage, response: ServerResponse) => {
    const before = timesMade();
    if (before === undefined || method !== 'GET') return;
    if (joinPath(url.split('?', 1)[0] ?? '').toLowerCase() !== wanted) return;
    response.once('finish', () => {
      if (response.statusCode !== 200 || !server.listeners('request').includes(listener)) return;
      server.off('request', listener);
      if (timesMade() === before) onMissing();
    });
  };
  // Before the application's listener, which may produce the content in the same turn.
  server.prependListener('request', listener);
}
