import type { DynamicModule, Type } from '@nestjs/common';

export type NestModule = Type | DynamicModule;

const MODULE_METADATA = ['imports', 'providers', 'controllers', 'exports'];

export function isNestModule(value: unknown): value is NestModule {
  if (typeof value === 'function') {
    // Whoever loads no Nest has no reflect-metadata.
    const { hasMetadata } = Reflect as { hasMetadata?: typeof Reflect.hasMetadata };
    return MODULE_METADATA.some((key) => hasMetadata?.(key, value) === true);
  }
  return typeof value === 'object' && value !== null && typeof (value as DynamicModule).module === 'function';
}
