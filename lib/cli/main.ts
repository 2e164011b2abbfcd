#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, shortMessage } from './command-error';
import { End, ENDED_EARLY } from './end';
import { EXIT, SIGNAL_EXIT } from './exit';
import { type Command, COMMANDS, type Invocation, parseInvocation } from './flags';
import { helpOf } from './help';
import { Output } from './output';
import { logTo } from '../logger';
import { PrometheusMigrationsError } from '../prometheus-migrations.errors';

const output = new Output(process.stdout, process.stderr);
const end = new End(process, (how) => output.note(ENDED_EARLY[how]));

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

async function main(args: readonly string[]): Promise<void> {
  for (const [signal, code] of Object.entries(SIGNAL_EXIT)) process.once(signal, () => end.now(code));
  try {
    end.now(await run(parseInvocation(args)));
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  // A file may still run while its connections are closed; its errors do not affect the result.
  if (end.isDecided) return;
  output.note(
    error instanceof PrometheusMigrationsError ? error.message : `Unexpected: ${shortMessage(error)}`,
  );
  end.now(EXIT.unknown);
}

async function run(invocation: Invocation): Promise<number> {
  const { command, help, version, dataSources, module } = invocation;
  if (help || version) {
    await output.result(help ? helpOf(command) : `${versionOfPackage()}\n`);
    return EXIT.upToDate;
  }
  if (command === undefined)
    throw new CommandError(
      `There is no command. Use one of: ${Object.keys(COMMANDS).join(', ')}. --help shows the usage.`,
    );
  if (dataSources.length === 0 && module === undefined) {
    throw new CommandError(`${command} needs a file: --data-source <file>, or --module <file>.`);
  }
  output.divert(invocation.quiet);
  // The report contains everything that an application would log.
  logTo({ log: ignore, warn: ignore, error: ignore });
  return RUN[command](invocation);
}

const decide = (code: number) => end.decide(code);

/** Loaded on demand, because the help needs no command. */
const RUN: Readonly<Record<Command, (invocation: Invocation) => Promise<number>>> = {
  check: async (invocation) => (await import('./check.js')).check(invocation, output, decide),
  metrics: async (invocation) => (await import('./metrics.js')).metrics(invocation, output, decide),
  review: async (invocation) => (await import('./review.js')).review(invocation, output, decide),
};

function ignore(): void {}

function versionOfPackage(): string {
  const manifest = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

void main(process.argv.slice(2));
