import * as control from './control.js'
import { ControlClient } from './control.js'
export { ControlClient, control }
export { ControlApiError } from './transport.js'
export type { StreamMessage } from './transport.js'

/** The settings of a new world; see `POST /_sandbox/worlds`. */
export type Wishes = control.CreateWorldRequest

/** A world for one test: the methods of the control API, and what requests to the Payments API need. */
export class World extends ControlClient {
  private constructor()
  /** The base URL of the Payments API; ends in `/v3`. */
  readonly baseUrl: string
  readonly apiKey: string
  /** The secret that its webhook endpoints sign with. */
  readonly webhookSecret: string
  /** The headers that a request to the Payments API needs. */
  readonly headers: { authorization: string; 'content-type': string }
  /** Throws `ExpectationsNotMet` if an expectation of its scenarios is not met. */
  assertExpectations(): Promise<void>
  /** Drops the world; the next request with its key makes a new one. */
  drop(): Promise<void>
}

/** Thrown if expectations are not met; its message says what was expected and what was seen. */
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
  /** Stops the server, which otherwise ends with this process. */
  stop(): Promise<void>
}

/**
 * Starts a server on a free port. It ends with this process, even if that is killed.
 *
 * `command` is the command without `serve`, and `options` are the options of `serve`: `['--seed', '7']`.
 */
export function startServer(
  how?: { command?: readonly string[]; options?: readonly string[] },
): Promise<Server>

/**
 * Makes a world on the server of `payments-sandbox run`. Otherwise, the first call starts a server that
 * ends with this process.
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
 * For node:test, jest and vitest: makes a world before each test; checks and drops it afterwards.
 *
 *     const world = worldForEachTest({ beforeEach, afterEach })
 *     test('…', async () => { await world().advanceClock({ by: '1h' }) })
 */
export function worldForEachTest(hooks: Hooks, wishes?: Wishes): () => World
