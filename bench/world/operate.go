package world

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

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

// Maintain announces maintenance of the first n agents of a fleet, from now for d. n of
// 0 takes announcements back.
func (f *Fleet) Maintain(ctx context.Context, url string, n int, d time.Duration) error {
	type machine struct {
		Hostname string `json:"hostname"`
		IP       string `json:"ip"`
	}
	type nanoseconds struct {
		Nanoseconds int64 `json:"nanoseconds"`
	}
	type window struct {
		Machines       []machine `json:"machine_ids"`
		Unavailability struct {
			Start    nanoseconds `json:"start"`
			Duration nanoseconds `json:"duration"`
		} `json:"unavailability"`
	}
	windows := []window{}
	if n > 0 {
		var w window
		for i := range min(n, f.Size()) {
			w.Machines = append(w.Machines, machine{hostname(i), ip(i)})
		}
		w.Unavailability.Start.Nanoseconds, w.Unavailability.Duration.Nanoseconds = time.Now().UnixNano(), int64(d)
		windows = append(windows, w)
	}
	call := map[string]any{"type": "UPDATE_MAINTENANCE_SCHEDULE",
		"update_maintenance_schedule": map[string]any{"schedule": map[string]any{"windows": windows}}}
	text, err := json.Marshal(call)
	if err != nil {
		return err
	}
	return Operate(ctx, url, string(text))
}
