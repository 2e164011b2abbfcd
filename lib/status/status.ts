import type { Monitor } from '../monitor/monitor';
import { type MigrationsReport, reportOf } from '../verdict/report';
import type { Policy } from '../verdict/verdict';

/** What the status page shows: every connection as it is now. */
export class MigrationsStatus {
  constructor(
    private readonly monitor: Monitor,
    private readonly policy: Omit<Policy, 'connections' | 'whenUnreadable' | 'once'>,
    /** What the page is headed with. */
    readonly title?: string | undefined,
  ) {}

  async report(): Promise<MigrationsReport> {
    return reportOf(await this.monitor.current(), this.policy);
  }
}
