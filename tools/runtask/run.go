package runtask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/tools/framework"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

const (
	// failoverSeconds is how long an allocator keeps the task of a `caprock run` whose
	// connection broke.
	failoverSeconds = 60
	// firstContact is how long an allocator that never answered is tried.
	firstContact = 5 * time.Second
	// hintAfter is when someone who waits is told why.
	hintAfter = 5 * time.Second
	// declineSeconds keeps offers that are too small away for a while.
	declineSeconds = 5
	// interruptedStatus is what a shell reports for a program ended by SIGINT.
	interruptedStatus = 130
)

// Options of one run.
type Options struct {
	URL       string // of the allocator
	Name      string // of the task
	User      string // that the task runs as; empty: the caller's
	Resources resource.Resources
	Env       []string // K=V
	URIs      []string // fetched into the sandbox
	Command   []string // at least one word; looked up in PATH on the agent
	Stdout    io.Writer
	Stderr    io.Writer
}

// run is the state of one task; everything but the copier is touched by the event
// handler only.
type run struct {
	options  Options
	client   *framework.Client
	taskID   string // "" before the launch, or after a launch that came to nothing
	agentURL string
	offered  int         // offers seen that were too small
	leaving  atomic.Bool // interrupted: the end of the stream is ours
	outage   error       // why there is no subscription at the moment
	copier   *copier
	end      *mesos.TaskStatus
}

// errDone ends the event loop when the task has ended.
var errDone = errors.New("the task has ended")

// Run runs the task and returns its exit status: 128 + the signal's number if a signal ended it.
// When ctx ends the task is killed.
func Run(ctx context.Context, o Options) (status int, err error) {
	r := &run{options: o}
	r.client = framework.New(framework.Options{
		URL:   o.URL,
		Codec: codec.Protobuf,
		Info: &mesos.FrameworkInfo{
			User:            proto.String(o.User),
			Name:            proto.String("caprock run: " + o.Name),
			FailoverTimeout: proto.Float64(failoverSeconds),
			Checkpoint:      proto.Bool(true),
			Roles:           []string{resource.DefaultRole},
			Capabilities: []*mesos.FrameworkInfo_Capability{
				{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE.Enum()},
				{Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT.Enum()},
				{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE.Enum()},
			},
		},
		Disconnected: r.disconnected,
	})
	// Interrupting kills the task first, so the stream outlives ctx by a bit.
	streaming, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	interrupted := context.AfterFunc(ctx, func() { r.interrupt(streaming, stop) })
	defer interrupted()
	hint := time.AfterFunc(hintAfter, r.hint)
	defer hint.Stop()
	unreachable := time.AfterFunc(firstContact, stop)
	defer unreachable.Stop()

	err = r.client.Run(streaming, func(e *scheduler.Event) error {
		switch e.GetType() {
		case scheduler.Event_SUBSCRIBED:
			unreachable.Stop()
			r.outage = nil
		case scheduler.Event_OFFERS:
			hint.Stop()
		}
		return r.handle(streaming, e)
	})
	if r.copier != nil {
		r.copier.finish(context.WithoutCancel(ctx))
	}
	switch {
	case errors.Is(err, errDone):
		return exitStatus(r.end, o.Stderr), nil
	case ctx.Err() != nil:
		return interruptedStatus, nil
	case streaming.Err() != nil:
		return 0, fmt.Errorf("no allocator answers at %s (%w); `caprock dev` starts one", o.URL, r.outage)
	}
	return 0, err
}

// hint tells a newcomer who sees nothing what is going on.
func (r *run) hint() {
	if r.client.ID() != nil {
		fmt.Fprintf(r.options.Stderr, "caprock: waiting for an offer of %v from %s\n", r.options.Resources, r.options.URL)
	}
}

// disconnected says once per outage that there is one.
func (r *run) disconnected(err error) {
	if r.outage == nil && r.client.ID() != nil && !r.leaving.Load() {
		fmt.Fprintf(r.options.Stderr, "caprock: lost the allocator (%v), trying again\n", err)
	}
	r.outage = err
}

// interrupt kills the task and, if that takes too long, gives up on it.
func (r *run) interrupt(ctx context.Context, stop context.CancelFunc) {
	r.leaving.Store(true)
	if err := r.client.Teardown(ctx); err != nil && r.client.ID() != nil {
		fmt.Fprintf(r.options.Stderr, "caprock: interrupted; the task may go on for %d s: %v\n", failoverSeconds, err)
	}
	stop()
}

func (r *run) handle(ctx context.Context, e *scheduler.Event) error {
	switch e.GetType() {
	case scheduler.Event_OFFERS:
		return r.offers(ctx, e.GetOffers().GetOffers())
	case scheduler.Event_UPDATE:
		return r.update(ctx, e.GetUpdate().GetStatus())
	case scheduler.Event_FAILURE:
		if r.taskID != "" && e.GetFailure().GetExecutorId() == nil {
			fmt.Fprintf(r.options.Stderr, "caprock: agent %s has failed\n", e.GetFailure().GetAgentId().GetValue())
		}
	}
	return nil
}

// offers takes the first offer that is large enough and gives the rest back.
func (r *run) offers(ctx context.Context, offers []*mesos.Offer) error {
	var back []*mesos.Offer
	for _, o := range offers {
		has, err := resource.FromProto(o.GetResources())
		if err != nil {
			return fmt.Errorf("offer %s: %w", o.GetId().GetValue(), err)
		}
		has = has.Unallocate()
		if r.taskID != "" || !has.Contains(r.options.Resources) {
			back = append(back, o)
			if r.taskID == "" {
				r.tooSmall(has)
			}
			continue
		}
		if err := r.launch(ctx, o); err != nil {
			return err
		}
	}
	if len(back) == 0 {
		return nil
	}
	return r.tolerate(r.client.Decline(ctx, declineSeconds, back...))
}

// tooSmall explains once, with the first offer seen, why nothing happens.
func (r *run) tooSmall(has resource.Resources) {
	r.offered++
	if r.offered == 1 {
		fmt.Fprintf(r.options.Stderr, "caprock: the task wants %v, offered was %v; waiting for more\n", r.options.Resources, has)
	}
}

func (r *run) launch(ctx context.Context, o *mesos.Offer) error {
	r.taskID = r.options.Name + "." + uuid.NewString()
	// Through the allocator: the agent itself need not be reachable from here.
	r.agentURL = strings.TrimSuffix(r.options.URL, "/") + "/agent/" + o.GetAgentId().GetValue()
	err := r.client.Launch(ctx, o, 0, &mesos.TaskInfo{
		Name:      proto.String(r.options.Name),
		TaskId:    &mesos.TaskID{Value: proto.String(r.taskID)},
		AgentId:   o.GetAgentId(),
		Resources: r.options.Resources.ToProto(resource.PostRefinement),
		Command:   r.command(),
	})
	if err != nil {
		return r.tolerate(err)
	}
	return r.tolerate(r.client.Call(ctx, &scheduler.Call{Type: scheduler.Call_SUPPRESS.Enum()}))
}

func (r *run) command() *mesos.CommandInfo {
	c := &mesos.CommandInfo{
		Shell:     proto.Bool(false),
		Value:     proto.String(r.options.Command[0]),
		Arguments: r.options.Command,
	}
	if len(r.options.Env) > 0 {
		c.Environment = &mesos.Environment{}
	}
	for _, kv := range r.options.Env {
		name, value, _ := cutEnv(kv)
		c.Environment.Variables = append(c.Environment.Variables,
			&mesos.Environment_Variable{Name: proto.String(name), Value: proto.String(value)})
	}
	for _, u := range r.options.URIs {
		c.Uris = append(c.Uris, &mesos.CommandInfo_URI{Value: proto.String(u)})
	}
	return c
}

// tolerate drops errors after which the next subscription sorts things out:
// the connection broke, and offers and updates will come again.
func (r *run) tolerate(err error) error {
	var refused *framework.StatusError
	if err == nil || errors.As(err, &refused) && refused.Status < 500 {
		return err
	}
	return nil
}

// update copies output while the task runs and ends the run when it has ended.
func (r *run) update(ctx context.Context, s *mesos.TaskStatus) error {
	if err := r.tolerate(r.client.Acknowledge(ctx, s)); err != nil {
		return err
	}
	if s.GetTaskId().GetValue() != r.taskID {
		return nil
	}
	switch s.GetState() {
	case mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING:
		r.startCopier()
		return nil
	case mesos.TaskState_TASK_STAGING, mesos.TaskState_TASK_KILLING, mesos.TaskState_TASK_UNREACHABLE, mesos.TaskState_TASK_UNKNOWN:
		return nil
	}
	if r.copier == nil && anotherOfferHelps(s) {
		r.taskID = ""
		return r.tolerate(r.client.Call(ctx, &scheduler.Call{Type: scheduler.Call_REVIVE.Enum()}))
	}
	if ran(s) {
		r.startCopier()
	}
	r.end = s
	// The stream ends with this event; a framework that could not be torn down is
	// removed when its failover timeout is over.
	if err := r.client.Teardown(ctx); err != nil {
		fmt.Fprintf(r.options.Stderr, "caprock: tearing the framework down: %v\n", err)
	}
	return errDone
}

// anotherOfferHelps says whether a task did not get as far as its agent, so that the next offer is
// worth a try. An agent that has dropped it has looked at it, and the next one would do the same.
func anotherOfferHelps(s *mesos.TaskStatus) bool {
	if s.GetState() != mesos.TaskState_TASK_DROPPED {
		return false
	}
	switch s.GetReason() {
	case mesos.TaskStatus_REASON_INVALID_OFFERS, mesos.TaskStatus_REASON_AGENT_DISCONNECTED, mesos.TaskStatus_REASON_AGENT_REMOVED,
		mesos.TaskStatus_REASON_RECONCILIATION, mesos.TaskStatus_REASON_AGENT_RESTARTED:
		return true
	}
	return false
}

// ran says whether the task got far enough to have a sandbox.
func ran(s *mesos.TaskStatus) bool {
	return s.GetSource() == mesos.TaskStatus_SOURCE_EXECUTOR
}

func (r *run) startCopier() {
	if r.copier == nil {
		r.copier = startCopier(r.agentURL, r.client.ID().GetValue(), r.taskID, r.options.Stdout, r.options.Stderr)
	}
}

// CurrentUser is the name of the user this process runs as.
func CurrentUser() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return "root"
}
