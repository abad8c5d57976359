// The same shop, repaired: it looks before it pays again, and acts only on signed webhooks.
// Exit code: 0 the order is paid, 1 it is not, 4 nobody can tell and a person has to look.

import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'

const {
  PAYMENTS_BASE_URL, PAYMENTS_SANDBOX_URL, PAYMENTS_API_KEY, PAYMENTS_WEBHOOK_SECRET,
} = process.env
const card = { card_number: '4242424242424242', exp_month: 12, exp_year: 2034, cvc: '123' }
const order = {
  amount: 4200, currency: 'EUR', customer_id: 'cust_ada', description: 'Order 17',
  payment_method: { type: 'card', ...card },
}
const TRIES = 4

class NobodyCanTell extends Error {}

// Returns the status and the body; the status is 0 if there is no readable answer.
async function ask(method, url, body) {
  try {
    const reply = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${PAYMENTS_API_KEY}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(1_000),
    })
    return [reply.status, await reply.json()]
  } catch {
    return [0, null]
  }
}

// Sends a GET, and retries after any failure: reading changes nothing.
async function read(path) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [status, body] = await ask('GET', PAYMENTS_BASE_URL + path)
    if (status === 200) return body
    await wait(20 * 2 ** attempt)
  }
  throw new NobodyCanTell()
}

// Returns the payment of this order, if it was made (the list has no descriptions).
async function find() {
  const { data } = await read(`/payments?customer_id=${order.customer_id}&limit=100`)
  for (const { id, status } of data) {
    if (status === 'failed') continue
    const payment = await read(`/payments/${id}`)
    if (payment.description === order.description) return payment
  }
  return null
}

async function pay() {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [status, body] = await ask('POST', `${PAYMENTS_BASE_URL}/payments`, order)
    if (status === 201) return body.status === 'completed'
    if (status >= 400 && status < 500) return false
    await wait(20 * 2 ** attempt)
    if (await find()) return true
  }
  return false
}

// Whether a webhook was signed with our secret, and recently (Standard Webhooks).
function isGenuine(headers, body) {
  const sent = headers['webhook-timestamp']
  if (!(Math.abs(Date.now() / 1000 - Number(sent)) < 300)) return false
  const secret = Buffer.from(PAYMENTS_WEBHOOK_SECRET.replace('whsec_', ''), 'base64')
  const hmac = createHmac('sha256', secret).update(`${headers['webhook-id']}.${sent}.${body}`)
  return (headers['webhook-signature'] ?? '').split(' ').includes(`v1,${hmac.digest('base64')}`)
}

const seen = new Set()
const receiver = createServer(async (request, response) => {
  const body = await text(request)
  if (!isGenuine(request.headers, body)) return response.writeHead(400).end()
  seen.add(JSON.parse(body).id)
  response.writeHead(204).end()
}).listen(0, '127.0.0.1')
await once(receiver, 'listening')
const url = `http://127.0.0.1:${receiver.address().port}/`
await ask('POST', `${PAYMENTS_SANDBOX_URL}/webhook_endpoints`, { url })

try {
  const isPaid = await pay()
  for (let i = 0; isPaid && !seen.size && i < 25; i++) await wait(20) // the API has already confirmed it
  console.log(isPaid ? 'Order 17 is paid.' : 'Order 17 is not paid.')
  process.exit(isPaid ? 0 : 1)
} catch (error) {
  if (!(error instanceof NobodyCanTell)) throw error
  console.log('Nobody can tell whether Order 17 is paid; a person has to look.')
  process.exit(4)
}
