// The shop that most people would write: it pays, retries, and waits for the webhook.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'

const { PAYMENTS_BASE_URL, PAYMENTS_SANDBOX_URL, PAYMENTS_API_KEY } = process.env
const card = { card_number: '4242424242424242', exp_month: 12, exp_year: 2034, cvc: '123' }
const order = {
  amount: 4200, currency: 'EUR', customer_id: 'cust_ada', description: 'Order 17',
  payment_method: { type: 'card', ...card },
}

const post = (url, body) => fetch(url, {
  method: 'POST',
  headers: { authorization: `Bearer ${PAYMENTS_API_KEY}`, 'content-type': 'application/json' },
  body: JSON.stringify(body),
  signal: AbortSignal.timeout(1_000),
})

async function pay() {
  for (let attempt = 0; attempt < 3; attempt++) {
    let reply
    try {
      reply = await post(`${PAYMENTS_BASE_URL}/payments`, order)
    } catch (error) {
      if (error.name === 'TimeoutError') return null // it takes too long, so not paid
      continue
    }
    if (reply.status === 400) return null
    if (reply.ok) return await reply.json()
  }
  return null
}

let isConfirmed = false
const receiver = createServer(async (request, response) => {
  const event = JSON.parse(await text(request))
  isConfirmed ||= event.type === 'payment.completed'
  response.writeHead(204).end()
}).listen(0, '127.0.0.1')
await once(receiver, 'listening')
const url = `http://127.0.0.1:${receiver.address().port}/`
await post(`${PAYMENTS_SANDBOX_URL}/webhook_endpoints`, { url })

const payment = await pay()
for (let i = 0; payment && !isConfirmed && i < 100; i++) await wait(20)
console.log(isConfirmed ? 'Order 17 is paid.' : 'Order 17 is not paid.')
process.exit(isConfirmed ? 0 : 1)
