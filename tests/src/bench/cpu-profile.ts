/** A CPU profile as V8's inspector gives it (`Profiler.stop`), as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[];
}

export interface Share {
  readonly name: string;
  /** Per cent of the time in which the process did something. */
  readonly share: number;
}

export interface ProfileSummary {
  /** Per cent of the time the process was not idle. */
  readonly busy: number;
  /** Time in the code of each package, callers not counted. */
  readonly byPackage: readonly Share[];
  /** Time in each function, callees not counted. */
  readonly self: readonly Share[];
  /** Time in each of Baton's own functions, callees counted; what an `await` comes back to is not. */
  readonly total: readonly Share[];
}

/** Says where the time of a profile went. */
export function summaryOfProfile({ nodes, samples, timeDeltas }: CpuProfile): ProfileSummary {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parent = new Map(nodes.flatMap(({ id, children }) => (children ?? []).map((child) => [child, id] as const)));
  const [packages, self, total] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const add = (to: Map<string, number>, name: string, micros: number): void => void to.set(name, (to.get(name) ?? 0) + micros);
  let [all, idle] = [0, 0];
  samples.forEach((id, place) => {
    const micros = Math.max(0, timeDeltas[place] ?? 0);
    all += micros;
    const { callFrame } = byId.get(id)!;
    if (callFrame.functionName === '(idle)') return void (idle += micros);
    add(packages, packageOf(callFrame), micros);
    add(self, labelOf(callFrame), micros);
    const seen = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parent.get(at)) {
      const frame = byId.get(at)!.callFrame;
      if (packageOf(frame).startsWith('@baton/')) seen.add(labelOf(frame));
    }
    for (const name of seen) add(total, name, micros);
  });
  const busy = all - idle;
  const shares = (of: Map<string, number>): Share[] => [...of].map(([name, micros]) => ({ name, share: Number(((100 * micros) / busy).toFixed(1)) })).sort((a, b) => b.share - a.share);
  return { busy: Number(((100 * busy) / all).toFixed(1)), byPackage: shares(packages), self: shares(self), total: shares(total) };
}

type Frame = CpuProfile['nodes'][number]['callFrame'];

/** `@baton/fhir-store`, `pg`, `node:http`; `(garbage collector)` and the like as V8 calls them. */
export function packageOf({ url, functionName }: Frame): string {
  const module = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (module !== undefined) return module;
  const own = /\/(?:libs|services|infra)\/([^/]+)\/dist\//.exec(url)?.[1] ?? (/\/contracts\/dist\//.test(url) ? 'contracts' : undefined);
  if (own !== undefined) return `@baton/${own}`;
  if (url.startsWith('node:')) return /^node:(?:internal\/)?([a-z_]+)/.exec(url)?.[0].replace('internal/', '') ?? url;
  if (functionName.startsWith('(')) return functionName;
  return 'V8 and Node, native';
}

function labelOf(frame: Frame): string {
  const name = frame.functionName || '(anonymous)';
  if (frame.url === '') return name;
  return `${name} — ${packageOf(frame)}${frame.url.startsWith('node:') ? '' : ` ${frame.url.slice(frame.url.lastIndexOf('/') + 1)}:${frame.lineNumber + 1}`}`;
}
