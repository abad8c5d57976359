package main

import (
	"context"
	"fmt"
	"os"

	api "example.com/api"
	control "example.com/control"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	apiURL, controlURL, key := os.Args[1], os.Args[2], os.Args[3]
	settings := api.NewConfiguration()
	settings.Servers = api.ServerConfigurations{{URL: apiURL}}
	settings.AddDefaultHeader("Authorization", "Bearer "+key)
	client := api.NewAPIClient(settings)
	remote := control.NewConfiguration()
	remote.Servers = control.ServerConfigurations{{URL: controlURL}}
	remote.AddDefaultHeader("Authorization", "Bearer "+key)
	ctx := context.Background()

	order := func(number string) api.PaymentOrder {
		made := api.NewPaymentOrder(2500, api.USD, *api.NewCard("card", number, 12, 2034, "123"))
		made.SetCustomerId("ada")
		return *made
	}
	made, _, err := client.PaymentsAPI.CreatePayment(ctx).PaymentOrder(order("4111111111111111")).Execute()
	check(err)
	found, _, err := client.PaymentsAPI.RetrievePayment(ctx, made.Id).Execute()
	check(err)
	listed, _, err := client.PaymentsAPI.ListPayments(ctx).Limit(5).CustomerId("ada").Execute()
	check(err)
	wanted := api.NewRefundOrder()
	wanted.SetAmount(1000)
	refund, _, err := client.RefundsAPI.CreateRefund(ctx, made.Id).RefundOrder(*wanted).Execute()
	check(err)
	_, _, err = client.PaymentsAPI.CreatePayment(ctx).PaymentOrder(order("4000000000000002")).Execute()
	declined := err.(*api.GenericOpenAPIError).Model().(api.ErrorResponse)
	by := control.NewAdvanceClockRequest()
	by.SetBy("1h")
	moved, _, err := control.NewAPIClient(remote).ClockAPI.AdvanceClock(ctx).AdvanceClockRequest(*by).Execute()
	check(err)
	fmt.Println(
		found.PaymentMethod.Brand, found.Status, len(listed.Data), refund.Amount,
		declined.Error.Code, moved.Now.UTC().Format("2006-01-02T15:04:05Z"),
	)
}
