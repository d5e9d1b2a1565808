//lint:file-ignore SA1019 The old role is what frameworks without RESERVATION_REFINEMENT see.

package core

import (
	"bytes"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// printOutput shows records, then effects, in short.
func (w *world) printOutput() string {
	var b strings.Builder
	for _, r := range w.out.Records {
		if k := r.Kind(); k == record.KindMeta || k.Volatile() {
			continue // in every other line, and offers are seen as events
		}
		fmt.Fprintf(&b, "  %s\n", printRecord(r))
	}
	for _, e := range w.out.Effects {
		fmt.Fprintf(&b, "> %s\n", w.printEffect(e))
	}
	return b.String()
}

func printRecord(r record.Record) string {
	if r.Value == nil {
		return "drop " + r.ID().String()
	}
	s := "put " + r.ID().String()
	switch v := r.Value.(type) {
	case *record.Role:
		s += fmt.Sprintf(" weight=%v", v.GetWeight())
		if v.Quota != nil {
			s += fmt.Sprintf(" guarantees=%s limits=%s", printScalars(v.GetQuota().GetGuarantees()), printScalars(v.GetQuota().GetLimits()))
		}
	case *record.Framework:
		if v.FailoverDeadlineNanos != nil {
			s += " deadline=+" + sinceEpoch(v.GetFailoverDeadlineNanos())
		}
		if v.CompletedSerial != nil {
			s += " completed"
		}
		if len(v.SuppressedRoles) > 0 {
			s += fmt.Sprintf(" suppressed=%v", v.SuppressedRoles)
		}
	case *record.Agent:
		s += " " + v.GetPhase().String() + " " + printResources(v.GetTotal())
		if len(v.GetOversubscribed()) > 0 {
			s += " + " + printResources(v.GetOversubscribed())
		}
		if v.ReregisterDeadlineNanos != nil {
			s += " deadline=+" + sinceEpoch(v.GetReregisterDeadlineNanos())
		}
		if v.GetDeactivated() {
			s += " deactivated"
		}
		if v.Drain != nil {
			s += " " + v.Drain.GetState().String()
		}
	case *record.Task:
		s += " " + printTask(v.GetTask())
		if v.GetUnreachable() {
			s += " unreachable"
		}
	case *record.Operation:
		s += " " + v.GetOperation().GetInfo().GetType().String() + " " + v.GetOperation().GetLatestStatus().GetState().String()
	case *record.Outbox:
		s += " " + printDown(v.GetDown())
	}
	return s
}

func sinceEpoch(nanos int64) string { return fmt.Sprintf("%gs", float64(nanos-epoch)/1e9) }

func printScalars(m map[string]*mesos.Value_Scalar) string {
	var parts []string
	for _, k := range sortedKeys(m) {
		parts = append(parts, fmt.Sprintf("%s:%v", k, m[k].GetValue()))
	}
	return strings.Join(parts, ";")
}

func printTask(t *mesos.Task) string {
	s := fmt.Sprintf("%s %s on %s", t.GetTaskId().GetValue(), t.GetState(), t.GetAgentId().GetValue())
	if t.StatusUpdateState != nil && t.GetStatusUpdateState() != t.GetState() {
		s += " told=" + t.GetStatusUpdateState().String()
	}
	return s
}

func printResources(list []*mesos.Resource) string {
	rs, err := resource.FromProto(list)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(rs.String(), "; ", ";")
}

func (w *world) printEffect(e Effect) string {
	switch e := e.(type) {
	case *Reply:
		return strings.TrimSpace(fmt.Sprintf("reply %d %s", e.Status, e.Text))
	case *OpenStream:
		return fmt.Sprintf("open stream %d for %s", e.Stream, e.FrameworkID)
	case *CloseStream:
		return fmt.Sprintf("close stream %d", e.Stream)
	case *Event:
		return fmt.Sprintf("stream %d: %s", e.Stream, printEvent(e.Event))
	case *Down:
		return fmt.Sprintf("channel %d: %s", e.Channel, printDown(e.Down))
	case *CloseChannel:
		return fmt.Sprintf("close channel %d", e.Channel)
	case *AgentReplaced:
		return "replaced " + e.ID
	case *Warning:
		return "warning: " + e.Text
	case *OperatorEvent:
		return "operators: " + printOperatorEvent(e.Event)
	case *SnapshotOperator:
		return fmt.Sprintf("snapshot on stream %d", e.Stream)
	}
	return fmt.Sprintf("%T", e)
}

func printEvent(e *scheduler.Event) string {
	s := e.GetType().String()
	switch e.GetType() {
	case scheduler.Event_SUBSCRIBED:
		s += " " + e.Subscribed.FrameworkId.GetValue()
	case scheduler.Event_OFFERS:
		for _, o := range e.Offers.Offers {
			s += " " + printOffer(o)
		}
	case scheduler.Event_INVERSE_OFFERS:
		for _, o := range e.InverseOffers.InverseOffers {
			s += fmt.Sprintf(" [%s on %s]", o.Id.GetValue(), o.AgentId.GetValue())
		}
	case scheduler.Event_RESCIND:
		s += " " + e.Rescind.OfferId.GetValue()
	case scheduler.Event_RESCIND_INVERSE_OFFER:
		s += " " + e.RescindInverseOffer.InverseOfferId.GetValue()
	case scheduler.Event_UPDATE:
		s += " " + printStatus(e.Update.Status)
	case scheduler.Event_UPDATE_OPERATION_STATUS:
		st := e.UpdateOperationStatus.Status
		s += fmt.Sprintf(" %s %v", st.GetOperationId().GetValue(), st.GetState())
		if st.Uuid != nil {
			s += " uuid=" + printUUID(st.Uuid.GetValue())
		}
		if st.Message != nil {
			s += fmt.Sprintf(" %q", st.GetMessage())
		}
	case scheduler.Event_FAILURE:
		s += " " + e.Failure.AgentId.GetValue()
		if e.Failure.ExecutorId != nil {
			s += fmt.Sprintf(" executor %s status %d", e.Failure.ExecutorId.GetValue(), e.Failure.GetStatus())
		}
	case scheduler.Event_ERROR:
		s += " " + e.Error.GetMessage()
	case scheduler.Event_MESSAGE:
		s += fmt.Sprintf(" from %s %q", e.Message.ExecutorId.GetValue(), e.Message.Data)
	}
	return s
}

func printOffer(o *mesos.Offer) string {
	s := fmt.Sprintf("[%s on %s", o.Id.GetValue(), o.AgentId.GetValue())
	if o.AllocationInfo != nil {
		s += " to " + o.AllocationInfo.GetRole()
	}
	for _, r := range o.Resources {
		if r.Role != nil {
			s += " role=" + r.GetRole()
			break
		}
	}
	if o.Unavailability != nil {
		s += " unavailable"
	}
	for _, e := range o.ExecutorIds {
		s += " executor=" + e.GetValue()
	}
	return s + " " + printResources(o.Resources) + "]"
}

func printStatus(t *mesos.TaskStatus) string {
	s := fmt.Sprintf("%s %v", t.TaskId.GetValue(), t.GetState())
	if t.Source != nil {
		s += " " + strings.TrimPrefix(t.GetSource().String(), "SOURCE_")
	}
	if t.Reason != nil {
		s += " " + strings.TrimPrefix(t.GetReason().String(), "REASON_")
	}
	if t.AgentId != nil {
		s += " on " + t.AgentId.GetValue()
	}
	if t.Uuid != nil {
		s += " uuid=" + printUUID(t.Uuid)
	}
	if t.UnreachableTime != nil {
		s += " since=" + sinceEpoch(t.UnreachableTime.GetNanoseconds())
	}
	if t.Message != nil {
		s += fmt.Sprintf(" %q", t.GetMessage())
	}
	return s
}

func printUUID(u []byte) string {
	if name := bytes.TrimRight(u, "\x00"); len(name) < len(u) {
		return string(name)
	}
	return fmt.Sprintf("%.4x…", u)
}

func printDown(d *link.Down) string {
	s := ""
	if d.GetSeq() > 0 {
		s = fmt.Sprintf("#%d ", d.GetSeq())
	}
	switch b := d.Body.(type) {
	case *link.Down_Registered:
		return s + "registered " + b.Registered.AgentId.GetValue()
	case *link.Down_Refused:
		return s + fmt.Sprintf("refused shutdown=%v %s", b.Refused.GetShutdown(), b.Refused.GetMessage())
	case *link.Down_Ping:
		return s + fmt.Sprintf("ping connected=%v", b.Ping.GetConnected())
	case *link.Down_Launch:
		s += "launch"
		if b.Launch.GetGroup() {
			s += " group"
		}
		if b.Launch.Executor != nil {
			s += fmt.Sprintf(" executor=%s new=%v", b.Launch.Executor.ExecutorId.GetValue(), b.Launch.GetLaunchExecutor())
		}
		for _, t := range b.Launch.Tasks {
			s += " " + t.TaskId.GetValue() + " " + printResources(t.Resources)
		}
		return s
	case *link.Down_Kill:
		return s + "kill " + b.Kill.TaskId.GetValue()
	case *link.Down_Acknowledge:
		return s + "acknowledge " + b.Acknowledge.TaskId.GetValue() + " " + printUUID(b.Acknowledge.Uuid)
	case *link.Down_ShutdownExecutor:
		return s + "shutdown executor " + b.ShutdownExecutor.ExecutorId.GetValue()
	case *link.Down_ShutdownFramework:
		return s + "shutdown framework " + b.ShutdownFramework.FrameworkId.GetValue()
	case *link.Down_ExecutorMessage:
		return s + fmt.Sprintf("message to %s %q", b.ExecutorMessage.ExecutorId.GetValue(), b.ExecutorMessage.Data)
	case *link.Down_UpdateFramework:
		return s + "update framework " + b.UpdateFramework.Framework.Id.GetValue()
	case *link.Down_ApplyOperation:
		return s + fmt.Sprintf("apply %v total %s", b.ApplyOperation.Info.GetType(), printResources(b.ApplyOperation.Total))
	case *link.Down_AcknowledgeOperation:
		return s + "acknowledge operation " + printUUID(b.AcknowledgeOperation.StatusUuid.GetValue())
	case *link.Down_ReconcileTasks:
		s += "reconcile"
		for _, t := range b.ReconcileTasks.Tasks {
			s += " " + t.TaskId.GetValue()
		}
		return s
	case *link.Down_Drain:
		return s + fmt.Sprintf("drain grace=%v gone=%v", b.Drain.Config.GetMaxGracePeriod().GetNanoseconds(), b.Drain.Config.GetMarkGone())
	case *link.Down_Shutdown:
		return s + "shutdown " + b.Shutdown.GetMessage()
	}
	return s + fmt.Sprintf("%T", d.Body)
}

func printOperatorEvent(e *master.Event) string {
	s := e.GetType().String()
	switch e.GetType() {
	case master.Event_TASK_ADDED:
		s += " " + printTask(e.TaskAdded.Task)
	case master.Event_TASK_UPDATED:
		s += fmt.Sprintf(" %s state=%v", printStatus(e.TaskUpdated.Status), e.TaskUpdated.GetState())
	case master.Event_AGENT_ADDED:
		s += " " + e.AgentAdded.Agent.AgentInfo.Id.GetValue()
	case master.Event_AGENT_REMOVED:
		s += " " + e.AgentRemoved.AgentId.GetValue()
	case master.Event_FRAMEWORK_ADDED:
		s += " " + e.FrameworkAdded.Framework.FrameworkInfo.Id.GetValue()
	case master.Event_FRAMEWORK_UPDATED:
		if e.GetFrameworkUpdated().GetFramework().GetOfferConstraints() != nil {
			s += " with constraints"
		}
		s += " " + e.FrameworkUpdated.Framework.FrameworkInfo.Id.GetValue()
	case master.Event_FRAMEWORK_REMOVED:
		s += " " + e.FrameworkRemoved.FrameworkInfo.Id.GetValue()
	}
	return s
}

// printState lists all records.
func (w *world) printState() string {
	var b strings.Builder
	for _, r := range w.core.Records() {
		if r.Kind() != record.KindMeta {
			fmt.Fprintf(&b, "  %s\n", strings.TrimPrefix(printRecord(r), "put "))
		}
	}
	return b.String()
}

// checkReload compares the state with what the journal says.
func (w *world) checkReload(want [32]byte) {
	c, err := New(w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range sortedKeys(w.journal) {
		r, err := record.Decode([]byte(k), w.journal[k])
		if err != nil {
			w.t.Fatal(err)
		}
		if err := c.Load(r); err != nil {
			w.t.Fatal(err)
		}
	}
	if c.Hash() != want {
		have := map[string]proto.Message{}
		for _, r := range w.core.Records() {
			have[r.ID().String()] = r.Value.(proto.Message)
		}
		for _, r := range c.Records() {
			if old := have[r.ID().String()]; old == nil || !proto.Equal(old, r.Value.(proto.Message)) {
				w.t.Errorf("reloaded: %v, was: %v", r.Value, old)
			}
			delete(have, r.ID().String())
		}
		w.t.Fatalf("the state loaded from the journal differs; not loaded: %v", have)
	}
}
