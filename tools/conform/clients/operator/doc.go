// Command operator is a conformance client: a person at mesos-go's operator API.
//
// It finds an agent, reserves resources there, makes a volume, grows and
// shrinks it, looks for each change in GET_AGENTS, gives all of it back; sets a
// quota and a weight and reads them again; announces and withdraws maintenance;
// deactivates and reactivates the agent. What must be refused is tried as well.
//
//	operator -url http://127.0.0.1:5050/api/v1 -codec json
//
// It exits 0 when every answer was the one wanted, 1 with the step that failed.
package main
