/**
 * Everything in one file but TypeORM, which loads its drivers by a name that no bundler sees. (Nest's CLI
 * leaves out all packages.) What Nest loads lazily is ignored, as its documentation has it.
 */
module.exports = (options, { IgnorePlugin }) => ({
  ...options,
  externals: { typeorm: 'commonjs typeorm' },
  resolve: { ...options.resolve, extensionAlias: { '.js': ['.ts', '.js'] } },
  plugins: [...options.plugins, new IgnorePlugin({ resourceRegExp: /^@nestjs\/(microservices|websockets)/ })],
});
