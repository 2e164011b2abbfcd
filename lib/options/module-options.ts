import { InvalidOptionError } from '../prometheus-migrations.errors';
import { MODULE_OPTIONS } from './option.table';
import type { PrometheusMigrationsModuleOptions, ResolvedModuleOptions } from './option.types';
import { type Environment, resolve } from './resolve';

/**
 * Checks each option of the module and their combinations, and fills in the environment and the defaults.
 *
 * @throws {@link InvalidOptionError} or {@link NotADataSourceError} for a value that cannot work
 */
export function resolveModuleOptions(
  options: PrometheusMigrationsModuleOptions,
  environment: Environment,
): ResolvedModuleOptions {
  const resolved = resolve(MODULE_OPTIONS, options, environment);
  checkPaths(resolved);
  return resolved;
}

/**
 * Checks that each page has its own path. With two equal paths, the application would serve one page and its
 * own port the other. As in Express, a slash at the end and upper case make no difference.
 *
 * @throws {@link InvalidOptionError} for two options with the same path
 */
function checkPaths({ path, readiness, statusPath, port, portRange }: ResolvedModuleOptions): void {
  const hasPort = port !== undefined || portRange !== undefined;
  const portPath = path === false && hasPort ? MODULE_OPTIONS.path.default : path;
  const owners = new Map<string, string>();
  for (const [option, given] of [
    ['path', portPath],
    ['statusPath', statusPath],
    ['readiness.path', readiness?.path],
  ] as const) {
    if (given === undefined || given === false) continue;
    const key = given.replace(/\/$/, '').toLowerCase();
    const owner = owners.get(key);
    if (owner !== undefined) {
      const where = owner === 'path' && path === false ? ': the own port serves the metrics there' : '';
      throw new InvalidOptionError(
        option,
        `is ${JSON.stringify(given)}, the path of the option ${owner} as well${where}`,
        'Give each page a path of its own.',
      );
    }
    owners.set(key, option);
  }
}
