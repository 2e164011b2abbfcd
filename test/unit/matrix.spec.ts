import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Entry {
  readonly name: string;
  readonly consumer: string;
  readonly format: 'commonjs' | 'module';
  readonly node: string;
  readonly nest: string;
  readonly typeorm: string;
  readonly platform: 'express' | 'fastify';
  readonly clients: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const read = (path: string) => readFileSync(join(__dirname, '../..', path), 'utf8');
const matrix = JSON.parse(read('test/consumers/matrix.json')) as readonly Entry[];

const HEADING = ['Node.js', 'Nest', 'TypeORM', 'platform', 'module format', 'client', 'also'];
const PLATFORMS = { express: 'Express', fastify: 'Fastify' };
const FORMATS = { commonjs: 'CommonJS', module: 'ES module' };
const CONSUMERS: Readonly<Record<string, string>> = {
  jest: 'Jest',
  bundle: 'bundled by webpack and esbuild',
  opentelemetry: 'OpenTelemetry alone',
};

/** `0.3.20` is meant exactly; `0.3` is the latest of its line. */
const version = (range: string) =>
  range === '*' ? 'latest' : /^\d+\.\d+\.\d+$/.test(range) ? range : `${range}.x`;

const listOf = (packages: Readonly<Record<string, string>>) =>
  Object.entries(packages).map(([name, range]) => `\`${name}\` ${version(range)}`);

function row(entry: Entry): string[] {
  const { node, nest, typeorm, platform, format, consumer, clients, dependencies = {} } = entry;
  const also = [CONSUMERS[consumer], ...listOf(dependencies)].filter((words) => words !== undefined);
  return [
    ...[node, nest, typeorm].map(version),
    PLATFORMS[platform],
    FORMATS[format],
    listOf(clients).join(', '),
    also.join(', '),
  ];
}

/** The cells of the table of CONTRIBUTING.md behind the marker, row by row. */
function documented(): string[][] {
  const lines = (read('CONTRIBUTING.md').split('<!-- versions -->')[1] ?? '').trim().split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  const [heading, , ...rows] = lines.slice(0, end === -1 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return [heading ?? [], ...rows];
}

describe('the matrix of versions', () => {
  it('is the table of CONTRIBUTING.md', () => {
    expect(documented()).toEqual([HEADING, ...matrix.map(row)]);
  });

  it('names each entry once', () => {
    expect(new Set(matrix.map(({ name }) => name)).size).toBe(matrix.length);
  });
});
