package core

import (
	"fmt"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
)

// Core is the state of the cluster. It is not safe for concurrent use: one
// driver calls it.
type Core struct {
	opts Options
	state

	// What dies with the process.
	engine    *engine
	counters  counters
	timers    timers
	streams   map[StreamRef]string  // framework by stream
	channels  map[ChannelRef]string // agent by channel
	addresses map[address]string    // agent that was there last
	operators map[StreamRef]bool
	offers    map[uint64]*Offer // by number
	inverse   map[string]*inverseOffer
	removals  removals
	result    cycle.Result
	expected  int   // agents registered before this process and not back yet
	recovered int   // agents registered before this process
	heldAt    int64 // Mono; when it was last said that too many agents are missing
	// resumedAt is the Mono time at which the process last went on after it had
	// stood still, 0 if it never did.
	resumedAt int64

	// Of the command being executed.
	now Time
	out *Output
}

// New makes an empty Core. Load what the journal holds, call Recovered, then Step.
func New(opts Options) (*Core, error) {
	opts.EnsureDefaults()
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("core options: %w", err)
	}
	e, err := newEngine(&opts)
	if err != nil {
		return nil, fmt.Errorf("core options: %w", err)
	}
	return &Core{
		opts: opts, state: newState(), engine: e,
		streams: map[StreamRef]string{}, channels: map[ChannelRef]string{}, addresses: map[address]string{}, operators: map[StreamRef]bool{},
		offers: map[uint64]*Offer{}, inverse: map[string]*inverseOffer{},
	}, nil
}

// Load takes one record of the journal. Records come in key order.
func (c *Core) Load(r record.Record) error {
	id, err := record.ParseKey(r.Key)
	if err != nil {
		return err
	}
	return c.LoadValue(id, r.Value)
}

// LoadValue is Load for a record whose key was taken apart.
func (c *Core) LoadValue(id record.ID, v record.Value) error {
	e, err := c.apply(id, v)
	if t, ok := e.(*Task); ok && id.Kind == record.KindTask {
		if f := c.framework(id.Parts[0]); f != nil {
			f.loaded = append(f.loaded, t)
		}
	}
	return err
}

// Step executes one command.
func (c *Core) Step(now Time, cmd Command, out *Output) {
	c.now, c.out = now, out
	c.noticeStall()
	switch cmd := cmd.(type) {
	case *Subscribe:
		c.subscribe(cmd)
	case *SchedulerCall:
		c.schedulerCall(cmd)
	case *StreamClosed:
		c.streamClosed(cmd.Stream)
	case *AgentFrame:
		c.agentFrame(cmd)
	case *ChannelClosed:
		c.channelClosed(cmd.Channel)
	case *OperatorCall:
		c.operatorCall(cmd)
	case *OperatorSubscribed:
		c.operators[cmd.Stream] = true
		out.effect(&SnapshotOperator{Stream: cmd.Stream})
	case *OperatorClosed:
		delete(c.operators, cmd.Stream)
	case *Tick:
		c.runTimers()
	case *Keep:
		c.keep(cmd)
	case *Explain:
		c.explain(cmd)
	case *CountFilters:
		c.out.effect(&Answered{Token: cmd.Reply, Status: 200, Value: c.engine.a.FiltersActive()})
	case *SetWhitelist:
		c.engine.a.SetWhitelist(cmd.Hosts)
	default:
		panic(fmt.Sprintf("BUG: unknown command %T", cmd))
	}
	c.out = nil
}

// NextDeadline is the Mono time at which Tick or Cycle has something to do.
func (c *Core) NextDeadline() int64 {
	if c.engine.a.Dirty() {
		return 0
	}
	next := c.engine.a.NextDeadline()
	if at, ok := c.timers.next(); ok && at < next {
		next = at
	}
	return next
}
