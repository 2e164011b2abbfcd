import { fstatSync, writeFileSync } from 'node:fs';
import { oneLine } from '../logger';
import { CommandError } from './command-error';

/** A stream of the process, or of a test. */
type Stream = NodeJS.WriteStream & { readonly fd?: number };

/** Error codes after the reader has closed the pipe, as in `| head`. */
const READER_IS_GONE: readonly string[] = ['EPIPE', 'ERR_STREAM_DESTROYED'];

/** Output of a command: the result on stdout, everything else on stderr. */
export class Output {
  private readonly writeOut: Stream['write'];
  private readonly writeError: Stream['write'];
  private isQuiet = false;

  constructor(
    private readonly stdout: Stream,
    private readonly stderr: Stream,
  ) {
    this.writeOut = stdout.write.bind(stdout);
    this.writeError = stderr.write.bind(stderr);
    // A reader may close the pipe early, as `head` does. That is not an error.
    stdout.on('error', () => undefined);
    stderr.on('error', () => undefined);
  }

  /** Reserves stdout for the result: from now on the application's files print to stderr, or nowhere. */
  divert(isQuiet: boolean): void {
    this.isQuiet = isQuiet;
    this.stdout.write = isQuiet ? drop : this.writeError;
    if (isQuiet) this.stderr.write = drop;
  }

  /**
   * Resolves when the text is written, or when the reader has closed the pipe.
   *
   * @throws {@link CommandError} if it cannot be written, as on a full disk
   */
  async result(text: string): Promise<void> {
    if (this.isQuiet) return;
    try {
      // Node.js's stream ignores a partial write to a file.
      const { fd } = this.stdout;
      if (fd !== undefined && fstatSync(fd).isFile()) writeFileSync(fd, text);
      else await this.write(text);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!READER_IS_GONE.includes(code))
        throw new CommandError(`The output could not be written (${code}).`);
    }
  }

  private write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.writeOut(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Writes one line to stderr. */
  note(line: string): void {
    if (!this.isQuiet) this.writeError(`${oneLine(line)}\n`);
  }

  /** Columns of the terminal; `Infinity` without a terminal. */
  get width(): number {
    return this.stdout.isTTY ? this.stdout.columns || Infinity : Infinity;
  }

  /** Whether the result has colors: on a terminal, unless FORCE_COLOR or NO_COLOR decide. */
  get hasColors(): boolean {
    const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
    if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
    return this.stdout.isTTY && !NO_COLOR && TERM !== 'dumb';
  }
}

const drop = ((_chunk: unknown, encodingOrDone?: unknown, done?: unknown) => {
  const callback = typeof encodingOrDone === 'function' ? encodingOrDone : done;
  if (typeof callback === 'function') process.nextTick(callback);
  return true;
}) as Stream['write'];
