// Package units reads and prints the text that Mesos uses for durations ("15secs",
// "1weeks") and for amounts of memory and disk ("64KB", "2GB"): in flags, in messages,
// and in the environment of tasks.
package units
