import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksIn, pages, PROJECT } from '../support/documents';

/** What a block may use without importing it: a page imports only what it is about. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  '@nestjs/common': [
    'CanActivate',
    'Controller',
    'Get',
    'Injectable',
    'Module',
    'OnApplicationBootstrap',
    'UseGuards',
    'VERSION_NEUTRAL',
  ],
  '@nestjs/terminus': ['HealthCheck', 'HealthCheckService'],
  '@nestjs/typeorm': ['getDataSourceToken', 'TypeOrmModule'],
  '@willsoto/nestjs-prometheus': ['PrometheusModule'],
  'nestjs-prometheus-migrations': [
    'instrumentMigrations',
    'MetricsController',
    'MigrationsExporter',
    'MigrationsHealthIndicator',
    'MigrationsStatusController',
    'observeMigrations',
    'PrometheusMigrationsModule',
  ],
  '@opentelemetry/api': ['metrics'],
  'prom-client': ['Registry', 'Pushgateway'],
  typeorm: ['DataSource'],
};

/** Stands for what belongs to the reader's application. */
const APPLICATION = `
  declare const app: import('@nestjs/common').INestApplication;
  declare const dataSource: import('typeorm').DataSource;
  declare const reportingDataSource: import('typeorm').DataSource;
  declare const options: import('typeorm').DataSourceOptions;
  declare function bootstrap(): Promise<void>;
  declare function afterEach(hook: () => unknown): void;
  declare class ScraperGuard implements import('@nestjs/common').CanActivate { canActivate(): boolean }
  declare class StaffGuard implements import('@nestjs/common').CanActivate { canActivate(): boolean }
  declare class ConfigModule {}
  declare class ConfigService { get<T>(key: string): T }
  declare module '@acme/orders-schema' {
    const migrations: (new () => import('typeorm').MigrationInterface)[];
  }
  declare module '@opentelemetry/sdk-node' {
    class NodeSDK {
      constructor(options: { metricReaders: { collect(): unknown }[] });
      start(): void;
    }
  }
  declare module '@opentelemetry/instrumentation-http' {
    class HttpInstrumentation {
      constructor(options: { ignoreIncomingRequestHook: (request: import('node:http').IncomingMessage) => boolean });
    }
  }
`;

/** A folder that there is: TypeScript resolves nothing in another. */
const FOLDER = join(PROJECT, 'test/support');
const AMBIENT = join(FOLDER, 'application.d.ts');

const documented = pages()
  .flatMap(blocksIn)
  .filter(({ language }) => language === 'ts');
/** The first block of each page. */
const first = pages().flatMap((source) => blocksIn(source).find(({ language }) => language === 'ts') ?? []);
const examples = readdirSync(join(PROJECT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .flatMap((path) => examplesIn(join('lib', path)));

/** The examples in a file's TSDoc. */
function examplesIn(path: string): Block[] {
  const text = readFileSync(join(PROJECT, path), 'utf8');
  return Array.from(text.matchAll(/^ *\* ```ts\n((?: *\*.*\n)*?) *\* ```$/gm), (match) => ({
    place: `${path}:${text.slice(0, match.index).split('\n').length}`,
    language: 'ts',
    code: (match[1] ?? '').replaceAll(/^ *\* ?/gm, ''),
  }));
}

function withImports(code: string): string {
  const imports = Object.entries(KNOWN).map(([from, names]) => {
    const missing = names.filter(
      (name) =>
        new RegExp(`\\b${name}\\b`).test(code) &&
        !new RegExp(`import [^;]*\\b${name}\\b[^;]*from`).test(code) &&
        !new RegExp(`(const|class|function) ${name}\\b`).test(code),
    );
    return `import { ${missing.join(', ')} } from '${from}';`;
  });
  return `${imports.join(' ')}\n${code}\nexport {};\n`;
}

/**
 * What TypeScript finds wrong with each block, by place.
 *
 * @param isWhole - a block has to import everything that it uses
 */
function findings(blocks: readonly Block[], isWhole = false): Map<string, string[]> {
  const files = new Map([
    ...(isWhole ? [] : [[AMBIENT, APPLICATION] as const]),
    [join(FOLDER, 'data-source.ts'), "export declare const dataSource: import('typeorm').DataSource;"],
    [join(FOLDER, 'app.module.ts'), 'export declare class AppModule {}'],
  ]);
  const places = new Map<string, string>();
  for (const [index, { place, code }] of blocks.entries()) {
    const file = join(FOLDER, `block-${index}.ts`);
    files.set(file, isWhole ? `${code}\nexport {};\n` : withImports(code));
    places.set(file, place);
  }
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(PROJECT, 'tsconfig.json'), (path) => readFileSync(path, 'utf8')).config,
    ts.sys,
    PROJECT,
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, languageVersion, ...rest) => {
    const text = files.get(path);
    return text === undefined
      ? getSourceFile(path, languageVersion, ...rest)
      : ts.createSourceFile(path, text, languageVersion);
  };
  const program = ts.createProgram(
    [...files.keys()],
    {
      ...options,
      noUnusedLocals: false,
      // Readers have ES modules and CommonJS, with and without extensions.
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      types: ['node'],
      paths: {
        'nestjs-prometheus-migrations': ['./lib/index.ts'],
        'nestjs-prometheus-migrations/standalone': ['./lib/standalone.ts'],
      },
    },
    host,
  );
  const found = new Map<string, string[]>();
  for (const [file, place] of places) {
    const source = program.getSourceFile(file);
    const diagnostics = [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ];
    found.set(
      place,
      diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')),
    );
  }
  return found;
}

describe('TypeScript', () => {
  let found: Map<string, string[]>;
  let whole: Map<string, string[]>;
  beforeAll(() => {
    whole = findings(first, true);
    found = findings([...documented, ...examples]);
  });

  it.each(first.map(({ place }) => place))('in %s is whole, as the first of its page', (place) => {
    expect(whole.get(place)).toEqual([]);
  });

  it.each(documented.map(({ place }) => place))('in %s compiles', (place) => {
    expect(found.get(place)).toEqual([]);
  });

  it.each(examples.map(({ place }) => place))('in the example of %s compiles', (place) => {
    expect(found.get(place)).toEqual([]);
  });
});
