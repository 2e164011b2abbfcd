import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PrometheusMigrationsModuleOptions } from './options/option.types';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<PrometheusMigrationsModuleOptions>({ moduleName: 'PrometheusMigrations' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPrometheusMigrationsOptions')
    .build();

export { RESOLVED_OPTIONS } from './options/tokens';
/** Token of one module's own exporter; `MigrationsExporter` is the application's. */
export const OWN_EXPORTER = Symbol('OWN_EXPORTER');
/** Likewise. */
export const OWN_INDICATOR = Symbol('OWN_INDICATOR');
export const OWN_STATUS = Symbol('OWN_STATUS');
/** Token of the number of one module's definition. */
export const DEFINITION = Symbol('DEFINITION');
/** Token of the routes of one module's controllers. */
export const ROUTES = Symbol('ROUTES');
