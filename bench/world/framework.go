package world

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

const schedulerPath = "/api/v1/scheduler"

// Framework is one simulated scheduler. Its events come from one goroutine;
// its calls may be made from any, one at a time.
type Framework struct {
	Number int
	Role   string
	id     *mesos.FrameworkID
	sub    *httpc.Subscription
	ended  chan struct{} // closed when the events have ended

	mu     sync.Mutex // guards what follows
	caller *caller
	calls  *calls
}

// Events is what a scenario does with events. Each function is called from the
// goroutine of the framework's stream; one that is nil ignores its events.
type Events struct {
	Offers func(*Framework, []*mesos.Offer)
	Update func(*Framework, *mesos.TaskStatus)
	// Inverse has the inverse offers of machines that go into maintenance.
	Inverse func(*Framework, []*mesos.InverseOffer)
	// Record sees every event's encoded form first; Offers and Update are not
	// called for those it takes.
	Record func(*Framework, []byte) bool
}

// FrameworkOptions say how a framework subscribes.
type FrameworkOptions struct {
	Codec codec.Type
	Role  string
	// Return is the framework to come back as, after the allocator's restart.
	Return *Framework
	// FailoverTimeout in seconds; default 3,600.
	FailoverTimeout float64
	// Task is what it launches.
	Task Task
}

// subscribe opens the stream and waits for SUBSCRIBED.
func subscribe(ctx context.Context, client *httpc.Client, url string, number int, o FrameworkOptions) (*Framework, error) {
	f := &Framework{Number: number, Role: o.Role, ended: make(chan struct{})}
	if o.Return != nil {
		f.id = o.Return.id
	}
	body, err := o.Codec.Append(nil, &scheduler.Call{
		Type: scheduler.Call_SUBSCRIBE.Enum(), FrameworkId: f.id,
		Subscribe: &scheduler.Call_Subscribe{FrameworkInfo: frameworkInfo(number, f.id, o)},
	})
	if err != nil {
		return nil, err
	}
	f.sub, err = client.Subscribe(ctx, &httpc.Request{
		URL: url + schedulerPath, ContentType: o.Codec.ContentType(), Body: body,
		Headers: []httpc.Field{{Name: "Accept", Value: o.Codec.ContentType()}},
	})
	if err != nil {
		return nil, err
	}
	record, err := f.sub.Next()
	if err != nil {
		return nil, err
	}
	event := &scheduler.Event{}
	if err := o.Codec.Unmarshal(record, event); err != nil {
		return nil, err
	}
	if event.GetType() != scheduler.Event_SUBSCRIBED {
		f.sub.Close()
		return nil, fmt.Errorf("the first event is %v (%s), want SUBSCRIBED", event.GetType(), event.GetError().GetMessage())
	}
	f.id = event.GetSubscribed().GetFrameworkId()
	if o.Return != nil && o.Return.calls != nil {
		f.calls = o.Return.calls
	} else if f.calls, err = newCalls(o.Codec, f.id, o.Role, &o.Task, number); err != nil {
		return nil, err
	}
	f.caller, err = newCaller(strings.TrimPrefix(url, "http://"), schedulerPath, o.Codec.ContentType(), "Mesos-Stream-Id", f.sub.StreamID)
	return f, err
}

func frameworkInfo(number int, id *mesos.FrameworkID, o FrameworkOptions) *mesos.FrameworkInfo {
	name, user, timeout := fmt.Sprintf("bench-%d", number), "root", o.FailoverTimeout
	if timeout == 0 {
		timeout = 3600
	}
	info := &mesos.FrameworkInfo{Id: id, Name: &name, User: &user, Roles: []string{o.Role}, FailoverTimeout: &timeout}
	for _, c := range []mesos.FrameworkInfo_Capability_Type{
		mesos.FrameworkInfo_Capability_MULTI_ROLE, mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
		mesos.FrameworkInfo_Capability_PARTITION_AWARE, mesos.FrameworkInfo_Capability_GPU_RESOURCES,
	} {
		info.Capabilities = append(info.Capabilities, &mesos.FrameworkInfo_Capability{Type: c.Enum()})
	}
	return info
}

// read hands events on until the stream ends.
func (f *Framework) read(t codec.Type, on Events) error {
	defer close(f.ended)
	for {
		record, err := f.sub.Next()
		if err != nil {
			return err
		}
		if on.Record != nil && on.Record(f, record) {
			continue
		}
		event := &scheduler.Event{}
		if err := t.UnmarshalTrusted(record, event); err != nil {
			return err
		}
		switch event.GetType() {
		case scheduler.Event_OFFERS:
			if on.Offers != nil {
				on.Offers(f, event.GetOffers().GetOffers())
			}
		case scheduler.Event_INVERSE_OFFERS:
			if on.Inverse != nil {
				on.Inverse(f, event.GetInverseOffers().GetInverseOffers())
			}
		case scheduler.Event_UPDATE:
			if on.Update != nil {
				on.Update(f, event.GetUpdate().GetStatus())
			}
		case scheduler.Event_ERROR:
			return fmt.Errorf("framework %d was told: %s", f.Number, event.GetError().GetMessage())
		}
	}
}

// CallError is a call that was answered with another status than 202.
type CallError struct {
	Status int
	Text   string
}

func (e *CallError) Error() string {
	return fmt.Sprintf("got status %d: %s", e.Status, strings.TrimSpace(e.Text))
}

// post sends a call that encode makes and returns when it was answered, and how
// long the answer took.
func (f *Framework) post(encode func(*calls) ([]byte, error)) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := encode(f.calls)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	status, text, err := f.caller.post(body)
	took := time.Since(began)
	if err == nil && status != 202 {
		err = &CallError{status, text}
	}
	return took, err
}

// Accept launches n tasks on an offer.
func (f *Framework) Accept(o *mesos.Offer, n int) (time.Duration, error) {
	return f.post(func(c *calls) ([]byte, error) { return c.accept(o.Id, o.AgentId, n) })
}

// Decline gives an offer back without refusing its resources.
func (f *Framework) Decline(o *mesos.Offer) (time.Duration, error) {
	return f.post(func(c *calls) ([]byte, error) { return c.decline(o.Id, noRefusal) })
}

// Refuse gives an offer back and does not want its resources for a while.
func (f *Framework) Refuse(o *mesos.Offer, seconds float64) (time.Duration, error) {
	return f.post(func(c *calls) ([]byte, error) { return c.decline(o.Id, &seconds) })
}

// AcknowledgeAll confirms status updates with calls that are all sent before the first
// answer is read, as Mesos' own scheduler library does. answered is told how long each
// answer took.
func (f *Framework) AcknowledgeAll(statuses []*mesos.TaskStatus, answered func(time.Duration)) error {
	return f.postAll(len(statuses), func(c *calls, i int) ([]byte, error) { return c.acknowledge(statuses[i]) }, answered)
}

// AcceptAll launches tasks[i] tasks on offers[i], with calls that are all sent before the
// first answer is read.
func (f *Framework) AcceptAll(offers []*mesos.Offer, tasks []int) error {
	return f.postAll(len(offers), func(c *calls, i int) ([]byte, error) {
		return c.accept(offers[i].Id, offers[i].AgentId, tasks[i])
	}, func(time.Duration) {})
}

// postAll sends n calls at once and reads their answers.
func (f *Framework) postAll(n int, encode func(c *calls, i int) ([]byte, error), answered func(time.Duration)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range n {
		body, err := encode(f.calls, i)
		if err != nil {
			return err
		}
		f.caller.add(body)
	}
	began := time.Now()
	if err := f.caller.send(); err != nil {
		return err
	}
	for range n {
		status, text, err := readAnswer(f.caller.br)
		switch {
		case err != nil:
			return err
		case status != 202:
			return &CallError{status, text}
		}
		answered(time.Since(began))
	}
	return nil
}

// Suppress asks for no offers until Revive.
func (f *Framework) Suppress() (time.Duration, error) { return f.post((*calls).suppress) }

// Revive asks for offers and forgets refusals.
func (f *Framework) Revive() (time.Duration, error) { return f.post((*calls).revive) }

// ID of the framework.
func (f *Framework) ID() string { return f.id.GetValue() }

func (f *Framework) close() {
	f.sub.Close()
	if f.caller != nil {
		f.caller.close()
	}
	<-f.ended
}
