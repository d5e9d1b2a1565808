package devcluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos/master"
)

// readyPoll is how often Ready looks; a newcomer waits for it.
const readyPoll = 20 * time.Millisecond

// Ready returns when every agent is registered and active: from then on a
// framework that subscribes is offered the whole machine.
func (c *Cluster) Ready(ctx context.Context) error {
	look := time.NewTicker(readyPoll)
	defer look.Stop()
	var last error
	for {
		active, err := ActiveAgents(ctx, c.URL())
		if err == nil && active >= len(c.agents) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%d of %d agents are registered", active, len(c.agents))
		}
		last = err
		select {
		case <-look.C:
		case <-c.failed:
			return c.failure
		case <-ctx.Done():
			return fmt.Errorf("the cluster did not get ready: %w (%w)", ctx.Err(), last)
		}
	}
}

// ActiveAgents asks the allocator at url how many agents it can offer.
func ActiveAgents(ctx context.Context, url string) (int, error) {
	call := &master.Call{Type: master.Call_GET_AGENTS.Enum()}
	body, err := codec.Protobuf.Append(nil, call)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/v1", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", codec.Protobuf.ContentType())
	req.Header.Set("Accept", codec.Protobuf.ContentType())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET_AGENTS: got status %s: %s", resp.Status, text)
	}
	var response master.Response
	if err := codec.Protobuf.Unmarshal(text, &response); err != nil {
		return 0, err
	}
	active := 0
	for _, a := range response.GetGetAgents().GetAgents() {
		if a.GetActive() {
			active++
		}
	}
	return active, nil
}
