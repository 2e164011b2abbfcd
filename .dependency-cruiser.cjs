/**
 * The directions of imports in lib/: data-source, migration → monitor, runs, drift → metrics, verdict → the rooms
 * of those who ask (prometheus, opentelemetry, health, gate, status, cli), none of which imports another (but cli, which
 * prints metrics) → http. options beside them, and review, which compares code and is there for cli alone;
 * module, instrument-migrations and index on top.
 */
const errorFile = '^lib/prometheus-migrations\\.errors\\.ts$';
const shared = [errorFile, '^lib/(application-places|clock|first-names|logger)\\.ts$'];

/** What a folder may import of lib/, besides itself: folders, or single files without their ending. */
const room = (folder, ...others) => ({
  name: `${folder}-imports-only`,
  severity: 'error',
  from: { path: `^lib/${folder}/` },
  to: {
    path: '^lib/',
    pathNot: [...shared, `^lib/${folder}/`, ...others.map((other) => `^lib/${other}(/|\\.ts$)`)],
  },
});

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-import-of-index',
      comment: 'index.ts is for users; inside, import the file that is meant',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '(^|/)index\\.ts$', pathNot: 'node_modules' },
    },
    {
      name: 'no-sub-barrels',
      severity: 'error',
      from: {},
      to: { path: '^lib/.+/index\\.ts$' },
    },
    {
      name: 'state-imports-nothing',
      severity: 'error',
      from: { path: '^lib/migration/state\\.ts$' },
      to: {},
    },
    {
      name: 'migration-knows-no-nest-and-no-prometheus',
      comment: 'migration/ knows TypeORM (types only), the clock and the error classes',
      severity: 'error',
      from: { path: '^lib/migration/' },
      to: { path: ['node_modules/@nestjs/', '^lib/logger\\.ts$'] },
    },
    {
      name: 'one-file-knows-the-clients',
      comment: 'prometheus/client chooses between prom-client and its successor; either may be missing',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/prometheus/client\\.ts$' },
      to: { path: '(^|node_modules/)(prom-client|@prometheus-io/client)(/|$)' },
    },
    room('data-source'),
    room('migration'),
    room('monitor', 'data-source', 'drift/(report|schedule)', 'migration'),
    room('verdict', 'drift/report', 'migration', 'monitor'),
    room('options', 'data-source', 'drift/reading', 'verdict'),
    room('runs', 'data-source', 'migration'),
    room('drift', 'migration'),
    {
      name: 'drift-knows-no-nest',
      comment: 'the command line judges drift as well, and runs without Nest',
      severity: 'error',
      from: { path: '^lib/drift/' },
      to: { path: 'node_modules/@nestjs/' },
    },
    room('metrics', 'migration', 'monitor', 'runs'),
    room('prometheus', 'metrics', 'monitor', 'options', 'runs'),
    room('opentelemetry', 'metrics', 'migration', 'monitor', 'options', 'runs'),
    room('health', 'migration', 'monitor', 'options', 'verdict'),
    room('gate', 'monitor', 'options', 'verdict'),
    room('status', 'drift', 'monitor', 'verdict'),
    room('review', 'migration/state'),
    room('cli', 'data-source', 'drift', 'migration', 'monitor', 'options', 'prometheus', 'review', 'verdict'),
    {
      name: 'review-is-for-the-command-line',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/(cli|review)/' },
      to: { path: '^lib/review/' },
    },
    room('http', 'health', 'options', 'prometheus', 'status', 'verdict'),
    {
      name: 'typeorm-as-types-only',
      comment: 'a second copy of typeorm in node_modules must not matter',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: 'node_modules/typeorm/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-peers-at-run-time',
      comment:
        "prom-client's successor is a peer that is not installed here: two clients would warn everywhere",
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        dependencyTypesNot: ['npm-peer', 'core', 'local', 'type-only', 'npm-dev'],
        pathNot: '^(lib/|@prometheus-io/client$)',
      },
    },
    {
      name: 'no-dev-dependency-in-lib',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm-peer', 'type-only'] },
    },
    {
      name: 'lib-imports-only-lib',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(test|sample-app)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'require', 'default'] },
  },
};
