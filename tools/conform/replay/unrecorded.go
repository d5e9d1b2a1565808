package replay

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Answers tell of frameworks whose conversations are not among the transcripts, and
// of the ends of others. Both are brought about when they happened, so that the
// answers can be the same.

// planUnrecorded adds a SUBSCRIBE for each framework of this master that nothing else
// would bring, and the end of each that no call ends.
func (r *runner) planUnrecorded() {
	masters := masterOf(r.world.Exchanges)
	here := r.conversations()
	for id, f := range r.past.frameworks {
		inTime := !f.registered.Before(r.world.start.Add(-worldGap)) && !f.registered.IsZero()
		if !fwID.MatchString(id) || !masters[masterPart(id)] || !inTime {
			continue
		}
		if !here[id] && (f.shown != nil || f.info != nil) {
			info := copyObject(f.info)
			if len(info) == 0 {
				info = f.shown
			}
			if info["checkpoint"] == false {
				delete(info, "checkpoint") // JSON shows it whether it was said or not
			}
			r.add(f.registered, func(ctx context.Context) {
				r.log("%s has no transcript: it is made to subscribe", id)
				r.subscribe(ctx, unrecordedStream(id), id, inventSubscribe(info, nil))
			})
		}
		if !f.ended.IsZero() && !r.tornDown(id) && !r.keep[id] {
			r.add(f.ended, func(ctx context.Context) { r.endFramework(ctx, id) })
		}
	}
}

// unrecordedStream stands for the id of a stream that nobody recorded.
func unrecordedStream(framework string) string { return "stream of " + framework }

// conversations are the frameworks that subscribe or call in the transcripts.
func (r *runner) conversations() map[string]bool {
	here := map[string]bool{}
	for _, e := range r.world.Exchanges {
		if apiOf(e.Request.Path(), e.toAgent()) != schedulerAPI {
			continue
		}
		if e.Response.Events != nil {
			here[subscribedAs(e, schedulerAPI)] = true
		} else if e.Response.Status()/100 == 2 {
			here[fwIDIn(e.Request.Body)] = true
		}
	}
	return here
}

// tornDown says whether a call among the transcripts ends the framework.
func (r *runner) tornDown(id string) bool {
	for _, e := range r.world.Exchanges {
		if e.Response.Status()/100 == 2 && strings.HasSuffix(strings.ToUpper(e.Name), "TEARDOWN") && fwIDIn(e.Request.Body) == id {
			return true
		}
	}
	return false
}

// endFramework makes a framework that is still there a completed one.
func (r *runner) endFramework(ctx context.Context, id string) {
	for _, f := range r.frameworks {
		if f.recordedFramework == id {
			f.close()
		}
	}
	if live, known := r.ids.Live(id); known {
		// Most are gone already, which is a refusal to ignore.
		_ = r.operatorCall(ctx, fmt.Sprintf(`{"type":"TEARDOWN","teardown":{"framework_id":{"value":%q}}}`, live))
	}
}

// tellsOf is the latest moment of the second in which an answer was made that it
// speaks of; zero if there is none. The answer is no older than that.
func tellsOf(e *Exchange) time.Time {
	var tree any
	api := apiOf(e.Request.Path(), e.toAgent())
	switch e.Response.Header("Content-Type") {
	case "application/json":
		tree, _ = parseJSON(e.Response.Body)
	case "application/x-protobuf":
		tree, _ = parseProtobuf(e.Response.Body, api.response())
	}
	var latest time.Time
	walk(tree, func(o map[string]any) {
		for key := range o {
			if !timeKey.MatchString(key) {
				continue
			}
			seconds := numberAt(o, key)
			if seconds == 0 {
				seconds = numberAt(o, key, "nanoseconds") / 1e9
			}
			if t := atSeconds(seconds); t.After(latest) && t.Before(e.at().Add(time.Second)) {
				latest = t
			}
		}
	})
	if latest.Before(e.at()) {
		return time.Time{}
	}
	return latest
}
