import { build } from 'esbuild';

// The same as webpack.config.js, as an ES module.
await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/esbuild.mjs',
  bundle: true,
  platform: 'node',
  format: 'esm',
  external: [
    'typeorm',
    '@nestjs/microservices',
    '@nestjs/websockets',
    'class-transformer',
    'class-validator',
  ],
  // For the CommonJS packages in it.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  logLevel: 'error',
});
