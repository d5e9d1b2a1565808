package api

import (
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/allocator"
	"github.com/caprock/caprock/wire/mesos/maintenance"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/quota"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// read answers a call that only reads, or returns nil if the call is none.
func (s *Server) read(call *master.Call) *master.Response {
	r := &master.Response{}
	switch call.GetType() {
	case master.Call_GET_HEALTH:
		r.Type, r.GetHealth = master.Response_GET_HEALTH.Enum(), &master.Response_GetHealth{Healthy: ptr(true)}
	case master.Call_GET_FLAGS:
		r.Type, r.GetFlags = master.Response_GET_FLAGS.Enum(), s.getFlags()
	case master.Call_GET_VERSION:
		r.Type, r.GetVersion = master.Response_GET_VERSION.Enum(), &master.Response_GetVersion{VersionInfo: s.versionInfo()}
	case master.Call_GET_LOGGING_LEVEL:
		r.Type, r.GetLoggingLevel = master.Response_GET_LOGGING_LEVEL.Enum(), &master.Response_GetLoggingLevel{Level: ptr(s.verbosity.Get())}
	case master.Call_GET_MASTER:
		r.Type, r.GetMaster = master.Response_GET_MASTER.Enum(), s.master
	default:
		return nil
	}
	return r
}

// readsState says that appendState answers the call.
func readsState(t master.Call_Type) bool {
	switch t {
	case master.Call_GET_STATE, master.Call_GET_AGENTS, master.Call_GET_FRAMEWORKS, master.Call_GET_EXECUTORS,
		master.Call_GET_OPERATIONS, master.Call_GET_TASKS, master.Call_GET_ROLES, master.Call_GET_WEIGHTS, master.Call_GET_QUOTA,
		master.Call_GET_MAINTENANCE_SCHEDULE, master.Call_GET_MAINTENANCE_STATUS:
		return true
	}
	return false
}

// readState answers a call that needs the state and nothing else, with a message: one that is
// not large. See appendState.
func readState(t master.Call_Type, all *cluster) *master.Response {
	r, snap := &master.Response{}, all.snap
	switch t {
	case master.Call_GET_FRAMEWORKS:
		r.Type, r.GetFrameworks = master.Response_GET_FRAMEWORKS.Enum(), getFrameworks(snap, all.add())
	case master.Call_GET_EXECUTORS:
		r.Type, r.GetExecutors = master.Response_GET_EXECUTORS.Enum(), getExecutors(snap)
	case master.Call_GET_OPERATIONS:
		r.Type, r.GetOperations = master.Response_GET_OPERATIONS.Enum(), getOperations(snap)
	case master.Call_GET_ROLES:
		r.Type, r.GetRoles = master.Response_GET_ROLES.Enum(), getRoles(snap, all.add())
	case master.Call_GET_WEIGHTS:
		if w := getWeights(snap); len(w.WeightInfos) > 0 {
			r.GetWeights = w
		}
		r.Type = master.Response_GET_WEIGHTS.Enum()
	case master.Call_GET_QUOTA:
		r.Type, r.GetQuota = master.Response_GET_QUOTA.Enum(), &master.Response_GetQuota{Status: quotaStatus(snap)}
	case master.Call_GET_MAINTENANCE_SCHEDULE:
		r.Type, r.GetMaintenanceSchedule = master.Response_GET_MAINTENANCE_SCHEDULE.Enum(),
			&master.Response_GetMaintenanceSchedule{Schedule: snap.Maintenance.Schedule()}
	case master.Call_GET_MAINTENANCE_STATUS:
		r.Type, r.GetMaintenanceStatus = master.Response_GET_MAINTENANCE_STATUS.Enum(),
			&master.Response_GetMaintenanceStatus{Status: clusterStatus(snap)}
	default:
		panic("BUG: " + t.String() + " does not read the state")
	}
	return r
}

func getExecutors(snap *view.Snapshot) *master.Response_GetExecutors {
	r := &master.Response_GetExecutors{}
	for e := range snap.Executors.All() {
		r.Executors = append(r.Executors, &master.Response_GetExecutors_Executor{
			ExecutorInfo: e.Rec.GetInfo(), AgentId: &mesos.AgentID{Value: e.Rec.AgentId},
		})
	}
	return r
}

func getOperations(snap *view.Snapshot) *master.Response_GetOperations {
	r := &master.Response_GetOperations{}
	for o := range snap.Operations.All() {
		r.Operations = append(r.Operations, o.Info())
	}
	return r
}

func getFrameworks(snap *view.Snapshot, total *sums) *master.Response_GetFrameworks {
	offers := map[string][]*mesos.Offer{}
	for o := range snap.Offers.All() {
		offers[o.FrameworkID()] = append(offers[o.FrameworkID()], o.Wire)
	}
	r := &master.Response_GetFrameworks{}
	for f := range snap.Frameworks.All() {
		v := core.FrameworkView(f)
		if v.OfferConstraints == nil {
			v.OfferConstraints = &scheduler.OfferConstraints{}
		}
		if f.Completed() {
			r.CompletedFrameworks = append(r.CompletedFrameworks, v)
			continue
		}
		use := total.framework(f.ID())
		v.Offers = offers[f.ID()]
		v.AllocatedResources = use.allocated.ToProto(resource.Endpoint)
		v.OfferedResources = use.offered.ToProto(resource.Endpoint)
		r.Frameworks = append(r.Frameworks, v)
	}
	return r
}

func getRoles(snap *view.Snapshot, total *sums) *master.Response_GetRoles {
	r := &master.Response_GetRoles{}
	for _, known := range rolesOf(snap, total) {
		m := &mesos.Role{Name: &known.name, Weight: &known.weight}
		for _, id := range known.frameworks {
			m.Frameworks = append(m.Frameworks, frameworkID(id))
		}
		sum := known.allocated.Plus(known.offered).CreateStrippedScalarQuantity()
		m.Resources = quantityResources(sum)
		r.Roles = append(r.Roles, m)
	}
	return r
}

// quantityResources writes quantities as plain scalar resources.
func quantityResources(q resource.Quantities) []*mesos.Resource {
	var list resource.Resources
	for _, e := range q {
		list = append(list, resource.NewScalar(e.Name, e.Milli))
	}
	return list.ToProto(resource.PostRefinement)
}

func getWeights(snap *view.Snapshot) *master.Response_GetWeights {
	r := &master.Response_GetWeights{}
	for known := range snap.Roles.All() {
		if known.Rec.Weight != nil {
			r.WeightInfos = append(r.WeightInfos, &mesos.WeightInfo{Weight: known.Rec.Weight, Role: known.Rec.Name})
		}
	}
	return r
}

// quotaStatus shows quotas in the current form and, for guarantees, in the old.
func quotaStatus(snap *view.Snapshot) *quota.QuotaStatus {
	status := &quota.QuotaStatus{}
	for known := range snap.Roles.All() {
		config := known.Rec.GetQuota()
		if config == nil {
			continue
		}
		status.Configs = append(status.Configs, config)
		info := &quota.QuotaInfo{Role: known.Rec.Name}
		if q, err := resource.FromScalarMap(config.GetGuarantees()); err == nil {
			info.Guarantee = quantityResources(q)
		}
		//lint:ignore SA1019 old tools read this list
		status.Infos = append(status.Infos, info)
	}
	return status
}

// clusterStatus lists the machines of the maintenance schedule: down, or
// draining with what frameworks said last to their inverse offers.
func clusterStatus(snap *view.Snapshot) *maintenance.ClusterStatus {
	status := &maintenance.ClusterStatus{}
	if snap.Maintenance == nil {
		return status
	}
	rec := snap.Maintenance.Rec
	status.DownMachines = rec.GetDown()
	for _, w := range rec.GetSchedule().GetWindows() {
		for _, m := range w.GetMachineIds() {
			down := func(o *mesos.MachineID) bool { return sameMachine(o, m) }
			if !slices.ContainsFunc(rec.GetDown(), down) {
				status.DrainingMachines = append(status.DrainingMachines,
					&maintenance.ClusterStatus_DrainingMachine{Id: m, Statuses: inverseAnswers(snap, m)})
			}
		}
	}
	return status
}

func inverseAnswers(snap *view.Snapshot, m *mesos.MachineID) (answers []*allocator.InverseOfferStatus) {
	for a := range snap.Agents.All() {
		ip := a.Rec.GetAddress().GetIp()
		if len(a.InverseAnswers) > 0 && sameMachine(m, &mesos.MachineID{Hostname: a.Info().Hostname, Ip: &ip}) {
			answers = append(answers, a.InverseAnswers...)
		}
	}
	return answers
}

// sameMachine compares names without case and addresses exactly.
func sameMachine(a, b *mesos.MachineID) bool {
	return strings.EqualFold(a.GetHostname(), b.GetHostname()) && a.GetIp() == b.GetIp()
}
