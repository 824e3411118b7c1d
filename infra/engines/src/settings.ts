/** Server settings, given on the command line: they win over any file and are the same on each start. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  port: '5432',
  unix_socket_permissions: '0700',
  // A commit that was answered survives the power cut.
  fsync: 'on',
  synchronous_commit: 'on',
  wal_level: 'replica',
  max_connections: '150',
  shared_buffers: '64MB',
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  huge_pages: 'off',
  // Many short statements on few cores: compiling, parallel workers and I/O processes cost more than they give.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  // Queues are small tables that turn over all the time; by default they would be cleaned once a minute at best.
  autovacuum_naptime: '10s',
  autovacuum_vacuum_scale_factor: '0.05',
  autovacuum_analyze_scale_factor: '0.05',
  autovacuum_vacuum_cost_limit: '1000',
  // Values of rows must not reach the log, and errors quote them: they are told to the client alone, who decides what of it to log.
  log_min_messages: 'log',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_parameter_max_length_on_error: '0',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

/** For tests: what is committed survives the processes, not the machine. */
const FAST: Readonly<Record<string, string>> = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };

/** @returns arguments for `postgres` */
export function serverArguments(data: string, sockets: string, fast: boolean): string[] {
  const settings = { ...SETTINGS, ...(fast ? FAST : {}), unix_socket_directories: sockets };
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
