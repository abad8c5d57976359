require "json"
require "uri"
require "shop_api"
require "shop_control"

api_url, control_url, key = ARGV

def configured(configuration, url, key)
  uri = URI(url)
  configuration.scheme, configuration.host, configuration.base_path = uri.scheme, "#{uri.host}:#{uri.port}", uri.path
  configuration.server_index = nil
  configuration.access_token = key
end
ShopApi.configure { |it| configured(it, api_url, key) }
ShopControl.configure { |it| configured(it, control_url, key) }

def order(number)
  card = ShopApi::Card.new(type: "card", card_number: number, exp_month: 12, exp_year: 2034, cvc: "123")
  ShopApi::NewPayment.new(amount: 2500, currency: "USD", payment_method: card, customer_id: "ada")
end

payments = ShopApi::PaymentsApi.new
made = payments.create_payment(order("4111111111111111"))
found = payments.retrieve_payment(made.id)
listed = payments.list_payments(limit: 5, customer_id: "ada")
refund = ShopApi::RefundsApi.new.create_refund(made.id, ShopApi::NewRefund.new(amount: 1000))
begin
  payments.create_payment(order("4000000000000002"))
rescue ShopApi::ApiError => e
  declined = JSON.parse(e.response_body)["error"]["code"]
end
moved = ShopControl::ClockApi.new.advance_clock(ShopControl::AdvanceClockRequest.new(by: "1h"))
puts [
  found.payment_method.brand, found.status, listed.data.size, refund.amount, declined,
  moved.now.to_time.utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
].join(" ")
