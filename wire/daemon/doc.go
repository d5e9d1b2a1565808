// Package daemon serves what every daemon of Mesos serves, whatever it is for: how
// much it logs (/logging/toggle), the load of its machine (/system/stats.json),
// the profilers that it does not have, the list of its endpoints (/help), and the
// parts of its log that readers of files ask for.
//
// Both services use it, so that one answers as the other.
package daemon
