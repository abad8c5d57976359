/** Which server, and whose world. */
export interface Access {
  /** Ends in `/_sandbox`. */
  readonly sandboxUrl: string
  readonly apiKey?: string
  /** What the server demands beyond loopback. */
  readonly controlToken?: string
}

/** One message of the event stream. */
export interface StreamMessage {
  /** `request`, `event` or `delivery`. */
  kind: string
  value: Record<string, unknown>
  id: string
}

/** What the control API has refused. */
export class ControlApiError extends Error {
  readonly status: number
  readonly code?: string
  readonly details?: string
  /** All of the answer. */
  readonly body: unknown
}

export class Transport implements Access {
  constructor(access: Access)
  readonly sandboxUrl: string
  readonly apiKey?: string
  readonly controlToken?: string
}
