package core

import (
	"fmt"
	"math/rand/v2"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
)

// Core is the state of one agent. It is not safe for concurrent use.
type Core struct {
	limitless bool // DisableLimits was called
	opts      Options
	rng       *rand.ChaCha8
	now       Time

	rec        *record.Agent
	agentDirty bool
	// res is what the machine has; it outlives the agent's id.
	res      *record.Resources
	resDirty bool
	// operations in the order they came.
	operations []*operation

	frameworks map[string]*framework
	// order lists the frameworks as they came.
	order      []*framework
	containers map[string]*container
	processes  map[string]*process
	// annexes are containers that the operator API launched, by the dotted text of
	// their ids, and in the order of their launches.
	annexes    map[string]*annex
	annexOrder []*annex
	// waiters hold who waits for the end of which container.
	waiters map[string][]Token
	// resizings are changes of bounds that wait for the kernel, by who asked.
	resizings map[Token]*resizing
	ordinal   uint64

	// completed holds ended runs, oldest first.
	completed []*record.Completed

	// linkUp: a link is open. registered: the allocator has answered Register.
	linkUp      bool
	registered  bool
	pingTimeout int64
	pingAt      int64
	confirm     bool
	allocator   string
	// exits are ends of executors that the Register under way still lists.
	exits []*link.Up
	// recoverUntil is the end of the time that executors have to come back.
	recoverUntil int64
	// stopping is set once the agent only ends what it runs; spent with it if its id is
	// not to be used again.
	stopping string
	spent    bool

	// checkRun numbers the runs of checks.
	checkRun uint64

	timers     timerHeap
	timerOrder uint64

	dirty   []dirtyEntity
	out     Output
	loading *loading

	metrics Metrics
}

// Output is what became of the commands since the last Take: the records to
// commit, then the effects to carry out in order.
type Output struct {
	Records []Record
	Effects []Effect
}

// Record is a key with its new value; nil deletes.
type Record struct {
	Key   string
	Value record.Message
}

// New returns an agent without history. Load what was checkpointed, then call
// Recover, before the first Step.
func New(opts Options) *Core {
	opts.EnsureDefaults()
	return &Core{
		opts:        opts,
		rng:         rand.NewChaCha8(opts.Seed),
		rec:         &record.Agent{},
		res:         &record.Resources{},
		frameworks:  map[string]*framework{},
		containers:  map[string]*container{},
		processes:   map[string]*process{},
		annexes:     map[string]*annex{},
		waiters:     map[string][]Token{},
		resizings:   map[Token]*resizing{},
		pingTimeout: DefaultPingTimeout,
		loading:     newLoading(),
	}
}

// Step applies one command.
func (c *Core) Step(now Time, cmd Command) {
	c.now = now
	switch cmd := cmd.(type) {
	case Connected:
		c.connected()
	case Disconnected:
		c.linkUp, c.registered, c.pingAt = false, false, 0
	case Frame:
		c.frame(cmd.Down)
	case Started:
		c.started(cmd)
	case LaunchFailed:
		c.launchFailed(cmd)
	case Exited:
		c.exited(cmd)
	case Limited:
		c.limited(cmd)
	case ExecutorCall:
		c.executorCall(cmd)
	case ExecutorGone:
		c.executorGone(cmd.Token)
	case Collected:
		c.collected(cmd.ContainerID)
	case Leave:
		c.leave(cmd.Message)
	case Checked:
		c.checked(cmd)
	case VolumeChanged:
		c.volumeChanged(cmd)
	case UpdateFailed:
		c.updateFailed(cmd)
	case ResizeTask:
		c.resizeTask(cmd)
	case Resized:
		c.resized(cmd)
	case LaunchContainer:
		c.launchContainer(cmd)
	case WaitContainer:
		c.waitContainer(cmd)
	case ForgetWait:
		c.forgetWait(cmd.Token)
	case KillContainer:
		c.killContainer(cmd)
	case RemoveContainer:
		c.removeContainer(cmd)
	case EndSession:
		c.endSession(cmd.ID)
	case Tick:
	default:
		panic(fmt.Sprintf("BUG: agent core got command %T", cmd))
	}
	c.fireTimers()
}

// Take returns what the steps since the last Take came to.
func (c *Core) Take() Output {
	if c.agentDirty && !c.spent {
		c.agentDirty = false
		c.put(record.AgentKey, c.rec)
	}
	if c.resDirty {
		c.resDirty = false
		c.put(record.ResourcesKey, c.res)
	}
	for _, e := range c.dirty {
		e.write(c)
	}
	c.dirty = c.dirty[:0]
	if c.confirm {
		c.confirm = false
		c.send(&link.Up{Body: &link.Up_Applied{Applied: &link.Applied{Seq: new(c.rec.GetAppliedSeq())}}})
	}
	out := c.out
	c.out = Output{}
	return out
}

func (c *Core) emit(e Effect) { c.out.Effects = append(c.out.Effects, e) }

func (c *Core) put(key string, m record.Message) {
	c.out.Records = append(c.out.Records, Record{Key: key, Value: m})
}

func (c *Core) erase(key string) { c.out.Records = append(c.out.Records, Record{Key: key}) }

// send puts a frame on the registered channel. Frames that matter are sent again
// after the next registration, so nothing is kept for a link that is down.
func (c *Core) send(up *link.Up) {
	if c.registered {
		c.sendAnyway(up)
	}
}

// sendAnyway is send for what opens and closes the channel.
func (c *Core) sendAnyway(up *link.Up) {
	if !c.linkUp {
		return
	}
	up.Channel = new(channel)
	up.Term = new(c.rec.GetTerm())
	c.emit(Send{Up: up})
}

// channel is the number of this agent's channel: a link of our own carries one.
const channel = uint32(1)

func (c *Core) uuid() []byte {
	var u [16]byte
	for i := 0; i < 16; i += 8 {
		v := c.rng.Uint64()
		for j := range 8 {
			u[i+j] = byte(v >> (8 * j))
		}
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u[:]
}

func (c *Core) newID() string {
	u := c.uuid()
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// AgentID is the id the allocator gave, "" before the first registration.
func (c *Core) AgentID() string { return c.rec.GetAgentId() }

// Registered reports whether the allocator knows this agent on the present link.
func (c *Core) Registered() bool { return c.registered }

// Recovering reports whether executors still have time to come back after a
// restart; until then the allocator is not contacted.
func (c *Core) Recovering() bool { return c.recoverUntil != 0 }

// Allocator is the host:port that frameworks use, as the allocator told.
func (c *Core) Allocator() string { return c.allocator }
