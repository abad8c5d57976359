// Package sandbox gives each test its own world of payments-sandbox: copy this file into your module.
//
// Worlds are made on the server of `payments-sandbox run -- go test ./...`. Without it, the first
// world starts a server that ends with the test binary, even if that is killed.
package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// JSON is a JSON object, as the control API accepts and returns it.
type JSON = map[string]any

// World is everything that belongs to one API key: payments, a clock, scenarios, a journal.
type World struct {
	BaseURL       string // the base URL of the Payments API; ends in /v3
	APIKey        string
	WebhookSecret string

	url, token string
	test       testing.TB
}

type server struct{ url, token string }

var (
	starting sync.Once
	started  server
	failed   error
	hold     io.WriteCloser // the server's stdin: the system closes it when this process ends
)

// New makes a world for the test. At the end of the test it drops the world, and fails the test if an
// expectation of the world's scenarios was not met. Wishes are the body of POST /_sandbox/worlds, such
// as JSON{"clock": "2030-01-15T09:00:00Z"}; they may be nil.
func New(test testing.TB, wishes JSON) *World {
	test.Helper()
	starting.Do(func() { started, failed = find() })
	if failed != nil {
		test.Fatalf("cannot start payments-sandbox: %v; pip install payments-sandbox", failed)
	}
	world := &World{url: started.url, token: started.token, test: test}
	wanted := JSON{"name": test.Name()}
	for name, value := range wishes {
		wanted[name] = value
	}
	made := world.Control("POST", "/worlds", wanted)
	world.APIKey = made["api_key"].(string)
	world.BaseURL = made["base_url"].(string)
	world.WebhookSecret = made["webhook_secret"].(string)
	test.Cleanup(world.judgeAndDrop)
	return world
}

// Control calls the control API, below /_sandbox, and ends the test if it rejects the request. If body
// is nil, the request has none.
func (world *World) Control(method, path string, body any) JSON {
	world.test.Helper()
	status, text := world.send(method, path, body, "application/json")
	if status >= 300 {
		world.test.Fatalf("%s %s is %d: %s", method, path, status, text)
	}
	var answer JSON
	if len(text) > 0 && json.Unmarshal(text, &answer) != nil {
		world.test.Fatalf("%s %s did not return a JSON object: %s", method, path, text)
	}
	return answer
}

// Advance moves the clock by "1h" or "3d", and returns when everything that is due has happened.
func (world *World) Advance(by string) {
	world.test.Helper()
	world.Control("POST", "/clock/advance", JSON{"by": by})
}

// Play activates a scenario of the library, such as "lost-reply".
func (world *World) Play(scenario string) {
	world.test.Helper()
	world.Control("POST", "/scenarios/active", scenario)
}

func (world *World) judgeAndDrop() {
	report := world.Control("GET", "/report", nil)
	if report["passed"] != true {
		_, text := world.send("GET", "/report", nil, "text/plain")
		world.test.Errorf("the sandbox's report:\n%s", text)
	}
	world.Control("DELETE", "/world", nil)
}

func (world *World) send(method, path string, body any, accept string) (int, []byte) {
	world.test.Helper()
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			world.test.Fatal(err)
		}
		content = bytes.NewReader(raw)
	}
	request, err := http.NewRequest(method, world.url+path, content)
	if err != nil {
		world.test.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	if world.APIKey != "" {
		request.Header.Set("Authorization", "Bearer "+world.APIKey)
	}
	if world.token != "" {
		request.Header.Set("Sandbox-Token", world.token)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		world.test.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		world.test.Fatal(err)
	}
	return reply.StatusCode, text
}

func find() (server, error) {
	if url := os.Getenv("PAYMENTS_SANDBOX_URL"); url != "" {
		return server{url, os.Getenv("PAYMENTS_SANDBOX_CONTROL_TOKEN")}, nil
	}
	command := exec.Command("payments-sandbox", "serve", "--port", "0", "--until-stdin-closes")
	output, err := command.StdoutPipe()
	if err != nil {
		return server{}, err
	}
	if hold, err = command.StdinPipe(); err != nil {
		return server{}, err
	}
	if err := command.Start(); err != nil {
		return server{}, err
	}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		return server{}, fmt.Errorf("it ended before it was ready: %v", command.Wait())
	}
	var facts struct {
		URL   string `json:"sandbox_url"`
		Token string `json:"control_token"`
	}
	err = json.Unmarshal(line, &facts)
	return server{facts.URL, facts.Token}, err
}
