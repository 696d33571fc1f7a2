// What the admin listener says; see sidecar/src/tail.rs and sidecar/src/admin/view.rs.

export interface Stop { channel: string; taken: number; closed: number; slow: number; leftOut: number }

export interface Road {
  kind: 'event'; number: number; at: number; source: string; id?: string; event: string;
  result: 'emitted' | 'nobody' | 'duplicate' | 'in_doubt' | 'refused';
  reason?: string; except?: string; trace?: string;
  phpToFrame?: number; frameToAccepted?: number; acceptedToEmitted?: number;
  channels: Stop[]; data: string; dataBytes: number;
}

export interface Asked {
  kind: 'auth'; number: number; at: number; channel: string; socket: string; url: string; sent: string[]; origin?: string;
  result: 'granted' | 'denied' | 'failed'; status?: number; reason?: string; member?: string; took: number;
}

export type Fact = Road | Asked;

export interface Latency { count: number; p50: number | null; p95: number | null; p99: number | null }

export interface Status {
  version: string; pid: number; uptime: number; ready: boolean; reasons: string[]; devMode: boolean; mayPublish: boolean;
  connections: { total: number; groups: { transport: string; generation: string; count: number }[]; queuedBytes: number };
  subscriptions: number; channels: { public: number; private: number; presence: number }; members: number;
  sources: { name: string; place: string; state: 'up' | 'down' | 'off' }[];
  spool: { files: number; bytes: number; age: number | null } | null;
  memoryBytes: number | null; counters: Record<string, number>; latency: Record<string, Latency>;
}

export interface Sample { at: number; events: number; deliveries: number; dropped: number; connections: number }
