package world

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caprock/caprock/wire/httpc"
)

// operatorPath is where operators call.
const operatorPath = "/api/v1"

// Operate makes an operator call, given as JSON.
func Operate(ctx context.Context, url, call string) error {
	client := httpc.New(httpc.Options{})
	defer client.Close()
	answer, err := client.Do(ctx, &httpc.Request{URL: url + operatorPath, ContentType: "application/json", Body: []byte(call)})
	if err != nil {
		return err
	}
	if answer.Status >= 300 {
		return fmt.Errorf("%s: %w", call, &CallError{answer.Status, strings.TrimSpace(string(answer.Body))})
	}
	return nil
}

// Metrics reads the allocator's metrics.
func Metrics(ctx context.Context, url string) (map[string]float64, error) {
	client := httpc.New(httpc.Options{})
	defer client.Close()
	answer, err := client.Do(ctx, &httpc.Request{Method: "GET", URL: url + "/metrics/snapshot"})
	if err != nil {
		return nil, err
	}
	if answer.Status != 200 {
		return nil, &CallError{answer.Status, string(answer.Body)}
	}
	m := map[string]float64{}
	return m, json.Unmarshal(answer.Body, &m)
}
