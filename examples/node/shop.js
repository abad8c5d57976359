// The shop: its orders, and the server that receives webhooks.

import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { Declined } from './payments.js'

export class Shop {
  orders = new Map()
  #seen = new Set()

  constructor(payments, webhookSecret) {
    this.payments = payments
    this.webhook = new Webhook(webhookSecret)
  }

  async pay(order, card) {
    this.orders.set(order.id, order)
    const { customer, amount, currency } = order
    try {
      const payment = await this.payments.create(
        { amount, currency, card, customer, reference: `order ${order.id}` },
      )
      order.status = payment.status
    } catch (error) {
      if (!(error instanceof Declined)) throw error
      Object.assign(order, { status: 'failed', problem: error.code })
    }
    return order
  }

  // Events may arrive twice, late and in any order, so read the payment itself for its status.
  async hear(event) {
    if (this.#seen.has(event.id)) return
    const payment = await this.payments.retrieve(event.data.payment_id)
    const order = this.orders.get(payment.description?.replace('order ', ''))
    if (order) order.status = payment.status
    this.#seen.add(event.id)
  }

  // A server that acts only on signed webhooks; the signature covers the raw body.
  receiver() {
    return createServer(async (request, response) => {
      try {
        const event = this.webhook.verify(await text(request), request.headers)
        await this.hear(event)
        response.writeHead(204).end()
      } catch (error) {
        const isForged = error.name === 'WebhookVerificationError'
        response.writeHead(isForged ? 400 : 500).end() // after a 500 the webhook is sent again
      }
    })
  }
}
