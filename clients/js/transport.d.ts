/** Which server, and which world. */
export interface Access {
  /** Ends in `/_sandbox`. */
  readonly sandboxUrl: string
  readonly apiKey?: string
  /** The token that the server requires if it listens beyond loopback. */
  readonly controlToken?: string
}

/** One message of the event stream. */
export interface StreamMessage {
  /** `request`, `event` or `delivery`. */
  kind: string
  value: Record<string, unknown>
  id: string
}

/** An error response of the control API. */
export class ControlApiError extends Error {
  readonly status: number
  readonly code?: string
  readonly details?: string
  /** The whole answer: parsed JSON, or text. */
  readonly body: unknown
}

export class Transport implements Access {
  constructor(access: Access)
  readonly sandboxUrl: string
  readonly apiKey?: string
  readonly controlToken?: string
}
