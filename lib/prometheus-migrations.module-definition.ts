import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PrometheusMigrationsModuleOptions } from './prometheus-migrations.options';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<PrometheusMigrationsModuleOptions>({ moduleName: 'PrometheusMigrations' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPrometheusMigrationsOptions')
    .build();

/** Token of the module's options, checked and completed. */
export const RESOLVED_OPTIONS = Symbol('RESOLVED_OPTIONS');
