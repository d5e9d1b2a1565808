package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// Where all worlds are played on one cluster, its answers tell also of what the
// worlds before have left: frameworks that are over, with their tasks and executors, and an agent where the
// recording had none yet. That is taken out of an answer before it is compared.

// before is what was there before a world began.
type before struct {
	frameworks map[string]string // recorded ids by live id
	agent      string            // the live id of one that the recorded cluster lacked, or ""
	// registeredOnce says that the agent did not come back to a new master, as it did in the recording.
	registeredOnce bool
}

// besides is what was there before and the recording, which has no word of it, does not
// know: an agent knew the frameworks of a master before.
func (b *before) besides(recorded ...[]byte) *before {
	if b.empty() {
		return nil
	}
	left := &before{frameworks: map[string]string{}, agent: b.agent, registeredOnce: b.registeredOnce}
	for live, id := range b.frameworks {
		if id == "" || !slices.ContainsFunc(recorded, func(text []byte) bool { return bytes.Contains(text, []byte(id)) }) {
			left.frameworks[live] = id
		}
	}
	return left
}

func (b *before) empty() bool { return b == nil || len(b.frameworks) == 0 && b.agent == "" }

// strip takes what was there before out of a live tree. Lists that hold nothing else
// are left empty; see comparison.object.
func (b *before) strip(tree any) any {
	switch v := tree.(type) {
	case []any:
		kept := []any{}
		for _, e := range v {
			if !b.tellsOf(e) {
				kept = append(kept, b.strip(e))
			}
		}
		return kept
	case map[string]any:
		stripped := make(map[string]any, len(v))
		for key, member := range v {
			if !b.named(key) {
				stripped[key] = b.strip(member)
			}
		}
		if n, ok := stripped["activated_slaves"].(json.Number); ok && b.agent != "" && n == "1.0" {
			stripped["activated_slaves"] = json.Number("0.0")
		}
		return stripped
	}
	return tree
}

// tellsOf says whether an element of a list is about something from before.
func (b *before) tellsOf(e any) bool {
	if b.agent != "" && (textAt(e, "id") == b.agent || textAt(e, "agent_info", "id", "value") == b.agent) {
		return true
	}
	for _, path := range [][]string{
		{"id"}, {"framework_id"}, {"framework_id", "value"}, {"framework_info", "id", "value"}, {"executor_info", "framework_id", "value"},
	} {
		if _, old := b.frameworks[textAt(e, path...)]; old {
			return true
		}
	}
	return false
}

// named says whether a key is the path or metric of a framework from before.
func (b *before) named(key string) bool {
	for id := range b.frameworks {
		if strings.Contains(key, id) {
			return true
		}
	}
	return false
}

// noteLeft notes every framework that the cluster has had, by its live id with the recorded one, ""
// if it has none.
func (r *runner) noteLeft(ctx context.Context, left map[string]string) {
	state, err := get(ctx, r.target.Allocator, "/frameworks")
	if err != nil {
		r.log("asking for what this world leaves: %v", err)
		return
	}
	for _, f := range append(listAt(state, "frameworks"), listAt(state, "completed_frameworks")...) {
		id := textAt(f, "id")
		left[id] = r.ids.recorded(id)
	}
}

// recorded is the id that a live one stands for, "" if there is none.
func (ids *Ids) recorded(live string) string {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	for recorded, l := range ids.toLive {
		if l == live {
			return recorded
		}
	}
	return ""
}

// emptied says whether a member is a list that may have held nothing but what was there before: it
// stands for one that is not there.
func (t *trial) emptied(member any) bool {
	list, ok := member.([]any)
	return ok && len(list) == 0 && !t.ids.before.empty()
}

// onlyElsewhere says whether a member is there only where the recorded cluster did what this one
// did not: its agent came back to a new master.
func (t *trial) onlyElsewhere(key string) bool {
	return key == "reregistered_time" && t.ids.before != nil && t.ids.before.registeredOnce
}
