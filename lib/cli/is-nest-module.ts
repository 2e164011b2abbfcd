import type { DynamicModule, Type } from '@nestjs/common';

export type NestModule = Type | DynamicModule;

const MODULE_METADATA = ['imports', 'providers', 'controllers', 'exports'];

export function isNestModule(value: unknown): value is NestModule {
  if (typeof value === 'function') {
    // Without Nest, reflect-metadata may not be loaded.
    const { hasMetadata } = Reflect as { hasMetadata?: typeof Reflect.hasMetadata };
    return MODULE_METADATA.some((key) => hasMetadata?.(key, value) === true);
  }
  return typeof value === 'object' && value !== null && typeof (value as DynamicModule).module === 'function';
}
