// Tests of the shop against the sandbox, for success and failure.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { worldForEachTest } from '@payments-sandbox/client'
import { Payments } from '../payments.js'
import { Shop } from '../shop.js'

// `payments-sandbox cards` lists the numbers and what each does.
const card = (card_number) => ({ card_number, exp_month: 12, exp_year: 2034, cvc: '123' })
const GOOD = card('4111111111111111')
const DECLINED = card('4000000000000002')
const PENDING_THEN_COMPLETED = card('4000009900000012')

const world = worldForEachTest({ beforeEach, afterEach }, { clock: '2030-01-15T09:00:00Z' })
let shop, receiver, order

beforeEach(async () => {
  const { baseUrl, apiKey, webhookSecret } = world()
  shop = new Shop(new Payments(baseUrl, apiKey, { pause: 10 }), webhookSecret)
  receiver = shop.receiver()
  await new Promise((listening) => receiver.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${receiver.address().port}/webhooks`
  await world().createWebhookEndpoint({ url })
  order = { id: '1', customer: 'ada', amount: 2500, currency: 'USD' }
})

afterEach(() => {
  receiver.close()
  receiver.closeAllConnections()
})

test('a payment', async () => {
  assert.equal((await shop.pay(order, GOOD)).status, 'completed')
})

test('a declined card', async () => {
  const { status, problem } = await shop.pay(order, DECLINED)
  assert.deepEqual([status, problem], ['failed', 'card_declined'])
})

test('a payment that takes an hour: its webhook updates the order, and the test does not wait', async () => {
  await shop.pay(order, PENDING_THEN_COMPLETED)
  assert.equal(order.status, 'pending')
  await world().advanceClock({ by: '1h' })
  assert.equal(order.status, 'completed')
})

test('a webhook is delivered', async () => {
  await shop.pay(order, GOOD)
  await world().advanceClock({ by: '0s' })
  const [{ type, status }] = (await world().listDeliveries()).data
  assert.deepEqual([type, status], ['payment.completed', 'delivered'])
})

test('a forged webhook is rejected', async () => {
  await shop.pay(order, PENDING_THEN_COMPLETED)
  const body = JSON.stringify({ id: 'evt_1', type: 'payment.completed', data: {} })
  const reply = await fetch(`http://127.0.0.1:${receiver.address().port}`, { method: 'POST', body })
  assert.equal(reply.status, 400)
  assert.equal(order.status, 'pending')
})

test('a lost reply: the payment is found and not made again', async () => {
  await world().addActiveScenario('lost-reply') // its expectations are checked after the test
  await shop.pay(order, GOOD)
  assert.equal(order.status, 'completed')
})
