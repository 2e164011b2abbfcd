import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PrometheusMigrationsModuleOptions } from './options/option.types';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<PrometheusMigrationsModuleOptions>({ moduleName: 'PrometheusMigrations' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPrometheusMigrationsOptions')
    .build();

/** Token of the module's options, checked and completed. */
export const RESOLVED_OPTIONS = Symbol('RESOLVED_OPTIONS');
/** Token of the number of one module's definition. */
export const DEFINITION = Symbol('DEFINITION');
/** Token of the routes of one module's pages. */
export const ROUTES = Symbol('ROUTES');
