// The client of the Payments API: it never charges twice, whatever becomes of a reply.

import { setTimeout as wait } from 'node:timers/promises'

export class Declined extends Error {
  constructor({ code, message }) {
    super(message)
    this.code = code
  }
}

export class RateLimited extends Error {
  constructor(reset) {
    super(`the rate limit is used up until ${reset}, in seconds since 1970`)
    this.reset = reset
  }
}

export class Payments {
  // `tries`: how often something is asked; `pause`: milliseconds before the second try, doubled later.
  constructor(baseUrl, apiKey, { tries = 4, pause = 500 } = {}) {
    Object.assign(this, { baseUrl, apiKey, tries, pause })
  }

  // The API knows no idempotency keys. When a reply is lost the payment may have been made, and only
  // the list can tell: no create is sent again without looking there. `reference` is what no two
  // payments of a customer have in common.
  async create({ amount, currency, card, customer, reference }) {
    const body = {
      amount, currency, customer_id: customer, description: reference,
      payment_method: { type: 'card', ...card },
    }
    for (let attempt = 0; attempt < this.tries; attempt++) {
      const made = attempt > 0 && await this.find(customer, reference)
      const payment = made || await this.#answer('POST', '/payments', body)
      if (payment) return payment
      await wait(this.pause * 2 ** attempt)
    }
    const made = await this.find(customer, reference)
    if (made) return made
    throw new Error(`nobody can tell whether ${reference} is paid`)
  }

  async find(customer, reference) {
    let cursor = null
    do {
      const query = new URLSearchParams({ customer_id: customer, limit: 100 })
      if (cursor) query.set('starting_after', cursor)
      const page = await this.#read(`/payments?${query}`)
      for (const { id, status } of page.data) {
        if (status === 'failed') continue
        const payment = await this.retrieve(id) // the list has no descriptions
        if (payment.description === reference) return payment
      }
      cursor = page.has_more ? page.next_cursor : null
    } while (cursor)
    return null
  }

  retrieve(id) {
    return this.#read(`/payments/${id}`)
  }

  async #read(path) {
    for (let attempt = 0; attempt < this.tries; attempt++) {
      const answer = await this.#answer('GET', path)
      if (answer) return answer
      await wait(this.pause * 2 ** attempt)
    }
    throw new Error(`${path} does not answer`)
  }

  // What the API says; null when its answer is lost, or is none.
  async #answer(method, path, body) {
    let reply, said
    try {
      reply = await fetch(this.baseUrl + path, {
        method,
        headers: { authorization: `Bearer ${this.apiKey}`, 'content-type': 'application/json' },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      })
      said = await reply.json()
    } catch {
      return null
    }
    if (reply.status === 429) throw new RateLimited(Number(reply.headers.get('x-ratelimit-reset')))
    if (reply.status >= 500) return null
    if (!reply.ok) throw new Declined(said.error)
    return said
  }
}
