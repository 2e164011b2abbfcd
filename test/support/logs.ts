import type { LoggerService } from '@nestjs/common';

/** A Nest logger that keeps what this package logs. */
export class RecordingLogger implements LoggerService {
  readonly lines: string[] = [];
  /** Where the controllers are, as logged at start-up. */
  readonly served: string[] = [];
  /** What the start-up gate lets pass: every test that has something unapplied has that. */
  readonly started: string[] = [];

  private record(level: string, message: unknown, context: unknown): void {
    if (context !== 'PrometheusMigrations') return;
    if (String(message).startsWith('The application starts with unapplied migrations')) {
      this.started.push(`${level} ${String(message)}`);
      return;
    }
    const served = /^Metrics are served at (.*)$/.exec(String(message))?.[1];
    if (served === undefined) this.lines.push(`${level} ${String(message)}`);
    else this.served.push(served);
  }

  log(message: unknown, context?: unknown): void {
    this.record('log', message, context);
  }
  warn(message: unknown, context?: unknown): void {
    this.record('warn', message, context);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.record('error', message, rest.at(-1));
  }
  debug(): void {}
  verbose(): void {}
}

/** The URL in the log at which the metrics have a port of their own. */
export function urlIn({ lines }: RecordingLogger): string {
  const url = lines.map((line) => /Metrics are served on (\S+)$/.exec(line)?.[1]).find(Boolean);
  if (url === undefined) throw new Error(`No port in the log:\n${lines.join('\n')}`);
  return url;
}
