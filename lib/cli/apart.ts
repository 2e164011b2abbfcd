import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedSources } from '../review/migration';
import { CommandError } from './command-error';
import { ENDED_EARLY } from './end';
import type { Sources } from './sources';
import { LOADING } from './still-loading';
import { withTimeout } from './with-timeout';

/** The request to a loading process. */
export interface Request {
  readonly sources: Sources;
  /** Whether a migration whose name has no timestamp is an error. */
  readonly isStrict: boolean;
}

export type Answer = { readonly loaded: LoadedSources } | { readonly error: string };

/** Milliseconds that a process may take beyond its own limits. */
const GRACE = 10_000;

/**
 * Loads DataSources in a separate process without connecting them, so that one state of the code cannot
 * affect another.
 *
 * @param folder - the working directory; created if missing
 * @param isQuiet - whether to drop the output of the files instead of printing it to stderr
 * @throws {@link CommandError} if they cannot be loaded
 */
export async function loadApart(
  request: Request,
  folder: string,
  isQuiet: boolean,
  program = join(__dirname, 'apart.process.js'),
): Promise<LoadedSources> {
  mkdirSync(folder, { recursive: true });
  const output = isQuiet ? 'ignore' : 2;
  const child = fork(program, { cwd: folder, stdio: ['ignore', output, output, 'ipc'] });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const answering = new Promise<Answer>((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as Answer));
    child.once('error', reject);
    child.once('exit', () => resolve({ error: ENDED_EARLY.exit }));
  });
  child.send(request);
  try {
    const late = () => new CommandError(`The files were not loaded within ${(2 * LOADING) / 1000} s.`);
    const answer = await withTimeout(answering, 2 * LOADING + GRACE, late);
    if ('error' in answer) throw new CommandError(answer.error);
    return answer.loaded;
  } finally {
    process.off('exit', kill);
    kill();
  }
}
