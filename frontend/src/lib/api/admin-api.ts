import { send } from './http';
import type { AuditList, Overview, Purge } from './types';

/** What operators may ask of the server, one method for each call. All throw `Problem`. */
export class AdminApi {
  overview(): Promise<Overview> {
    return send('GET', '/admin/overview');
  }

  stopSpending(reason: string, everything: boolean): Promise<void> {
    return send('POST', '/admin/stop', { body: { reason, everything } });
  }

  allowSpending(): Promise<void> {
    return send('POST', '/admin/go');
  }

  cancelOwner(owner: string): Promise<{ jobs: string[] }> {
    return send('POST', `/admin/owners/${encodeURIComponent(owner)}/cancel`);
  }

  purge(dryRun: boolean): Promise<Purge> {
    return send('POST', '/admin/purge', { body: { dry_run: dryRun } });
  }

  audit(cursor: string | null): Promise<AuditList> {
    const query = new URLSearchParams({ limit: '50' });
    if (cursor) query.set('cursor', cursor);
    return send('GET', `/admin/audit?${query}`);
  }
}
