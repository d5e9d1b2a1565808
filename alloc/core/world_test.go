package core

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// world drives a Core as the loop would: it keeps the records as a journal does,
// numbers streams and channels, and gives frameworks and agents short names.
type world struct {
	t       testing.TB
	core    *Core
	opts    Options
	now     Time
	journal map[string][]byte
	durable *durable // a real store beside journal; nil: none
	out     Output

	agents     map[string]*worldAgent
	frameworks map[string]*worldFramework
	streams    map[StreamRef]*worldFramework
	channels   map[ChannelRef]*worldAgent
	refs       uint64
	quiet      bool // tests of many steps do not print
	onStep     func()
}

type worldAgent struct {
	name, id string
	channel  ChannelRef
	register *link.Register // what it says when it registers
	applied  uint64
}

type worldFramework struct {
	name, id, streamID string
	stream             StreamRef
	info               *mesos.FrameworkInfo
	offers             []string // as told, not rescinded
}

// epoch is when worlds begin: Wall is far from Mono so that mixing them up shows.
const epoch = int64(1_700_000_000_000_000_000)

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, journal: map[string][]byte{}, now: Time{Mono: int64(time.Hour), Wall: epoch},
		agents: map[string]*worldAgent{}, frameworks: map[string]*worldFramework{},
		streams: map[StreamRef]*worldFramework{}, channels: map[ChannelRef]*worldAgent{},
	}
	w.opts = Options{
		MasterInfo: &mesos.MasterInfo{Id: ptr("m"), Ip: ptr(uint32(16777343)), Port: ptr(uint32(5050))},
		ClusterID:  "cluster", Allocator: "127.0.0.1:5050", ShuffleOff: true,
	}
	w.start()
	return w
}

// start makes a Core of what the journal holds.
func (w *world) start() {
	c, err := New(w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	c.engine.onMisuse = func(err error) { w.t.Errorf("the engine disagrees: %v", err) }
	if w.durable != nil {
		w.journal = w.durable.load()
	}
	keys := make([]string, 0, len(w.journal))
	for k := range w.journal {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		r, err := record.Decode([]byte(k), w.journal[k])
		if err != nil {
			w.t.Fatal(err)
		}
		if err := c.Load(r); err != nil {
			w.t.Fatal(err)
		}
	}
	w.core = c
	c.Recovered(w.now, &w.out)
	w.commit()
}

// commit writes the output's records as the journal would.
func (w *world) commit() {
	var batch []entry
	for _, r := range w.out.Records {
		key, value, err := record.Encode(r)
		if err != nil {
			w.t.Fatal(err)
		}
		batch = append(batch, entry{key, value})
		if value == nil {
			delete(w.journal, string(key))
		} else {
			w.journal[string(key)] = value
		}
	}
	if w.durable != nil {
		w.durable.commit(batch)
	}
}

// step executes a command and the cycle, and returns the printed outcome.
func (w *world) step(cmd Command) string {
	w.out.Reset()
	if cmd != nil {
		w.core.Step(w.now, cmd, &w.out)
	}
	w.core.Cycle(w.now, &w.out)
	w.commit()
	w.learn()
	if w.onStep != nil {
		w.onStep()
	}
	if w.quiet {
		return ""
	}
	return w.printOutput()
}

// learn follows what the effects tell frameworks and agents.
func (w *world) learn() {
	for _, e := range w.out.Effects {
		switch e := e.(type) {
		case *OpenStream:
			if f := w.streams[e.Stream]; f != nil && e.FrameworkID != "" {
				f.id = e.FrameworkID
			}
		case *Event:
			w.learnEvent(w.streams[e.Stream], e.Event)
		case *CloseStream:
			if f := w.streams[e.Stream]; f != nil && f.stream == e.Stream {
				f.stream = 0
			}
			delete(w.streams, e.Stream)
		case *Down:
			w.learnDown(w.channels[e.Channel], e.Down)
		case *CloseChannel:
			if a := w.channels[e.Channel]; a != nil && a.channel == e.Channel {
				a.channel = 0
			}
			delete(w.channels, e.Channel)
		}
	}
}

func (w *world) learnEvent(f *worldFramework, e *scheduler.Event) {
	if f == nil {
		w.t.Errorf("event %v on a stream that nobody has", e.GetType())
		return
	}
	switch e.GetType() {
	case scheduler.Event_OFFERS:
		for _, o := range e.Offers.Offers {
			f.offers = append(f.offers, o.Id.GetValue())
		}
	case scheduler.Event_RESCIND:
		f.dropOffer(e.Rescind.OfferId.GetValue())
	}
}

func (f *worldFramework) dropOffer(id string) {
	for i, o := range f.offers {
		if o == id {
			f.offers = append(f.offers[:i:i], f.offers[i+1:]...)
			return
		}
	}
}

func (w *world) learnDown(a *worldAgent, d *link.Down) {
	if a == nil {
		w.t.Errorf("frame %T on a channel that nobody has", d.Body)
		return
	}
	if r, ok := d.Body.(*link.Down_Registered); ok {
		a.id = r.Registered.AgentId.GetValue()
		a.register.Agent.Id = r.Registered.AgentId
	}
}

// ref makes a fresh reference.
func (w *world) ref() uint64 { w.refs++; return w.refs }

func (w *world) agentByID(id string) *worldAgent {
	for _, a := range w.agents {
		if a.id == id {
			return a
		}
	}
	return nil
}

// registerAgent opens a channel and registers.
func (w *world) registerAgent(a *worldAgent) string {
	a.channel = ChannelRef(w.ref())
	w.channels[a.channel] = a
	a.register.AppliedSeq = ptr(a.applied)
	return w.step(&AgentFrame{Channel: a.channel, Up: &link.Up{Body: &link.Up_Register{Register: a.register}}})
}

func (w *world) up(a *worldAgent, up *link.Up) string {
	return w.step(&AgentFrame{Channel: a.channel, Up: up})
}

func (w *world) call(f *worldFramework, c *scheduler.Call) string {
	c.FrameworkId = &mesos.FrameworkID{Value: ptr(f.id)}
	if err := ValidateSchedulerCall(c, "", f.streamID); err != nil {
		return fmt.Sprintf("reply %d %s\n", err.Status, err.Text)
	}
	return w.step(&SchedulerCall{StreamID: f.streamID, Call: c, Reply: 1})
}

func (w *world) subscribe(f *worldFramework, suppressed []string) string {
	f.stream, f.streamID = StreamRef(w.ref()), fmt.Sprintf("stream-%d", w.refs)
	w.streams[f.stream] = f
	f.offers = nil
	c := &scheduler.Call{Type: scheduler.Call_SUBSCRIBE.Enum(),
		Subscribe: &scheduler.Call_Subscribe{FrameworkInfo: f.info, SuppressedRoles: suppressed}}
	if f.id != "" {
		f.info.Id = &mesos.FrameworkID{Value: ptr(f.id)}
		c.FrameworkId = f.info.Id
	}
	if err := ValidateSchedulerCall(c, "", ""); err != nil {
		return fmt.Sprintf("reply %d %s\n", err.Status, err.Text)
	}
	return w.step(&Subscribe{Stream: f.stream, StreamID: f.streamID, Call: c, Reply: 1})
}

// advance moves the time in the steps that timers ask for.
func (w *world) advance(d time.Duration) string {
	var b strings.Builder
	end := w.now.Mono + int64(d)
	for {
		next := max(w.core.NextDeadline(), w.now.Mono+1)
		if next > end {
			break
		}
		w.now.Wall += next - w.now.Mono
		w.now.Mono = next
		b.WriteString(w.step(&Tick{}))
	}
	w.now.Wall += end - w.now.Mono
	w.now.Mono = end
	return b.String()
}

// allAgentCaps are the capabilities that current agents have.
func allAgentCaps() []*mesos.AgentInfo_Capability {
	var caps []*mesos.AgentInfo_Capability
	for n := int32(1); n <= 8; n++ {
		caps = append(caps, &mesos.AgentInfo_Capability{Type: mesos.AgentInfo_Capability_Type(n).Enum()})
	}
	return caps
}

// parseArgs takes "key=value" words off a command.
func parseArgs(words []string) (plain []string, args map[string]string) {
	args = map[string]string{}
	for _, word := range words {
		if key, value, ok := strings.Cut(word, "="); ok && !strings.ContainsAny(key, ":;{[") {
			args[key] = value
		} else {
			plain = append(plain, word)
		}
	}
	return plain, args
}

func mustResources(text string) []*mesos.Resource {
	rs, err := resource.Parse(text, "*")
	if err != nil {
		panic(err)
	}
	return rs.ToProto(resource.PostRefinement)
}

func uuidOf(name string) []byte {
	u := make([]byte, 16)
	copy(u, name)
	return u
}

func decodeJSON(text string, m codec.Message) error {
	return codec.JSON.Unmarshal([]byte(text), m)
}

func atof(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return v
}
