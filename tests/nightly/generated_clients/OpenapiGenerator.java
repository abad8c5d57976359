import api.client.ApiException;
import api.client.PaymentsApi;
import api.client.RefundsApi;
import api.model.Card;
import api.model.CreatedPayment;
import api.model.Currency;
import api.model.NewPayment;
import api.model.NewRefund;
import api.model.Payment;
import api.model.PaymentPage;
import api.model.Refund;
import control.client.ClockApi;
import control.model.AdvanceClockRequest;
import control.model.AdvancedClock;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

public class OpenapiGenerator {
  private static NewPayment order(String number) {
    Card card = new Card().type(Card.TypeEnum.CARD).cardNumber(number).expMonth(12).expYear(2034).cvc("123");
    return new NewPayment().amount(2500).currency(Currency.USD).paymentMethod(card).customerId("ada");
  }

  public static void main(String[] given) throws Exception {
    api.client.ApiClient client = new api.client.ApiClient();
    client.updateBaseUri(given[0]);
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + given[2]));
    control.client.ApiClient remote = new control.client.ApiClient();
    remote.updateBaseUri(given[1]);
    remote.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + given[2]));
    PaymentsApi payments = new PaymentsApi(client);

    CreatedPayment made = payments.createPayment(order("4111111111111111"));
    Payment found = payments.retrievePayment(made.getId());
    PaymentPage listed = payments.listPayments(5, null, "ada", null, null);
    Refund refund = new RefundsApi(client).createRefund(made.getId(), new NewRefund().amount(1000));
    String declined = "";
    try {
      payments.createPayment(order("4000000000000002"));
    } catch (ApiException error) {
      declined = error.getResponseBody().replaceAll(".*\"code\":\"(\\w+)\".*", "$1");
    }
    AdvancedClock moved = new ClockApi(remote).advanceClock(new AdvanceClockRequest().by("1h"));
    System.out.println(String.join(" ",
        found.getPaymentMethod().getBrand().getValue(), found.getStatus().getValue(),
        String.valueOf(listed.getData().size()), String.valueOf(refund.getAmount()), declined,
        moved.getNow().withOffsetSameInstant(ZoneOffset.UTC).format(DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss'Z'"))));
  }
}
