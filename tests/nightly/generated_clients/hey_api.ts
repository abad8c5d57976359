import { createPayment, createRefund, listPayments, retrievePayment } from './hey-api'
import type { Card, NewPayment, WebhookEvent } from './hey-api'
import { client as api } from './hey-api/client.gen'
import { advanceClock } from './hey-control'
import { client as control } from './hey-control/client.gen'

const [, , apiUrl, controlUrl, key] = process.argv as [string, string, string, string, string]
api.setConfig({ baseUrl: apiUrl as 'http://127.0.0.1', auth: key })
control.setConfig({ baseUrl: controlUrl as 'http://127.0.0.1', auth: ({ type }) => type === 'http' ? key : undefined })

const card = (card_number: string): Card => (
  { type: 'card', card_number, exp_month: 12, exp_year: 2034, cvc: '123' }
)
const order = (number: string): NewPayment => (
  { amount: 2500, currency: 'USD', payment_method: card(number), customer_id: 'ada' }
)
export function money(event: WebhookEvent): string {
  return event.type === 'refund.created' ? event.data.refund_id : event.data.payment_id
}

async function main(): Promise<void> {
  const made = await createPayment({ body: order('4111111111111111'), throwOnError: true })
  const path = { payment_id: made.data.id }
  const found = await retrievePayment({ path, throwOnError: true })
  const listed = await listPayments({ query: { limit: 5, customer_id: 'ada' }, throwOnError: true })
  const refund = await createRefund({ path, body: { amount: 1000 }, throwOnError: true })
  const declined = await createPayment({ body: order('4000000000000002') })
  const moved = await advanceClock({ body: { by: '1h' }, throwOnError: true })
  const shown = [
    found.data.payment_method.brand, found.data.status, listed.data.data.length,
    refund.data.amount, declined.error!.error.code, moved.data.now,
  ]
  console.log(shown.join(' '))
}
void main()
