import createClient from 'openapi-fetch'
import type { components, paths } from './api'
import type { paths as ControlPaths } from './control'

const [, , apiUrl, controlUrl, key] = process.argv as [string, string, string, string, string]
const headers = { authorization: `Bearer ${key}` }
const api = createClient<paths>({ baseUrl: apiUrl, headers })
const control = createClient<ControlPaths>({ baseUrl: controlUrl, headers })

const card = (card_number: string): components['schemas']['Card'] => (
  { type: 'card', card_number, exp_month: 12, exp_year: 2034, cvc: '123' }
)
const order = (number: string): components['schemas']['NewPayment'] => (
  { amount: 2500, currency: 'USD', payment_method: card(number), customer_id: 'ada' }
)
export function money(event: components['schemas']['WebhookEvent']): string {
  return event.type === 'refund.created' ? event.data.refund_id : event.data.payment_id
}

async function main(): Promise<void> {
  const made = await api.POST('/payments', { body: order('4111111111111111') })
  const payment_id = made.data!.id
  const found = await api.GET('/payments/{payment_id}', { params: { path: { payment_id } } })
  const listed = await api.GET('/payments', { params: { query: { limit: 5, customer_id: 'ada' } } })
  const refund = await api.POST('/payments/{payment_id}/refunds', {
    params: { path: { payment_id } }, body: { amount: 1000 },
  })
  const declined = await api.POST('/payments', { body: order('4000000000000002') })
  const moved = await control.POST('/clock/advance', { body: { by: '1h' } })
  const shown = [
    found.data!.payment_method.brand, found.data!.status, listed.data!.data.length,
    refund.data!.amount, declined.error!.error.code, moved.data!.now,
  ]
  console.log(shown.join(' '))
}
void main()
