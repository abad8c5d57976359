// A client of the Payments API that never charges twice, even if replies are lost.

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
  // `tries`: the maximum number of attempts; `pause`: milliseconds before the second one, then doubled.
  constructor(baseUrl, apiKey, { tries = 4, pause = 500 } = {}) {
    Object.assign(this, { baseUrl, apiKey, tries, pause })
  }

  // The API has no idempotency keys. If a reply is lost, the payment may have been made, and only the
  // list of payments can tell. So look there before sending a create again. `reference` must be unique
  // among the payments of a customer.
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
    throw new Error(`cannot tell whether ${reference} is paid`)
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
    throw new Error(`no usable answer from ${path}`)
  }

  // The API's answer, or null if it was lost or unusable.
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
