import type { Monitor } from '../monitor/monitor';
import { type MigrationsReport, reportOf } from '../verdict/report';
import type { Policy } from '../verdict/verdict';

/** The source of the status page: every connection as it is now. */
export class MigrationsStatus {
  constructor(
    private readonly monitor: Monitor,
    private readonly policy: Omit<Policy, 'connections' | 'whenUnreadable' | 'once'>,
    /** Heading of the page. */
    readonly title?: string | undefined,
  ) {}

  async report(): Promise<MigrationsReport> {
    return reportOf(await this.monitor.current(), this.policy);
  }
}
