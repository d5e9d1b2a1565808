package api

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// served is a server on loopback over a loop that takes commands down.
func served(t *testing.T, l *inbox) (s *Server, url string, stop context.CancelFunc) {
	t.Helper()
	s = testServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	s.Start(ctx, l)
	h := httpd.New(httpd.Options{Actor: "master"})
	s.Routes(h)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Serve(ln) }()
	t.Cleanup(func() {
		cancel()
		_ = h.Shutdown(context.Background())
		<-done
	})
	return s, "http://" + ln.Addr().String(), cancel
}

const reviveCall = `{"type":"REVIVE","framework_id":{"value":"f"}}`

func post(url, path, body string) (int, httpc.Header, string, error) {
	status, header, answer, err := httpc.New(httpc.Options{}).Post(context.Background(), url+path, "application/json",
		[]httpc.Field{{Name: streamIDHeader, Value: "x"}}, []byte(body))
	return status, header, string(answer), err
}

func TestABusyLoopIs503WithRetryAfter(t *testing.T) {
	_, url, _ := served(t, &inbox{full: true})
	for path, body := range map[string]string{
		"/api/v1/scheduler": reviveCall,
		"/api/v1":           `{"type":"TEARDOWN","teardown":{"framework_id":{"value":"f"}}}`,
		"/teardown":         "frameworkId=f",
	} {
		status, header, text, err := post(url, path, body)
		if err != nil || status != 503 || header.Get("Retry-After") != "1" || !strings.Contains(text, "busy") {
			t.Errorf("%s: %d %v %q %v", path, status, header, text, err)
		}
	}
	// Reads go on.
	if status, _, _, err := post(url, "/api/v1", `{"type":"GET_STATE"}`); err != nil || status != 200 {
		t.Errorf("GET_STATE: %d %v", status, err)
	}
}

func TestACallIsAnsweredByItsEffectOnly(t *testing.T) {
	l := &inbox{}
	s, url, _ := served(t, l)
	answered := make(chan string, 1)
	go func() {
		status, _, text, err := post(url, "/api/v1/scheduler", reviveCall)
		answered <- fmt.Sprint(status, text, err)
	}()
	eventually(t, "the call is submitted", func() bool { return len(l.taken()) == 1 })
	call := l.taken()[0].(*core.SchedulerCall)
	if call.StreamID != "x" || call.Call.GetFrameworkId().GetValue() != "f" {
		t.Fatalf("the command is %+v", call)
	}
	s.Perform(&core.Reply{Token: call.Reply + 1000, Status: 400})
	select {
	case got := <-answered:
		t.Fatalf("another call's reply answered this one: %s", got)
	default:
	}
	s.Perform(&core.Reply{Token: call.Reply, Status: 202})
	if got := <-answered; got != "202<nil>" {
		t.Fatalf("the answer is %s", got)
	}
}

// A call whose outcome is not known when the process stops gets no status: any
// would be a lie.
func TestAStoppingServerHangsUp(t *testing.T) {
	l := &inbox{}
	_, url, stop := served(t, l)
	answered := make(chan error, 1)
	go func() {
		status, _, _, err := post(url, "/api/v1/scheduler", reviveCall)
		if err == nil {
			err = fmt.Errorf("status %d", status)
		}
		answered <- err
	}()
	eventually(t, "the call is submitted", func() bool { return len(l.taken()) == 1 })
	stop()
	if err := <-answered; strings.HasPrefix(err.Error(), "status") {
		t.Fatalf("the call was answered with %v", err)
	}
}

func TestManyOffersComeInSeveralRecords(t *testing.T) {
	l := &inbox{}
	s, url, _ := served(t, l)
	client := httpc.New(httpc.Options{})
	subscribed := make(chan *httpc.Subscription, 1)
	go func() {
		sub, err := client.Subscribe(context.Background(), &httpc.Request{URL: url + "/api/v1/scheduler", ContentType: "application/json",
			Body: []byte(`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}}`)})
		if err != nil {
			t.Error(err)
		}
		subscribed <- sub
	}()
	eventually(t, "the subscription is submitted", func() bool { return len(l.taken()) == 1 })
	cmd := l.taken()[0].(*core.Subscribe)
	s.Perform(&core.OpenStream{Stream: cmd.Stream, StreamID: cmd.StreamID, FrameworkID: "f"})
	const total = 2*offersPerRecord + 1
	offers := make([]*mesos.Offer, total)
	for i := range offers {
		offers[i] = &mesos.Offer{
			Id: &mesos.OfferID{Value: ptr(fmt.Sprint(i))}, FrameworkId: &mesos.FrameworkID{Value: ptr("f")},
			AgentId: &mesos.AgentID{Value: ptr("a")}, Hostname: ptr("h"),
		}
	}
	s.Perform(&core.Event{Stream: cmd.Stream, Event: &scheduler.Event{
		Type: scheduler.Event_OFFERS.Enum(), Offers: &scheduler.Event_Offers{Offers: offers}}})
	s.Flush()
	sub := <-subscribed
	defer sub.Close()
	if sub.StreamID != cmd.StreamID {
		t.Fatalf("the stream id is %q, the command's %q", sub.StreamID, cmd.StreamID)
	}
	seen := 0
	for records := 0; seen < total; records++ {
		b, err := sub.Next()
		if err != nil {
			t.Fatal(err)
		}
		var e scheduler.Event
		if err := codec.JSON.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		for _, o := range e.GetOffers().GetOffers() {
			if o.GetId().GetValue() != fmt.Sprint(seen) {
				t.Fatalf("offer %s where %d belongs", o.GetId().GetValue(), seen)
			}
			seen++
		}
		if n := len(e.GetOffers().GetOffers()); n > offersPerRecord {
			t.Fatalf("record %d holds %d offers", records, n)
		}
	}

	// The peer goes away: the core hears of it.
	sub.Close()
	eventually(t, "the core hears of the end", func() bool {
		for _, c := range l.taken() {
			if c, ok := c.(*core.StreamClosed); ok && c.Stream == cmd.Stream {
				return true
			}
		}
		return false
	})
}
