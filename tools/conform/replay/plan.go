package replay

import (
	"context"
	"sort"
	"time"
)

// plan turns the exchanges into steps and adds those that the recording
// implies.
func (r *runner) plan() {
	times := timesOf(r.world)
	previous := map[string]*step{}
	for _, e := range r.world.Exchanges {
		s := &step{when: times[e], exchange: e}
		if q := sequence(e); q != "" {
			s.after, previous[q] = previous[q], s
		}
		r.steps = append(r.steps, s)
	}
	r.planInvented(times)
	r.planUnrecorded()
	r.planWitnessed(times)
	r.planControl()
	r.sortSteps()
}

// sortSteps keeps steps of equal time in the order in which they were added.
func (r *runner) sortSteps() {
	sort.SliceStable(r.steps, func(i, j int) bool { return r.steps[i].when.Before(r.steps[j].when) })
}

// timesOf gives each exchange of a sorted world its guessed time.
func timesOf(w *World) map[*Exchange]time.Time {
	times := map[*Exchange]time.Time{}
	for _, p := range place(w.Exchanges) {
		times[p.Exchange] = p.when
	}
	return times
}

// planInvented adds a SUBSCRIBE for each stream that is used but not among the
// transcripts, and its end.
func (r *runner) planInvented(times map[*Exchange]time.Time) {
	type use struct {
		first, last time.Time
		framework   string
		calls       []byte
		accepted    bool
	}
	uses := map[string]*use{}
	for _, e := range r.world.Exchanges {
		id := e.Request.Header("Mesos-Stream-Id")
		if apiOf(e.Request.Path(), false) != schedulerAPI || id == "" || r.past.streams[id] {
			continue
		}
		u := uses[id]
		if u == nil {
			u = &use{first: times[e]}
			uses[id] = u
		}
		u.last = times[e]
		u.calls = append(u.calls, e.Request.Body...)
		status := e.Response.Status()
		if status == 200 || status == 202 {
			u.accepted = true
			if f := fwIDIn(e.Request.Body); f != "" {
				u.framework = f
			}
		}
	}
	for id, u := range uses {
		if !u.accepted {
			continue // a stream id made up to be refused
		}
		info := copyObject(r.world.infos[u.framework])
		if f := r.past.frameworks[u.framework]; len(info) == 0 && f != nil {
			info = f.shown
		}
		when := u.first.Add(-10 * time.Millisecond)
		if f := r.past.frameworks[u.framework]; f != nil {
			if !f.registered.IsZero() && f.registered.Before(when) && when.Sub(f.registered) < time.Minute {
				when = f.registered
			}
		}
		r.add(when, func(ctx context.Context) { r.subscribe(ctx, id, u.framework, inventSubscribe(info, u.calls)) })
		if !r.keep[u.framework] {
			r.add(u.last.Add(10*time.Millisecond), func(context.Context) { r.hangUp(id) })
		}
	}
}

func fwIDIn(body []byte) string {
	for _, id := range idPattern.FindAllString(string(body), -1) {
		if fwID.MatchString(id) {
			return id
		}
	}
	return ""
}

func (r *runner) add(when time.Time, act func(context.Context)) *step {
	s := &step{when: when, act: act}
	r.steps = append(r.steps, s)
	return s
}
