import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PrometheusMigrationsModuleOptions } from './options/option.types';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<PrometheusMigrationsModuleOptions>({ moduleName: 'PrometheusMigrations' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPrometheusMigrationsOptions')
    .build();

export { RESOLVED_OPTIONS } from './options/tokens';
/** Token of the number of a module's definition. */
export const DEFINITION = Symbol('DEFINITION');
/** Token of the outlets of a module's metrics. */
export const OUTLETS = Symbol('OUTLETS');
/** Token of the routes of a module's pages. */
export const ROUTES = Symbol('ROUTES');
