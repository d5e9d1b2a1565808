package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/apierrors"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
	"github.com/mesos/mesos-go/api/v1/lib/quota"
)

func (o *operator) findAgent() error {
	got, err := o.ask(calls.GetAgents())
	if err != nil {
		return err
	}
	for _, a := range got.GetGetAgents().GetAgents() {
		if a.Active {
			o.agent = a
			return nil
		}
	}
	return errors.New("GET_AGENTS shows no active agent")
}

// total sees the agent's resources in GET_AGENTS.
func (o *operator) total(want string, seen func([]mesos.Resource) bool) error {
	return o.until(calls.GetAgents(), want, func(r *master.Response) bool {
		for _, a := range r.GetGetAgents().GetAgents() {
			if a.AgentInfo.ID.Value == o.agent.AgentInfo.ID.Value {
				return seen(a.TotalResources)
			}
		}
		return false
	})
}

func (o *operator) volume() error {
	const size, growth = 32, 16
	id := *o.agent.AgentInfo.ID
	for _, change := range []struct {
		call             *master.Call
		reserved, volume float64 // what GET_AGENTS must come to show
	}{
		{calls.ReserveResources(id, disk(size+growth)), size + growth, 0},
		{calls.CreateVolumes(id, volume(size)), size + growth, size},
		{calls.GrowVolume(&id, volume(size), disk(growth)), size + growth, size + growth},
		{calls.ShrinkVolume(&id, volume(size+growth), mesos.Value_Scalar{Value: growth}), size + growth, size},
		{calls.DestroyVolumes(id, volume(size)), size + growth, 0},
		{calls.UnreserveResources(id, disk(size+growth)), 0, 0},
	} {
		if err := o.order(change.call); err != nil {
			return err
		}
		want := fmt.Sprintf("%g MB reserved and a volume of %g MB after %v", change.reserved, change.volume, change.call.GetType())
		if err := o.total(want, func(rs []mesos.Resource) bool {
			return reservedSize(rs) == change.reserved && volumeSize(rs) == change.volume
		}); err != nil {
			return err
		}
	}
	return nil
}

func (o *operator) quota() error {
	force, to, scalar := true, role, mesos.SCALAR
	guarantee := mesos.Resource{Name: "cpus", Type: &scalar, Scalar: &mesos.Value_Scalar{Value: 0.5}}
	set := calls.SetQuota(quota.QuotaRequest{Force: &force, Role: &to, Guarantee: []mesos.Resource{guarantee}})
	if err := o.order(set); err != nil {
		return err
	}
	if err := o.until(calls.GetQuota(), "the quota of "+role, func(r *master.Response) bool {
		for _, q := range r.GetGetQuota().GetStatus().Infos {
			if q.GetRole() == role && len(q.Guarantee) == 1 && q.Guarantee[0].GetScalar().GetValue() == 0.5 {
				return true
			}
		}
		return false
	}); err != nil {
		return err
	}
	return o.order(calls.RemoveQuota(role))
}

func (o *operator) weight() error {
	to := role
	if err := o.order(calls.UpdateWeights(mesos.WeightInfo{Role: &to, Weight: 2.5})); err != nil {
		return err
	}
	return o.until(calls.GetWeights(), "the weight of "+role, func(r *master.Response) bool {
		for _, w := range r.GetGetWeights().GetWeightInfos() {
			if w.GetRole() == role && w.Weight == 2.5 {
				return true
			}
		}
		return false
	})
}

func (o *operator) maintenance() error {
	host := o.agent.AgentInfo.Hostname
	machine := mesos.MachineID{Hostname: &host}
	tomorrow := time.Now().Add(24 * time.Hour).UnixNano()
	announce := calls.UpdateMaintenanceSchedule(maintenance.Schedule{Windows: []maintenance.Window{{
		MachineIDs:     []mesos.MachineID{machine},
		Unavailability: mesos.Unavailability{Start: mesos.TimeInfo{Nanoseconds: tomorrow}},
	}}})
	if err := o.order(announce); err != nil {
		return err
	}
	if err := o.until(calls.GetMaintenanceStatus(), "a draining machine "+host, func(r *master.Response) bool {
		for _, d := range r.GetGetMaintenanceStatus().GetStatus().DrainingMachines {
			if d.ID.GetHostname() == host {
				return true
			}
		}
		return false
	}); err != nil {
		return err
	}
	return o.order(calls.UpdateMaintenanceSchedule(maintenance.Schedule{}))
}

func (o *operator) activation() error {
	id := *o.agent.AgentInfo.ID
	shown := func(deactivated bool) error {
		return o.until(calls.GetAgents(), fmt.Sprintf("the agent with deactivated=%t", deactivated), func(r *master.Response) bool {
			for _, a := range r.GetGetAgents().GetAgents() {
				if a.AgentInfo.ID.Value == id.Value {
					return a.GetDeactivated() == deactivated
				}
			}
			return false
		})
	}
	if err := o.order(calls.DeactivateAgent(id)); err != nil {
		return err
	}
	if err := shown(true); err != nil {
		return err
	}
	if err := o.order(calls.ReactivateAgent(id)); err != nil {
		return err
	}
	return shown(false)
}

// refusals are orders that must not be obeyed, with the status of each.
func (o *operator) refusals() error {
	id := *o.agent.AgentInfo.ID
	unknown := mesos.AgentID{Value: "no-such-agent"}
	for _, wrong := range []struct {
		why  string
		call *master.Call
		want apierrors.Code
	}{
		{"an unknown agent", calls.ReserveResources(unknown, disk(1)), http.StatusBadRequest},
		{"more than the agent has", calls.ReserveResources(id, disk(1e9)), http.StatusConflict},
		{"a volume that is not there", calls.DestroyVolumes(id, volume(7)), http.StatusBadRequest},
		{"nothing to reserve at", &master.Call{Type: master.Call_RESERVE_RESOURCES}, http.StatusBadRequest},
	} {
		if err := o.order(wrong.call); !wrong.want.Matches(errors.Unwrap(err)) {
			return fmt.Errorf("%s: got %v, want status %d", wrong.why, err, wrong.want)
		}
	}
	return nil
}
