/** The directions of imports in lib/: module → prometheus → migration, module → data-source. */
const errorFile = '^lib/prometheus-migrations\\.errors\\.ts$';

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
      from: { path: '^lib/migration/migration\\.state\\.ts$' },
      to: {},
    },
    {
      name: 'migration-is-a-leaf',
      comment: 'migration/ knows TypeORM (types only), its own files and the error classes',
      severity: 'error',
      from: { path: '^lib/migration/' },
      to: { pathNot: ['^lib/migration/', errorFile, 'node_modules/typeorm/'] },
    },
    {
      name: 'typeorm-as-types-only',
      comment: 'a second copy of typeorm in node_modules must not matter',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: 'node_modules/typeorm/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'data-source-is-a-leaf',
      severity: 'error',
      from: { path: '^lib/data-source/' },
      to: { path: '^lib/', pathNot: ['^lib/data-source/', errorFile] },
    },
    {
      name: 'prometheus-does-not-know-the-module',
      severity: 'error',
      from: { path: '^lib/prometheus/' },
      to: { path: '^lib/prometheus-migrations\\.module' },
    },
    {
      name: 'only-peers-at-run-time',
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        dependencyTypesNot: ['npm-peer', 'core', 'local', 'type-only', 'npm-dev'],
        pathNot: '^lib/',
      },
    },
    {
      name: 'no-dev-dependency-in-lib',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm-peer'] },
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
