package core

import (
	"testing"
)

// twoOffers are two offers of one agent, of two cpus each: f1 has used half and given it back.
const twoOffers = "subscribe f1 failover=1000\nagent a1 cpus:4;mem:64\nlaunch f1 t0 cpus:2;mem:32 refuse=0\napplied a1 1\ntick 1s\nupdate a1 f1 t0 TASK_FINISHED uuid=u1\nack f1 a1 t0 u1\ntick 1s"

func acceptOf(offers, operations string) string {
	return `call f1 {"type":"ACCEPT","accept":{"offer_ids":[` + offers + `],"operations":[` + operations + `]}}`
}

func launchOf(cpus string) string {
	return `{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t1"},"agent_id":{"value":"$a1"},` + someCommand +
		`,"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":` + cpus + `}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]}]}}`
}

// Several offers of an agent are one: a task may be larger than each of them.
func TestATaskTakesSeveralOffers(t *testing.T) {
	const both = `{"value":"m-O1"},{"value":"m-O2"}`
	runStories(t, []story{
		{nil, "larger than one", twoOffers, acceptOf(both, launchOf("3.5")), "reply 202\nlaunch t1 cpus(allocated: r):3.5", "ERROR"},
		{nil, "larger than both", twoOffers, acceptOf(both, launchOf("4.5")), "reply 202\nt1 TASK_ERROR MASTER TASK_INVALID", "launch t1"},
		{nil, "larger than the one that is named", twoOffers, acceptOf(`{"value":"m-O1"}`, launchOf("3.5")), "reply 202\nt1 TASK_ERROR MASTER TASK_INVALID", "launch t1"},
	})
}

// ACCEPT without operations, or with a LAUNCH of nothing, declines: with its filters, or those by default.
func TestAcceptWithoutOperationsDeclines(t *testing.T) {
	runStories(t, []story{
		{nil, "refused for 5 s", twoOnA1 + "\n" + acceptOf(`{"value":"m-O0"}`, ""), "tick 4s", "", "OFFERS"},
		{nil, "and then offered again", twoOnA1 + "\n" + acceptOf(`{"value":"m-O0"}`, ""), "tick 6s", "OFFERS [m-O1 on m-S0", ""},
		{nil, "a launch of nothing", twoOnA1 + "\n" + acceptOf(`{"value":"m-O0"}`, `{"type":"LAUNCH","launch":{"task_infos":[]}}`), "tick 4s", "", "OFFERS"},
		{nil, "filters of its own", twoOnA1 + "\n" + `call f1 {"type":"ACCEPT","accept":{"offer_ids":[{"value":"m-O0"}],"filters":{"refuse_seconds":0}}}`, "tick 1s", "OFFERS [m-O1 on m-S0", ""},
	})
}
