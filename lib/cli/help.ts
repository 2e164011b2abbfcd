import { type Command, COMMANDS, type FlagRow, rows } from './flags';

const NAME = 'nestjs-prometheus-migrations';

const EXAMPLES: Readonly<Record<Command, readonly string[]>> = {
  check: [
    'check --data-source dist/data-source.js',
    'check --data-source orders=src/orders.ts --data-source users=src/users.ts --json',
    'check --module dist/app.module.js --wait 300',
  ],
  metrics: [
    'metrics --data-source dist/data-source.js',
    'metrics --data-source dist/data-source.js --textfile /var/lib/node_exporter/migrations.prom',
  ],
};

const EXIT_CODES: Readonly<Record<Command, readonly string[]>> = {
  check: [
    '0    every migration is applied',
    '1    a migration is unapplied, or there is what --fail-on names',
    '2    it cannot be told: a database cannot be read, or a file or a flag is wrong',
    '130  interrupted (SIGINT)',
  ],
  metrics: [
    '0    every connection could be read',
    '2    a connection could not be read (the metrics are printed all the same), or a file or a flag is wrong',
    '130  interrupted (SIGINT)',
  ],
};

/** The help of the whole command line, or of one command. */
export function helpOf(command: Command | undefined): string {
  return command === undefined ? overview() : commandHelp(command);
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map(({ length }) => length));
  return [
    `Usage: ${NAME} <command> [flags]`,
    '',
    ...Object.entries(COMMANDS).map(([command, help]) => `  ${command.padEnd(width)}  ${help}`),
    '',
    `${NAME} <command> --help tells more. Neither command writes to a database.`,
    '',
  ].join('\n');
}

function commandHelp(command: Command): string {
  const flags = rows().filter(([, row]) => row.commands.includes(command));
  return [
    `Usage: ${NAME} ${command} --data-source <file> [flags]`,
    '',
    `${COMMANDS[command]} It writes nothing, whatever the DataSource's options say.`,
    '',
    'Flags:',
    ...flags.flatMap(([name, row]) => flagLines(name, row)),
    '',
    'Exit codes:',
    ...EXIT_CODES[command].map((line) => `  ${line}`),
    '',
    'Examples:',
    ...EXAMPLES[command].map((line) => `  ${NAME} ${line}`),
    '',
    'TypeScript files are loaded by @swc-node/register, ts-node or tsx, whichever of them is installed.',
    'Environment files are left to your own files: load dotenv there.',
    '',
  ].join('\n');
}

const INDENT = 6;
const LINE = 90;

function flagLines(name: string, { short, value, multiple, help, default: fallback }: FlagRow): string[] {
  const names = `  ${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` <${value}>`}`;
  const more = [multiple ? '(repeatable)' : '', fallback === undefined ? '' : `(default: ${fallback})`];
  return [
    [names, ...more].filter((part) => part !== '').join(' '),
    ...wrap(help, LINE - INDENT).map((line) => ' '.repeat(INDENT) + line),
  ];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
