import { BadRequestException } from '@nestjs/common';

export interface NewOrder {
  customer: string;
  product: string;
  quantity: number;
}

const MAX_LENGTH = 100;
const MAX_QUANTITY = 1000;

/** Parses an order from a request's body, or throws an error that names the problem. */
export function parseNewOrder(body: unknown): NewOrder {
  const { customer, product, quantity = 1 } = (body ?? {}) as Record<string, unknown>;
  return {
    customer: text('customer', customer),
    product: text('product', product),
    quantity: count('quantity', quantity),
  };
}

function text(field: string, value: unknown): string {
  const trimmed = typeof value === 'string' ? value.trim() : '';
  if (trimmed === '' || trimmed.length > MAX_LENGTH) {
    throw new BadRequestException(`${field} must be a text of 1 to ${MAX_LENGTH} characters`);
  }
  return trimmed;
}

function count(field: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_QUANTITY) {
    throw new BadRequestException(`${field} must be a whole number from 1 to ${MAX_QUANTITY}`);
  }
  return value;
}
