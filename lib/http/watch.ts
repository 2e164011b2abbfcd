import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { joinPath } from './application-routes';

/**
 * Listens to the HTTP server until GET at a path is answered with 200. Answers nothing itself.
 *
 * @param timesMade - how often the content was made that is looked for; `undefined` while there is none
 * @param onMissing - called if it was not made for that answer
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
  // Before the application, whose handler may make it in the same turn.
  server.prependListener('request', listener);
}
