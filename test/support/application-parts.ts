import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  type NestInterceptor,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';

/** A controller of an application, at /orders. */
@Controller('orders')
export class OrdersController {
  @Get()
  list() {
    return [];
  }
}

/** Wraps every answer, as `{ "data": … }`. */
export class WrapInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}
