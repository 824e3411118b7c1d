import type { Schema } from '@baton/postgres';
import { parkingTables } from './tables.js';

/** As much of TypeORM as a migration needs: this library knows no more of it. */
interface Runner {
  query(sql: string): Promise<unknown>;
}

/** The migration that adds {@link parkingTables} to a schema that has `inboxTables`. */
export function parkingMigration(schema: Schema): new () => { readonly name: string; up(runner: Runner): Promise<void>; down(): Promise<void> } {
  return class Parking1700000000100 {
    readonly name = 'Parking1700000000100';

    async up(runner: Runner): Promise<void> {
      await runner.query(parkingTables(schema));
    }

    async down(): Promise<void> {
      throw new Error('What was parked or discarded is never dropped by a migration.');
    }
  };
}
