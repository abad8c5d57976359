<?php

require '/usr/share/php/GuzzleHttp/autoload.php';
spl_autoload_register(function (string $class): void {
    [$package, $rest] = explode('\\', $class, 2) + [1 => ''];
    $folder = ['OfApi' => 'php-api', 'OfControl' => 'php-control'][$package] ?? null;
    if ($folder !== null) {
        require __DIR__ . "/$folder/lib/" . str_replace('\\', '/', $rest) . '.php';
    }
});

[, $apiUrl, $controlUrl, $key] = $argv;
$settings = (new OfApi\Configuration())->setHost($apiUrl)->setAccessToken($key);
$remote = (new OfControl\Configuration())->setHost($controlUrl)->setAccessToken($key);
$payments = new OfApi\Api\PaymentsApi(null, $settings);
$refunds = new OfApi\Api\RefundsApi(null, $settings);
$clock = new OfControl\Api\ClockApi(null, $remote);

$order = fn (string $number) => new OfApi\Model\NewPayment([
    'amount' => 2500, 'currency' => OfApi\Model\Currency::USD, 'customer_id' => 'ada',
    'payment_method' => new OfApi\Model\Card([
        'type' => 'card', 'card_number' => $number, 'exp_month' => 12, 'exp_year' => 2034, 'cvc' => '123',
    ]),
]);
$made = $payments->createPayment($order('4111111111111111'));
$found = $payments->retrievePayment($made->getId());
$listed = $payments->listPayments(5, null, 'ada');
$refund = $refunds->createRefund($made->getId(), new OfApi\Model\NewRefund(['amount' => 1000]));
try {
    $payments->createPayment($order('4000000000000002'));
} catch (OfApi\ApiException $error) {
    $declined = $error->getResponseObject()->getError()->getCode();
}
$moved = $clock->advanceClock(new OfControl\Model\AdvanceClockRequest(['by' => '1h']));
echo implode(' ', [
    $found->getPaymentMethod()->getBrand(), $found->getStatus(), count($listed->getData()),
    $refund->getAmount(), $declined, $moved->getNow()->format('Y-m-d\TH:i:s\Z'),
]), "\n";
