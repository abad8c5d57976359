import * as control from './control.js'
import { ControlClient } from './control.js'
export { ControlClient, control }
export { ControlApiError } from './transport.js'
export type { StreamMessage } from './transport.js'

/** What a new world should be like; see `POST /_sandbox/worlds`. */
export type Wishes = control.CreateWorldRequest

/** A world of a test's own: what the control API does, and how the API is called. */
export class World extends ControlClient {
  private constructor()
  /** Of the Payments API; ends in `/v3`. */
  readonly baseUrl: string
  readonly apiKey: string
  /** What its webhook endpoints sign with. */
  readonly webhookSecret: string
  /** Of a request to the Payments API. */
  readonly headers: { authorization: string; 'content-type': string }
  /** Throws `ExpectationsNotMet` where an expectation of its scenarios is not met. */
  assertExpectations(): Promise<void>
  /** Ends it; its key makes a new one. */
  drop(): Promise<void>
}

/** Its message says what was expected and what was seen. */
export class ExpectationsNotMet extends Error {
  readonly report: control.Report
}

export interface Server {
  readonly baseUrl: string
  readonly sandboxUrl: string
  readonly apiKey: string
  readonly webhookSecret: string
  readonly controlToken?: string
  readonly pid: number
  createWorld(wishes?: Wishes): Promise<World>
  /** Ends the server; it ends with this process all the same. */
  stop(): Promise<void>
}

/**
 * Starts a server on a free port. It ends with this process, however that ends.
 *
 * `command` is what stands before `serve`, and `options` are what follows it: `['--seed', '7']`.
 */
export function startServer(
  how?: { command?: readonly string[]; options?: readonly string[] },
): Promise<Server>

/**
 * Makes a world on the server of `payments-sandbox run`, or else on one that is started when it is
 * first needed and that ends with this process.
 */
export function createWorld(wishes?: Wishes): Promise<World>

/** For vitest: `test.extend<{ world: World }>({ world: worldFixture() })`. */
export function worldFixture(wishes?: Wishes): (
  context: { task: { name: string } },
  use: (world: World) => Promise<void>,
) => Promise<void>

/** The hooks of node:test, jest or vitest. */
export interface Hooks {
  beforeEach(hook: (context: any) => Promise<void>): unknown
  afterEach(hook: () => Promise<void>): unknown
}

/**
 * For node:test, jest and vitest: a world before each test, judged and dropped after it.
 *
 *     const world = worldForEachTest({ beforeEach, afterEach })
 *     test('…', async () => { await world().advanceClock({ by: '1h' }) })
 */
export function worldForEachTest(hooks: Hooks, wishes?: Wishes): () => World
