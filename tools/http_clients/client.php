<?php
// The curl extension of PHP: see the package's docstring.
[, $how, $url, $key, $body] = $argv;
$curl = curl_init($url);
curl_setopt_array($curl, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 2,
    CURLOPT_CAINFO => getenv('SSL_CERT_FILE') ?: null,
    CURLOPT_HTTPHEADER => ["Authorization: Bearer $key", 'Content-Type: application/json'],
]);
if ($how === 'warm') {
    curl_exec($curl);
}
curl_setopt_array($curl, [CURLOPT_POST => true, CURLOPT_POSTFIELDS => $body]);
$text = curl_exec($curl);
$status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
if ($text === false) {
    echo 'curl error ', curl_errno($curl), "\n";
} elseif ($status >= 300) {
    echo "status $status\n";
} else {
    echo json_decode($text, true)['status'] ?? "$status, json null", "\n";
}
