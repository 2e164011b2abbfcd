import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { TestingModule } from '@nestjs/testing';

/** Makes an application of a compiled module on each of Nest's HTTP platforms. */
export const PLATFORMS = {
  Express: (module: TestingModule): INestApplication => module.createNestApplication(),
  Fastify: (module: TestingModule): INestApplication => module.createNestApplication(new FastifyAdapter()),
} as const;

export type Platform = keyof typeof PLATFORMS;

export const PLATFORM_NAMES = Object.keys(PLATFORMS) as Platform[];
