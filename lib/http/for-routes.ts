import type { Type } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { PATH } from './application-routes';

/** The paths of one application's pages, by base class. */
const applications = new WeakMap<ApplicationConfig, Map<Type, () => string[]>>();

/**
 * Makes `forRoutes(MetricsController)` stand for its paths in one application.
 *
 * Nest takes the paths from the class, which all applications of the process share. Right before that, it
 * asks the configuration of the application whether it has versions: the paths on the class are then made
 * those of this application.
 */
export function nameInApplication(
  base: Type,
  config: ApplicationConfig,
  paths: () => readonly string[],
): void {
  const byBase = applications.get(config) ?? watch(config);
  const before = byBase.get(base);
  // Once each: middleware would run twice.
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
