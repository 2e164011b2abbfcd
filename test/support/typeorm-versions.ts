import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as typeorm from 'typeorm';

type TypeOrm = typeof typeorm;

export interface TypeOrmVersion {
  readonly version: string;
  readonly typeorm: TypeOrm;
}

/** Aliases of `typeorm` in node_modules, or in the folder `TEST_TYPEORM`. */
const OLDER = ['typeorm-0.3.12', 'typeorm-0.3.31'];

const require = createRequire(join(process.env['TEST_TYPEORM'] ?? join(__dirname, '../..'), 'package.json'));

/** TypeORM as the package's users have it: the oldest, the last of 0.3, and the newest; those that are installed. */
export const TYPEORM_VERSIONS: readonly TypeOrmVersion[] = [
  ...OLDER.flatMap((name) => {
    try {
      return [{ version: name.slice('typeorm-'.length), typeorm: require(name) as TypeOrm }];
    } catch {
      return [];
    }
  }),
  { version: '1', typeorm },
];
