package replay

import (
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// framework is a framework of the recording as it lives in the replay.
type framework struct {
	*stream
	recordedStream    string // the recorded Mesos-Stream-Id
	recordedFramework string // "" if unknown
	liveFramework     string

	mu      sync.Mutex
	offers  []liveOffer  // guarded by mu; those that nobody answered
	inverse []string     // guarded by mu; ids of inverse offers, likewise
	updates []liveUpdate // guarded by mu; those that want an acknowledgement
	lastAt  time.Time    // guarded by mu; when the latest offer came
}

type liveOffer struct {
	id, role string
	scalars  map[string]float64
}

// liveUpdate is a status update of a task or, if operation is set, of an operation.
type liveUpdate struct {
	operation                bool
	subject, state           string
	uuid, agent, provider    string
	acknowledged, recognized bool
	at                       time.Time
}

// note takes in an event of the framework's stream.
func (s *framework) note(event any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch textAt(event, "type") {
	case "SUBSCRIBED":
		s.liveFramework = textAt(event, "subscribed", "framework_id", "value")
	case "OFFERS":
		for _, o := range listAt(event, "offers", "offers") {
			s.offers = append(s.offers, liveOffer{textAt(o, "id", "value"), textAt(o, "allocation_info", "role"), scalars(listAt(o, "resources"))})
		}
		s.lastAt = time.Now()
	case "RESCIND":
		s.drop(textAt(event, "rescind", "offer_id", "value"))
	case "INVERSE_OFFERS":
		for _, o := range listAt(event, "inverse_offers", "inverse_offers") {
			s.inverse = append(s.inverse, textAt(o, "id", "value"))
		}
	case "RESCIND_INVERSE_OFFER":
		s.inverse = without(s.inverse, textAt(event, "rescind_inverse_offer", "inverse_offer_id", "value"))
	case "UPDATE":
		status := at(event, "update", "status")
		s.noteUpdate(liveUpdate{subject: textAt(status, "task_id", "value"), state: textAt(status, "state"),
			uuid: textAt(status, "uuid"), agent: textAt(status, "agent_id", "value")})
	case "UPDATE_OPERATION_STATUS":
		status := at(event, "update_operation_status", "status")
		s.noteUpdate(liveUpdate{operation: true, subject: textAt(status, "operation_id", "value"), state: textAt(status, "state"),
			uuid: textAt(status, "uuid", "value"), agent: textAt(status, "agent_id", "value"), provider: textAt(status, "resource_provider_id", "value")})
	}
}

func (s *framework) noteUpdate(u liveUpdate) {
	if u.uuid == "" {
		return
	}
	for _, have := range s.updates {
		if have.uuid == u.uuid {
			return // a retry
		}
	}
	u.at = time.Now()
	s.updates = append(s.updates, u)
}

func (s *framework) drop(offer string) {
	for i, o := range s.offers {
		if o.id == offer {
			s.offers = append(s.offers[:i:i], s.offers[i+1:]...)
			return
		}
	}
}

func without(list []string, word string) []string {
	for i, w := range list {
		if w == word {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// scalars adds up the scalar resources by name.
func scalars(resources []any) map[string]float64 {
	sum := map[string]float64{}
	for _, r := range resources {
		if textAt(r, "type") == "SCALAR" {
			sum[textAt(r, "name")] += numberAt(r, "scalar", "value")
		}
	}
	return sum
}

// offerPatience is how long a call waits for further offers once it has one:
// a cluster may offer in one piece what came in several, or the other way round.
const offerPatience = 1500 * time.Millisecond

// enoughOffers says whether what is on offer suffices for want.
func (s *framework) enoughOffers(role string, want map[string]float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := map[string]float64{}
	some := false
	for _, o := range s.offers {
		if role == "" || o.role == "" || o.role == role {
			some = true
			for name, v := range o.scalars {
				have[name] += v
			}
		}
	}
	if !some {
		return false
	}
	if time.Since(s.lastAt) > offerPatience {
		return true
	}
	for name, v := range want {
		if have[name] < v-1e-6 {
			return false
		}
	}
	return len(want) > 0 || time.Since(s.lastAt) > offerPatience/5
}

// takeOffers removes and returns the ids of what is on offer.
func (s *framework) takeOffers(role string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	var rest []liveOffer
	for _, o := range s.offers {
		if role == "" || o.role == "" || o.role == role {
			ids = append(ids, o.id)
		} else {
			rest = append(rest, o)
		}
	}
	s.offers = rest
	return ids
}

func (s *framework) takeInverse() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.inverse
	s.inverse = nil
	return ids
}

// update finds the first live update that can be the recorded one: of the same
// task, in the same state if that is known, and not yet taken for another.
func (s *framework) update(operation bool, subject, state string) (liveUpdate, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, u := range s.updates {
		if u.operation == operation && u.subject == subject && !u.recognized && (state == "" || u.state == state) {
			s.updates[i].recognized = true
			return u, true
		}
	}
	return liveUpdate{}, false
}

// hasUpdate is update without taking it.
func (s *framework) hasUpdate(operation bool, subject, state string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.updates {
		if u.operation == operation && u.subject == subject && !u.recognized && (state == "" || u.state == state) {
			return true
		}
	}
	return false
}

// states lists what came of a task or operation.
func (s *framework) states(subject string) string {
	events, _ := s.seen()
	var all []any
	for _, e := range events {
		if textAt(e.tree, "update", "status", "task_id", "value") == subject || textAt(e.tree, "update_operation_status", "status", "operation_id", "value") == subject {
			all = append(all, e.tree)
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return outline(all)
}

func (s *framework) acknowledged(uuid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.updates {
		if s.updates[i].uuid == uuid {
			s.updates[i].acknowledged, s.updates[i].recognized = true, true
		}
	}
}

// waiting are the tasks of which an update was not acknowledged.
func (s *framework) waiting() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var subjects []string
	for _, u := range s.updates {
		if !u.operation && !u.acknowledged {
			subjects = append(subjects, u.subject)
		}
	}
	return subjects
}

// terminal are the states after which nothing comes that an update could stand in
// the way of.
var terminal = map[string]bool{"TASK_FINISHED": true, "TASK_FAILED": true, "TASK_KILLED": true, "TASK_LOST": true, "TASK_ERROR": true,
	"TASK_DROPPED": true, "TASK_GONE": true, "TASK_GONE_BY_OPERATOR": true}

// overdue is an update of the task that stands in the way of those
// the recording acknowledges next: the call that acknowledged it is not among the
// transcripts.
func (s *framework) overdue(subject string, wanted func(state string) bool) (liveUpdate, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, u := range s.updates {
		if !u.operation && u.subject == subject && !u.acknowledged && !terminal[u.state] && time.Since(u.at) > time.Second && !wanted(u.state) {
			s.updates[i].acknowledged, s.updates[i].recognized = true, true
			return u, true
		}
	}
	return liveUpdate{}, false
}

// inventSubscribe makes the SUBSCRIBE that a recording must have held for a
// stream that its calls use. info is the framework as a later answer shows it,
// nil if none does.
func inventSubscribe(info map[string]any, operations []byte) Message {
	if len(info) == 0 {
		info = map[string]any{
			"user": "root", "name": "replay", "checkpoint": true, "failover_timeout": json.Number("60.0"),
			"roles":        rolesIn(operations),
			"capabilities": usualCapabilities(),
		}
	}
	delete(info, "id")
	body, _ := json.Marshal(map[string]any{"type": "SUBSCRIBE", "subscribe": map[string]any{"framework_info": info}})
	return Message{
		Line:    "POST /api/v1/scheduler HTTP/1.1",
		Headers: [][2]string{{"Host", ""}, {"Content-Type", "application/json"}, {"Accept", "application/json"}},
		Body:    body,
	}
}

// usualCapabilities are those of the recorded frameworks.
func usualCapabilities() []any {
	return []any{capability("MULTI_ROLE"), capability("RESERVATION_REFINEMENT"), capability("PARTITION_AWARE"),
		capability("TASK_KILLING_STATE"), capability("REGION_AWARE")}
}

func capability(name string) any { return map[string]any{"type": name} }

// rolesIn guesses a framework's roles from its calls.
func rolesIn(calls []byte) []any {
	for _, m := range roleName.FindAllSubmatch(calls, -1) {
		if role := string(m[1]); role != "*" && !strings.Contains(role, "/") {
			return []any{role}
		}
	}
	return []any{"replay"}
}
