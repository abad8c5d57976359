<?php

declare(strict_types=1);

/**
 * Gives each test its own world of payments-sandbox: copy this file into your tests.
 *
 * Worlds are made on the server of `payments-sandbox run -- vendor/bin/phpunit`. Without it, the first
 * world starts a server that ends with this process, even if that is killed.
 */
final class Sandbox
{
    /** The base URL of the Payments API; ends in /v3. */
    public readonly string $baseUrl;
    public readonly string $apiKey;
    public readonly string $webhookSecret;

    /** @var array{string, ?string}|null the URL of the control API, and the token that it requires */
    private static ?array $server = null;

    /** @var array<mixed> the server's process and its pipes; the system closes its stdin when our process ends */
    private static array $held = [];

    /** @param array<string, mixed> $wishes the body of POST /_sandbox/worlds, such as ['clock' => '2030-01-15T09:00:00Z'] */
    public function __construct(array $wishes = [])
    {
        $made = $this->control('POST', '/worlds', (object) $wishes);
        $this->apiKey = $made['api_key'];
        $this->baseUrl = $made['base_url'];
        $this->webhookSecret = $made['webhook_secret'];
    }

    /**
     * Call the control API, below /_sandbox; throws if it rejects the request.
     *
     * @return array<string, mixed>|null
     */
    public function control(string $method, string $path, mixed $body = null): ?array
    {
        [$status, $text] = $this->send($method, $path, $body, 'application/json');
        if ($status >= 300) {
            throw new RuntimeException("$method $path is $status: $text");
        }
        return $text === '' ? null : json_decode($text, true, 512, JSON_THROW_ON_ERROR);
    }

    /** Advance the clock by "1h" or "3d", and return when everything that is due has happened. */
    public function advance(string $by): void
    {
        $this->control('POST', '/clock/advance', ['by' => $by]);
    }

    /** Activate a scenario of the library, such as "lost-reply". */
    public function play(string $scenario): void
    {
        $this->control('POST', '/scenarios/active', $scenario);
    }

    /** Drop the world, and throw if an expectation of its scenarios was not met. */
    public function judgeAndDrop(): void
    {
        $isMet = $this->control('GET', '/report')['passed'];
        [, $report] = $this->send('GET', '/report', null, 'text/plain');
        $this->control('DELETE', '/world');
        if (!$isMet) {
            throw new RuntimeException("the sandbox's report:\n$report");
        }
    }

    /** @return array{int, string} */
    private function send(string $method, string $path, mixed $body, string $accept): array
    {
        [$url, $token] = self::$server ??= self::find();
        $headers = ["Accept: $accept", 'Content-Type: application/json'];
        if (isset($this->apiKey)) {
            $headers[] = "Authorization: Bearer {$this->apiKey}";
        }
        if ($token !== null) {
            $headers[] = "Sandbox-Token: $token";
        }
        $content = $body === null ? '' : json_encode($body, JSON_THROW_ON_ERROR);
        $http = ['method' => $method, 'header' => $headers, 'content' => $content, 'ignore_errors' => true];
        $text = file_get_contents($url . $path, false, stream_context_create(['http' => $http]));
        if ($text === false) {
            throw new RuntimeException("no answer from the sandbox at $url");
        }
        return [(int) explode(' ', $http_response_header[0])[1], $text];
    }

    /** @return array{string, ?string} */
    private static function find(): array
    {
        if (($url = getenv('PAYMENTS_SANDBOX_URL')) !== false) {
            return [$url, getenv('PAYMENTS_SANDBOX_CONTROL_TOKEN') ?: null];
        }
        $command = ['payments-sandbox', 'serve', '--port', '0', '--until-stdin-closes'];
        $streams = [['pipe', 'r'], ['pipe', 'w'], ['file', PHP_OS_FAMILY === 'Windows' ? 'NUL' : '/dev/null', 'w']];
        $process = @proc_open($command, $streams, $pipes);
        $line = $process === false ? false : fgets($pipes[1]);
        if ($line === false) {
            throw new RuntimeException('cannot start payments-sandbox: pip install payments-sandbox');
        }
        self::$held = [$process, ...$pipes];
        return [json_decode($line, true, 512, JSON_THROW_ON_ERROR)['sandbox_url'], null];
    }
}

/** For PHPUnit: with `use EachTestHasAWorld;`, `$this->world()` returns the world of the test. */
trait EachTestHasAWorld
{
    private ?Sandbox $world = null;

    protected function world(): Sandbox
    {
        $name = static::class . '::' . (method_exists($this, 'name') ? $this->name() : $this->getName());
        return $this->world ??= new Sandbox(['name' => $name, 'clock' => '2030-01-15T09:00:00Z']);
    }

    /** @after */
    #[\PHPUnit\Framework\Attributes\After]
    public function judgeWorld(): void
    {
        $this->world?->judgeAndDrop();
        $this->world = null;
    }
}
