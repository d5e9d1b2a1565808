package core

// Time is the time of a command, read by the driver. Mono orders timers and
// never goes back; Wall is what is written down and shown.
type Time struct {
	Mono int64 // nanoseconds on a scale of the process' own
	Wall int64 // nanoseconds since the Unix epoch
}

// Seconds is the wall time as Mesos' messages carry it.
func (t Time) Seconds() float64 { return float64(t.Wall) / 1e9 }

// IsZero reports whether no time was set.
func (t Time) IsZero() bool { return t == Time{} }
