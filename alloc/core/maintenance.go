package core

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/allocator"
	"github.com/caprock/caprock/wire/mesos/maintenance"
)

// machine is a MachineID in the form in which machines are compared: host names
// without regard to case.
type machine struct{ hostname, ip string }

func machineOf(hostname, ip string) machine {
	return machine{hostname: strings.ToLower(hostname), ip: ip}
}

func machineOfID(id *mesos.MachineID) machine { return machineOf(id.GetHostname(), id.GetIp()) }

func (a *agentState) machine() machine {
	return machineOf(a.info().GetHostname(), a.cur.Rec.GetAddress().GetIp())
}

// printMachine writes a machine as Mesos' texts do.
func printMachine(id *mesos.MachineID) string {
	var parts []string
	if id.Hostname != nil {
		parts = append(parts, fmt.Sprintf("%q:%q", "hostname", id.GetHostname()))
	}
	if id.Ip != nil {
		parts = append(parts, fmt.Sprintf("%q:%q", "ip", id.GetIp()))
	}
	return "'{" + strings.Join(parts, ",") + "}'"
}

func (c *Core) machineDown(m machine) bool {
	for _, id := range c.maintenance.Rec.GetDown() {
		if machineOfID(id) == m {
			return true
		}
	}
	return false
}

// unavailabilityOf is the window of the schedule that names the agent's machine.
func (c *Core) unavailabilityOf(a *agentState) *mesos.Unavailability {
	return windowOf(c.maintenance.Rec.GetSchedule(), a.machine())
}

func windowOf(s *maintenance.Schedule, m machine) *mesos.Unavailability {
	for _, w := range s.GetWindows() {
		for _, id := range w.GetMachineIds() {
			if machineOfID(id) == m {
				return w.Unavailability
			}
		}
	}
	return nil
}

// updateSchedule replaces the maintenance schedule. Machines that are left out are
// up again, so those that are down must stay in.
func (c *Core) updateSchedule(schedule *maintenance.Schedule) *CallError {
	if err := c.validateSchedule(schedule); err != nil {
		return &CallError{Status: 400, Text: err.Error()}
	}
	c.putMaintenance(&record.Maintenance{Schedule: schedule, Down: c.maintenance.Rec.GetDown()})
	for _, a := range sortedStrings(c.agents) {
		if a.registered() {
			c.updateUnavailability(a)
		}
	}
	return nil
}

// updateUnavailability rescinds what was offered on an agent under another window.
func (c *Core) updateUnavailability(a *agentState) {
	next := c.unavailabilityOf(a)
	if next.EqualVT(a.cur.Unavailability) {
		return
	}
	c.touchAgent(a, func(e *Agent) { e.Unavailability, e.InverseAnswers = next, nil })
	c.rescindAgentOffers(a)
	c.engine.updateUnavailability(c.now.Mono, a.id(), next)
	a.answers = nil
}

func (c *Core) validateSchedule(s *maintenance.Schedule) error {
	seen := map[machine]bool{}
	for _, w := range s.GetWindows() {
		if len(w.GetMachineIds()) == 0 {
			return faultf("List of machines in the maintenance window is empty")
		}
		if w.GetUnavailability().GetDuration().GetNanoseconds() < 0 {
			return faultf("Unavailability 'duration' is negative")
		}
		for _, id := range w.GetMachineIds() {
			if err := validateMachine(id); err != nil {
				return err
			}
			if seen[machineOfID(id)] {
				return faultf("Machine %s appears more than once in the schedule", printMachine(id))
			}
			seen[machineOfID(id)] = true
		}
	}
	for _, id := range c.maintenance.Rec.GetDown() {
		if !seen[machineOfID(id)] {
			return faultf("Machine %s is deactivated and cannot be removed from the schedule", printMachine(id))
		}
	}
	return nil
}

func validateMachine(id *mesos.MachineID) error {
	if id.GetHostname() == "" && id.GetIp() == "" {
		return faultf("Both 'hostname' and 'ip' for a machine are empty")
	}
	if id.GetIp() != "" && !isIPv4(id.GetIp()) {
		return faultf("Machine %s: ip is not an IPv4 address", printMachine(id))
	}
	return nil
}

// isIPv4 reports whether the text is four numbers of 0 to 255 with dots between.
func isIPv4(text string) bool {
	parts := strings.Split(text, ".")
	for _, part := range parts {
		if n, err := strconv.ParseUint(part, 10, 8); err != nil || strconv.FormatUint(n, 10) != part {
			return false
		}
	}
	return len(parts) == 4
}

// validateMachines are the rules for lists of machines to take down or up.
func (c *Core) validateMachines(ids []*mesos.MachineID, down bool) error {
	if len(ids) == 0 {
		return faultf("List of machines is empty")
	}
	seen := map[machine]bool{}
	for _, id := range ids {
		if err := validateMachine(id); err != nil {
			return err
		}
		m := machineOfID(id)
		switch {
		case seen[m]:
			return faultf("Machine %s appears more than once", printMachine(id))
		case windowOf(c.maintenance.Rec.GetSchedule(), m) == nil:
			return faultf("Machine %s is not part of a maintenance schedule", printMachine(id))
		case down && c.machineDown(m):
			return faultf("Machine %s is not in DRAINING mode and cannot be brought down", printMachine(id))
		case !down && !c.machineDown(m):
			return faultf("Machine %s is not in DOWN mode and cannot be brought up", printMachine(id))
		}
		seen[m] = true
	}
	return nil
}

// startMaintenance takes machines down: their agents are shut down and removed, and
// may not register until the machines are up again.
func (c *Core) startMaintenance(ids []*mesos.MachineID) *CallError {
	if err := c.validateMachines(ids, true); err != nil {
		return &CallError{Status: 400, Text: err.Error()}
	}
	old := c.maintenance.Rec.GetDown()
	c.putMaintenance(&record.Maintenance{Schedule: c.maintenance.Rec.Schedule, Down: append(old[:len(old):len(old)], ids...)})
	for _, a := range sortedStrings(c.agents) {
		if a.registered() && c.machineDown(a.machine()) {
			c.shutdownAgent(a, "Operator initiated 'Machine DOWN'")
			c.removeAgent(a, "Agent "+a.info().GetHostname()+" removed: operator took the machine down")
		}
	}
	return nil
}

// shutdownAgent tells an agent to kill everything and exit, best effort: if it
// misses this it is told again when it registers.
func (c *Core) shutdownAgent(a *agentState, why string) {
	if a.cur.Connected {
		c.tell(a, &link.Down{Body: &link.Down_Shutdown{Shutdown: &link.Shutdown{Message: &why}}})
		c.out.effect(&CloseChannel{Channel: a.channel})
	}
}

// stopMaintenance brings machines up: they leave the schedule.
func (c *Core) stopMaintenance(ids []*mesos.MachineID) *CallError {
	if err := c.validateMachines(ids, false); err != nil {
		return &CallError{Status: 400, Text: err.Error()}
	}
	up := map[machine]bool{}
	for _, id := range ids {
		up[machineOfID(id)] = true
	}
	next := &record.Maintenance{Schedule: &maintenance.Schedule{}, Down: withoutMachines(c.maintenance.Rec.GetDown(), up)}
	for _, w := range c.maintenance.Rec.GetSchedule().GetWindows() {
		if rest := withoutMachines(w.GetMachineIds(), up); len(rest) > 0 {
			next.Schedule.Windows = append(next.Schedule.Windows, &maintenance.Window{MachineIds: rest, Unavailability: w.Unavailability})
		}
	}
	c.putMaintenance(next)
	return nil
}

func withoutMachines(ids []*mesos.MachineID, gone map[machine]bool) []*mesos.MachineID {
	var rest []*mesos.MachineID
	for _, id := range ids {
		if !gone[machineOfID(id)] {
			rest = append(rest, id)
		}
	}
	return rest
}

// noteInverseAnswer keeps a framework's answer for the maintenance status.
func (c *Core) noteInverseAnswer(i *inverseOffer, accepted bool) {
	status := allocator.InverseOfferStatus_DECLINE
	if accepted {
		status = allocator.InverseOfferStatus_ACCEPT
	}
	put(&i.a.answers, i.f.id(), &allocator.InverseOfferStatus{Status: status.Enum(), FrameworkId: i.f.info().Id,
		Timestamp: &mesos.TimeInfo{Nanoseconds: ptr(c.now.Wall)}})
	answers := sortedStrings(i.a.answers)
	c.touchAgent(i.a, func(e *Agent) { e.InverseAnswers = answers })
}
