package core

import (
	"fmt"
	"strings"
	"testing"
)

// reserveCall and the like are operators' calls on agent a1.
func reserveCall(resources ...string) string {
	return agentCall("RESERVE_RESOURCES", `"resources":[`+strings.Join(resources, ",")+`]`)
}

func agentCall(kind, members string) string {
	name := strings.ToLower(kind)
	if members != "" {
		members = "," + members
	}
	return fmt.Sprintf(`{"type":"%s","%s":{"agent_id":{"value":"$a1"}%s}}`, kind, name, members)
}

func weightsCall(members string) string {
	return `{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{` + members + `}]}}`
}

func quotaCall(members string) string {
	return `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{` + members + `}]}}`
}

func setQuotaCall(members string) string {
	return `{"type":"SET_QUOTA","set_quota":{"quota_request":{` + members + `}}}`
}

func scheduleCall(windows string) string {
	return `{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[` + windows + `]}}}`
}

func window(machines string) string {
	return `{"machine_ids":[` + machines + `],"unavailability":{"start":{"nanoseconds":1}}}`
}

func machinesCall(kind, machines string) string {
	return fmt.Sprintf(`{"type":"%s","%s":{"machines":[%s]}}`, kind, strings.ToLower(kind), machines)
}

const (
	otherMachine = `{"hostname":"h","ip":"10.0.0.9"}`
	a1Machine    = `{"hostname":"host-a1","ip":"10.0.0.1"}`
	refinedCPU   = `{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"r"},{"type":"DYNAMIC","role":"r/s"}]}`
	deepCPU      = `{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"r/s"}]}`
	withAgent    = "agent a1 cpus:8;mem:1024;disk:512"
	withVolume   = withAgent + "\noperator " + reserveOf + "\noperator " + createOf
	reserveOf    = `{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":"m-S0"},"resources":[` + plainDisk + `]}}`
	createOf     = `{"type":"CREATE_VOLUMES","create_volumes":{"agent_id":{"value":"m-S0"},"volumes":[` + volume + `]}}`
)

// operatorCases: an operator's call after these commands, made as principal "p" if
// principal says so, and its answer.
var operatorCases = []struct {
	rows         rows
	name, before string
	call         string
	status       int
	want         string
}{
	{nil, "RESERVE_RESOURCES", withAgent, reserveCall(reservedCPU), 202, ""},
	{rows{147}, "RESERVE_RESOURCES of nothing", withAgent, reserveCall(), 400, "no resources"},
	{rows{69, 147}, "RESERVE_RESOURCES of text", withAgent, reserveCall(`{"name":"cpus","type":"TEXT"}`), 400, "TEXT"},
	{rows{93, 147}, "RESERVE_RESOURCES of mixed providers", withAgent, reserveCall(strings.Replace(reservedCPU, `{"name"`, `{"provider_id":{"value":"p"},"name"`, 1), plainDisk), 400, "provider"},
	{rows{149}, "RESERVE_RESOURCES unreserved", withAgent, reserveCall(one("cpus", 1, "")), 400, "not dynamically reserved"},
	{rows{150}, "RESERVE_RESOURCES for a nested role, old agent", withAgent + " caps=none", reserveCall(deepCPU), 400, "HIERARCHICAL_ROLE"},
	{rows{150}, "RESERVE_RESOURCES refined, old agent", withAgent + " caps=MULTI_ROLE,HIERARCHICAL_ROLE", reserveCall(refinedCPU), 400, "RESERVATION_REFINEMENT"},
	{rows{153}, "RESERVE_RESOURCES allocated", withAgent, reserveCall(strings.Replace(reservedCPU, `"name"`, `"allocation_info":{"role":"r"},"name"`, 1)), 400, "allocated"},
	{rows{148}, "RESERVE_RESOURCES with source", withAgent + "\noperator " + strings.Replace(reserveOf, plainDisk, reservedCPU, 1),
		agentCall("RESERVE_RESOURCES", `"source":[`+reservedCPU+`],"resources":[`+strings.ReplaceAll(reservedCPU, `"r"`, `"s"`)+`]`), 202, ""},
	{rows{148}, "source for nothing", withAgent, agentCall("RESERVE_RESOURCES", `"source":[`+reservedCPU+`]`), 400, "no resources"},
	{rows{148}, "source of mixed reservations", withAgent, agentCall("RESERVE_RESOURCES", `"source":[`+reservedCPU+","+one("mem", 1, "")+`],"resources":[`+strings.ReplaceAll(reservedCPU, `"r"`, `"s"`)+`]`), 400, "must be the same"},
	{rows{148}, "source of another size", withAgent, agentCall("RESERVE_RESOURCES", `"source":[`+reservedCPU+`],"resources":[`+strings.ReplaceAll(strings.Replace(reservedCPU, `"value":1`, `"value":2`, 1), `"r"`, `"s"`)+`]`), 400, "must be the same"},
	{rows{154}, "UNRESERVE_RESOURCES of a volume", withVolume, agentCall("UNRESERVE_RESOURCES", `"resources":[`+volume+`]`), 400, "destroy the persistent volume first"},
	{rows{154}, "UNRESERVE_RESOURCES unreserved", withAgent, agentCall("UNRESERVE_RESOURCES", `"resources":[`+one("cpus", 1, "")+`]`), 400, "not dynamically reserved"},
	{nil, "CREATE_VOLUMES", withAgent + "\noperator " + reserveOf, agentCall("CREATE_VOLUMES", `"volumes":[`+volume+`]`), 202, ""},
	{rows{155}, "CREATE_VOLUMES read-only", withAgent + "\noperator " + reserveOf, agentCall("CREATE_VOLUMES", `"volumes":[`+strings.Replace(volume, `"RW"`, `"RO"`, 1)+`]`), 400, "Read-only"},
	{rows{156}, "CREATE_VOLUMES with an id that is there", withVolume + "\noperator " + reserveOf, agentCall("CREATE_VOLUMES", `"volumes":[`+volume+`]`), 400, "not unique"},
	{rows{158}, "CREATE_VOLUMES for a nested role, old agent", withAgent + " caps=none", agentCall("CREATE_VOLUMES", `"volumes":[`+strings.Replace(volume, `"role":"r"`, `"role":"r/s"`, 1)+`]`), 400, "HIERARCHICAL_ROLE"},
	{rows{158}, "CREATE_VOLUMES refined, old agent", withAgent + " caps=MULTI_ROLE,HIERARCHICAL_ROLE", agentCall("CREATE_VOLUMES", `"volumes":[`+strings.Replace(volume, `"role":"r"}`, `"role":"r"},{"type":"DYNAMIC","role":"r/s"}`, 1)+`]`), 400, "RESERVATION_REFINEMENT"},
	{nil, "DESTROY_VOLUMES", withVolume, agentCall("DESTROY_VOLUMES", `"volumes":[`+volume+`]`), 202, ""},
	{rows{160}, "DESTROY_VOLUMES of no volume", withVolume, agentCall("DESTROY_VOLUMES", `"volumes":[`+plainDisk+`]`), 400, "not a persistent volume"},
	{rows{160}, "DESTROY_VOLUMES of an unknown one", withAgent, agentCall("DESTROY_VOLUMES", `"volumes":[`+volume+`]`), 400, "not found"},
	{rows{160}, "DESTROY_VOLUMES in use", withVolume + "\nsubscribe f1 failover=10\naccept f1 " + launchOnVolume, agentCall("DESTROY_VOLUMES", `"volumes":[`+volume+`]`), 400, "in use"},
	{nil, "GROW_VOLUME", withVolume + "\noperator " + reserveOf, agentCall("GROW_VOLUME", `"volume":`+volume+`,"addition":`+plainDisk), 202, ""},
	{rows{162}, "GROW_VOLUME by nothing", withVolume, agentCall("GROW_VOLUME", `"volume":`+volume+`,"addition":`+strings.Replace(plainDisk, `"value":8`, `"value":0`, 1)), 400, "addition"},
	{rows{162}, "GROW_VOLUME, old agent", withAgent + " caps=MULTI_ROLE,HIERARCHICAL_ROLE,RESERVATION_REFINEMENT", agentCall("GROW_VOLUME", `"volume":`+volume+`,"addition":`+plainDisk), 400, "RESIZE_VOLUME"},
	{nil, "SHRINK_VOLUME", withVolume, agentCall("SHRINK_VOLUME", `"volume":`+volume+`,"subtract":{"value":2}`), 202, ""},
	{rows{163}, "SHRINK_VOLUME to nothing", withVolume, agentCall("SHRINK_VOLUME", `"volume":`+volume+`,"subtract":{"value":8}`), 400, "smaller than the size"},
	{rows{163}, "SHRINK_VOLUME, old agent", withAgent + " caps=MULTI_ROLE,HIERARCHICAL_ROLE,RESERVATION_REFINEMENT", agentCall("SHRINK_VOLUME", `"volume":`+volume+`,"subtract":{"value":1}`), 400, "RESIZE_VOLUME"},
	{rows{168}, "RESERVE_RESOURCES of nobody", "", reserveCall(reservedCPU), 400, "No agent found"},
	{rows{168}, "UNRESERVE_RESOURCES of nobody", "", agentCall("UNRESERVE_RESOURCES", `"resources":[`+reservedCPU+`]`), 400, "No agent found"},
	{rows{168}, "CREATE_VOLUMES of nobody", "", agentCall("CREATE_VOLUMES", `"volumes":[`+volume+`]`), 400, "No agent found"},
	{rows{168}, "DESTROY_VOLUMES of nobody", "", agentCall("DESTROY_VOLUMES", `"volumes":[`+volume+`]`), 400, "No agent found"},
	{rows{168}, "GROW_VOLUME of nobody", "", agentCall("GROW_VOLUME", `"volume":`+volume+`,"addition":`+plainDisk), 400, "No agent found"},
	{rows{168}, "SHRINK_VOLUME of nobody", "", agentCall("SHRINK_VOLUME", `"volume":`+volume+`,"subtract":{"value":1}`), 400, "No agent found"},
	{rows{169}, "RESERVE_RESOURCES of what is used", "subscribe f1 failover=10\n" + withAgent + "\nlaunch f1 t1 cpus:8", reserveCall(reservedCPU), 409, "does not contain"},
	{rows{169}, "RESERVE_RESOURCES of what is not there", withAgent, reserveCall(strings.Replace(reservedCPU, `"value":1`, `"value":9`, 1)), 409, "does not contain"},
	{rows{171}, "TEARDOWN of nobody", "", `{"type":"TEARDOWN","teardown":{"framework_id":{"value":"x"}}}`, 400, "No framework found"},

	{nil, "weight", "", weightsCall(`"role":" r ","weight":2`), 200, ""},
	{rows{173}, "weight of a bad role", "", weightsCall(`"role":"a//b","weight":2`), 400, "Invalid role 'a//b'"},
	{rows{173}, "weight of a role that is not listed", "options roles=r", weightsCall(`"role":"s","weight":2`), 400, "Unknown role 's'"},
	{rows{173}, "weight 0", "", weightsCall(`"role":"r","weight":0`), 400, "must be positive"},
	{rows{173}, "weight below 0", "", weightsCall(`"role":"r","weight":-1`), 400, "must be positive"},

	{nil, "quota", withAgent, quotaCall(`"role":"r","guarantees":{"cpus":{"value":8}},"limits":{"cpus":{"value":9}}`), 200, ""},
	{rows{175}, "quota of a role that is not listed", "options roles=r", quotaCall(`"role":"s"`), 400, "Unknown role"},
	{rows{175}, "quota of a nested role", "", quotaCall(`"role":"r/s"`), 400, "nested role"},
	{rows{176}, "quota of no role", "", quotaCall(`"role":""`), 400, "QuotaConfig.role"},
	{rows{176}, "quota of a bad role", "", quotaCall(`"role":"a//b"`), 400, "QuotaConfig.role"},
	{rows{176}, "quota infinite", "", quotaCall(`"role":"r","guarantees":{"cpus":{"value":"Infinity"}}`), 400, "finite"},
	{rows{176}, "quota subnormal", "", quotaCall(`"role":"r","limits":{"cpus":{"value":1e-310}}`), 400, "subnormal"},
	{rows{176}, "quota negative", "", quotaCall(`"role":"r","guarantees":{"cpus":{"value":-1}}`), 400, "at least 0"},
	{rows{176}, "quota of much mem", "", quotaCall(`"role":"r","limits":{"mem":{"value":1099511627777}}`), 400, "at most"},
	{rows{176}, "quota of most mem", "", quotaCall(`"role":"r","limits":{"mem":{"value":1099511627776}}`), 200, ""},
	{rows{176}, "quota of much disk", "", quotaCall(`"role":"r","limits":{"disk":{"value":1099511627777}}`), 400, "at most"},
	{rows{176}, "quota of many cpus", "", quotaCall(`"role":"r","limits":{"cpus":{"value":1000000000001}}`), 400, "at most"},
	{rows{176}, "guarantees above limits", "", quotaCall(`"role":"r","guarantees":{"cpus":{"value":2}},"limits":{"cpus":{"value":1}}`), 400, "not contained within"},
	{rows{177}, "limits below consumption", "subscribe f1 failover=10\n" + withAgent + "\nlaunch f1 t1 cpus:4", quotaCall(`"role":"r","limits":{"cpus":{"value":3}}`), 400, "below what it consumes"},
	{rows{178}, "guarantees above capacity", withAgent, quotaCall(`"role":"r","guarantees":{"cpus":{"value":9}}`), 400, "exceed cluster capacity"},

	{nil, "SET_QUOTA", withAgent, setQuotaCall(`"role":"r","guarantee":[` + one("cpus", 8, "") + `]`), 200, ""},
	{rows{180}, "SET_QUOTA of no role", "", setQuotaCall(`"guarantee":[` + one("cpus", 8, "") + `]`), 400, "invalid role"},
	{rows{180}, "SET_QUOTA of a bad role", "", setQuotaCall(`"role":"-r","guarantee":[` + one("cpus", 8, "") + `]`), 400, "invalid role"},
	{rows{180}, "SET_QUOTA of nothing", "", setQuotaCall(`"role":"r"`), 400, "empty 'guarantee'"},
	{rows{180}, "SET_QUOTA reserved", "", setQuotaCall(`"role":"r","guarantee":[` + reservedCPU + `]`), 400, "reservations"},
	{rows{180}, "SET_QUOTA of a disk", "", setQuotaCall(`"role":"r","guarantee":[` + one("disk", 1, `,"disk":{"source":{"type":"PATH"}}`) + `]`), 400, "disks"},
	{rows{180}, "SET_QUOTA revocable", "", setQuotaCall(`"role":"r","guarantee":[` + one("cpus", 1, `,"revocable":{}`) + `]`), 400, "revocable"},
	{rows{180}, "SET_QUOTA of ports", "", setQuotaCall(`"role":"r","guarantee":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}}]`), 400, "non-scalar"},
	{rows{180}, "SET_QUOTA of cpus twice", "", setQuotaCall(`"role":"r","guarantee":[` + one("cpus", 1, "") + "," + one("cpus", 1, "") + `]`), 400, "duplicate"},
	{rows{181}, "SET_QUOTA of a role that is not listed", "options roles=r", setQuotaCall(`"role":"s","guarantee":[` + one("cpus", 1, "") + `]`), 400, "Unknown role"},
	{rows{181}, "SET_QUOTA again", withAgent + "\noperator " + setQuotaCall(`"role":"r","guarantee":[`+one("cpus", 1, "")+`]`), setQuotaCall(`"role":"r","guarantee":[` + one("cpus", 1, "") + `]`), 400, "already has quota"},
	{rows{181}, "SET_QUOTA of a nested role", "", setQuotaCall(`"role":"r/s","guarantee":[` + one("cpus", 1, "") + `]`), 400, "nested role"},
	{rows{182}, "SET_QUOTA above capacity", withAgent, setQuotaCall(`"role":"r","guarantee":[` + one("cpus", 9, "") + `]`), 409, "overcommit"},
	{rows{183}, "REMOVE_QUOTA of an unknown role", "", `{"type":"REMOVE_QUOTA","remove_quota":{"role":"r"}}`, 400, "no quota set"},
	{rows{183}, "REMOVE_QUOTA of a role without", "operator " + weightsCall(`"role":"r","weight":2`), `{"type":"REMOVE_QUOTA","remove_quota":{"role":"r"}}`, 400, "no quota set"},

	{nil, "schedule", "", scheduleCall(window(otherMachine)), 200, ""},
	{rows{184}, "window without machines", "", scheduleCall(window("")), 400, "empty"},
	{rows{184}, "negative duration", "", scheduleCall(`{"machine_ids":[` + otherMachine + `],"unavailability":{"start":{"nanoseconds":1},"duration":{"nanoseconds":-1}}}`), 400, "negative"},
	{rows{184}, "machine of no name", "", scheduleCall(window(`{}`)), 400, "are empty"},
	{rows{184}, "machine of bad IP", "", scheduleCall(window(`{"ip":"10.0.0"}`)), 400, "not an IPv4 address"},
	{rows{184}, "machine twice", "", scheduleCall(window(otherMachine) + "," + window(`{"hostname":"H","ip":"10.0.0.9"}`)), 400, "more than once"},
	{rows{185}, "down machine left out", "operator " + scheduleCall(window(otherMachine)) + "\noperator " + machinesCall("START_MAINTENANCE", otherMachine), scheduleCall(""), 400, "cannot be removed from the schedule"},
	{rows{186}, "START_MAINTENANCE of nothing", "", machinesCall("START_MAINTENANCE", ""), 400, "empty"},
	{rows{186}, "START_MAINTENANCE twice at once", "operator " + scheduleCall(window(otherMachine)), machinesCall("START_MAINTENANCE", otherMachine+","+otherMachine), 400, "more than once"},
	{rows{186}, "START_MAINTENANCE unscheduled", "", machinesCall("START_MAINTENANCE", otherMachine), 400, "not part of a maintenance schedule"},
	{rows{186}, "START_MAINTENANCE of a machine that is down", "operator " + scheduleCall(window(otherMachine)) + "\noperator " + machinesCall("START_MAINTENANCE", otherMachine), machinesCall("START_MAINTENANCE", otherMachine), 400, "not in DRAINING mode"},
	{rows{187}, "STOP_MAINTENANCE of nothing", "", machinesCall("STOP_MAINTENANCE", ""), 400, "empty"},
	{rows{187}, "STOP_MAINTENANCE twice at once", "operator " + scheduleCall(window(otherMachine)) + "\noperator " + machinesCall("START_MAINTENANCE", otherMachine), machinesCall("STOP_MAINTENANCE", otherMachine+","+otherMachine), 400, "more than once"},
	{rows{187}, "STOP_MAINTENANCE unscheduled", "", machinesCall("STOP_MAINTENANCE", otherMachine), 400, "not part of a maintenance schedule"},
	{rows{187}, "STOP_MAINTENANCE of a machine that is up", "operator " + scheduleCall(window(otherMachine)), machinesCall("STOP_MAINTENANCE", otherMachine), 400, "not in DOWN mode"},

	{rows{188}, "DRAIN_AGENT in a window", withAgent + "\noperator " + scheduleCall(window(a1Machine)), agentCall("DRAIN_AGENT", ""), 400, "maintenance schedule"},
	{rows{188}, "DRAIN_AGENT, old agent", withAgent + " caps=none", agentCall("DRAIN_AGENT", ""), 400, "AGENT_DRAINING"},
	{rows{188}, "DRAIN_AGENT of nobody", "", agentCall("DRAIN_AGENT", ""), 400, "Unknown agent"},
	{rows{190}, "DEACTIVATE_AGENT of nobody", "", agentCall("DEACTIVATE_AGENT", ""), 400, "Unknown agent"},
	{rows{191}, "REACTIVATE_AGENT of an active one", withAgent, agentCall("REACTIVATE_AGENT", ""), 400, "not deactivated"},
	{rows{191}, "REACTIVATE_AGENT of a draining one", "subscribe f1 failover=10\n" + withAgent + "\nlaunch f1 t1 cpus:1\noperator " + agentCall("DRAIN_AGENT", ""), agentCall("REACTIVATE_AGENT", ""), 400, "DRAINING"},
	{rows{192}, "REACTIVATE_AGENT of one that is away", withAgent + "\noperator " + agentCall("DEACTIVATE_AGENT", "") + "\ndisconnect a1", agentCall("REACTIVATE_AGENT", ""), 409, "not currently registered"},
	{rows{193}, "MARK_AGENT_GONE again", withAgent + "\noperator " + agentCall("MARK_AGENT_GONE", ""), agentCall("MARK_AGENT_GONE", ""), 200, ""},
	{nil, "MARK_AGENT_GONE of an unreachable one", withAgent + "\ntick 80s", agentCall("MARK_AGENT_GONE", ""), 200, ""},
	{rows{195}, "MARK_AGENT_GONE of nobody", "", agentCall("MARK_AGENT_GONE", ""), 404, "not found"},
}

const launchOnVolume = `{"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t"},"agent_id":{"value":"m-S0"},"command":{"value":"true"},"resources":[` + volume + `]}]}}]}`

func TestOperatorRules(t *testing.T) {
	for _, c := range operatorCases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.must(strings.Split(c.before, "\n")...)
			hash := w.core.Hash()
			got := w.must("operator " + c.call)
			if !strings.Contains(got, fmt.Sprintf("reply %d", c.status)) || !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %d %q", got, c.status, c.want)
			}
			if c.status == 400 && w.core.Hash() != hash {
				t.Error("the refused call changed the state")
			}
		})
	}
}

// A REACTIVATE_AGENT that is answered 409 has cleared the deactivation all the same.
func TestReactivationWhileAway(t *testing.T) {
	w := newWorld(t)
	w.must(withAgent, "operator "+agentCall("DEACTIVATE_AGENT", ""), "disconnect a1", "operator "+agentCall("REACTIVATE_AGENT", ""))
	if w.core.agents["m-S0"].deactivated() {
		t.Error("the agent is still deactivated")
	}
}
