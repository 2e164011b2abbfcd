import type { Type } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { PATH } from './application-routes';

/** The paths of an application's pages, by base class. */
const applications = new WeakMap<ApplicationConfig, Map<Type, () => string[]>>();

/**
 * Makes `forRoutes(MetricsController)` resolve to the paths in one application.
 *
 * Nest reads the paths from the class, which all applications of the process share. Right before that, Nest
 * calls `getVersioning()` on the application's configuration. At that moment the paths on the class are
 * replaced by those of this application.
 */
export function nameInApplication(
  base: Type,
  config: ApplicationConfig,
  paths: () => readonly string[],
): void {
  const byBase = applications.get(config) ?? watch(config);
  const before = byBase.get(base);
  // Distinct paths: middleware would run twice.
  byBase.set(base, () => [...new Set([...(before?.() ?? []), ...paths()])]);
}

function watch(config: ApplicationConfig): Map<Type, () => string[]> {
  const byBase = new Map<Type, () => string[]>();
  applications.set(config, byBase);
  const getVersioning = config.getVersioning.bind(config);
  config.getVersioning = () => {
    for (const [base, paths] of byBase) {
      const onClass = Reflect.getMetadata(PATH, base) as string[];
      onClass.splice(0, onClass.length, ...paths());
    }
    return getVersioning();
  };
  return byBase;
}
